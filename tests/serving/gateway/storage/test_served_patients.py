"""Records of what was served: those of one patient belong together, whoever that is, and a sample leaves none."""

from datetime import timedelta

from tests.serving.gateway.storage.examples import READER, START, add_case, new_image, prediction, served_image


def case_of(store, patient, *, sample=False, expires_at=None):
    images = [new_image(patient=patient)]
    return add_case(store, READER, *images, sample=sample, expires_at=expires_at)


def predicted(store, case_id, **options):
    case = store.cases.get(case_id, READER, view=False)
    store.predictions.add(case_id, READER, prediction(case, **options), [served_image(case)])


def patients(store):
    return [record.patient for record in store.served_records("chest_model")]


def test_records_of_one_patient_share_a_token_that_is_not_the_patients_hash(store):
    for patient in ("a" * 32, "b" * 32, "a" * 32, "", ""):
        predicted(store, case_of(store, patient))
    first, second, again, nameless, other = patients(store)
    assert first == again and len({first, second, nameless, other}) == 4
    assert not {first, second} & {"a" * 32, "b" * 32} and len(first) == 32


def test_a_case_that_is_predicted_again_keeps_its_token(store):
    case_id = case_of(store, "")
    predicted(store, case_id)
    (before,) = patients(store)
    predicted(store, case_id)
    assert patients(store) == [before]
    predicted(store, case_id, version=2)
    assert patients(store) == [before, before]


def test_a_purge_leaves_what_belongs_together_and_nothing_that_leads_to_the_patient(store):
    for _ in range(2):
        predicted(store, case_of(store, "a" * 32, expires_at=START + timedelta(days=1)))
    store.purge(START + timedelta(days=2))
    first, second = patients(store)
    assert first == second
    predicted(store, case_of(store, "a" * 32))
    assert patients(store)[-1] != first


def test_a_record_says_whether_the_model_called_the_image_out_of_its_scope(store):
    predicted(store, case_of(store, "a" * 32))
    (record,) = store.served_records("chest_model")
    assert record.out_of_scope is False


def test_a_sample_leaves_no_record(store):
    predicted(store, case_of(store, "a" * 32, sample=True))
    assert patients(store) == []


def test_a_case_of_which_nothing_could_be_sent_leaves_one_record_of_that(store):
    case_id = case_of(store, "a" * 32)
    case = store.cases.get(case_id, READER, view=False)
    store.predictions.add(case_id, READER, prediction(case, codes=["not_accepted"]), [])
    (record,) = store.served_records("chest_model")
    assert (record.withheld, record.features, record.scores) == (["not_accepted"], {}, {})
