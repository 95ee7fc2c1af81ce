"""The store keeps and gives back cases, and shows nobody the cases of another group."""

from datetime import timedelta

import pytest

from serving.gateway.problems import INVALID, NOT_FOUND, ProblemError
from serving.gateway.schemas.feedback import FeedbackRequest
from serving.gateway.schemas.images import RejectedFile
from serving.gateway.schemas.predictions import Declared
from tests.serving.gateway.storage.examples import (
    ADMIN,
    COLLEAGUE,
    READER,
    START,
    STRANGER,
    add_case,
    finding,
    new_image,
    prediction,
    served_image,
)


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "radflow-image-store"]


def actions(store):
    return [entry.action for entry in store.audit.page().entries]


def refusal(function, *arguments):
    with pytest.raises(ProblemError) as refused:
        function(*arguments)
    return refused.value


def test_an_uploaded_case_has_its_images_and_nothing_else(store, case_id):
    case = store.cases.get(case_id, READER)
    assert (case.status, case.number, case.images, case.modality, case.read) == ("uploaded", 1, 2, "DX", False)
    assert [image.file for image in case.image_list] == [1, 2] and case.thumbnail == case.image_list[0].id
    assert case.predictions == case.feedback == [] and case.urgency is None
    assert store.images.read(case_id, case.image_list[1].id, READER) == b"second"
    assert store.images.thumbnail(case_id, case.image_list[1].id, READER) == b"PNG of second"
    with store.images.file(case_id, case.image_list[0].id, READER) as path:
        assert path.read_bytes() == b"DICM file"


def test_images_are_what_was_given_but_for_their_id(store, case_id):
    image = store.cases.get(case_id, READER).image_list[0]
    assert image.model_copy(update={"id": "0" * 32}) == new_image().image and image.id != "0" * 32


def test_an_image_is_taken_from_a_file_too(store, tmp_path):
    (tmp_path / "upload").write_bytes(b"on disk")
    case_id = add_case(store, READER, new_image(tmp_path / "upload"))
    assert store.images.read(case_id, store.cases.get(case_id, READER).thumbnail, READER) == b"on disk"
    assert (tmp_path / "upload").exists()


def test_what_came_with_the_upload_is_kept(store):
    rejected = [RejectedFile(file=2, status="corrupt", reason="it ends too early")]
    case_id = add_case(
        store,
        READER,
        new_image(modality=""),
        rejected=rejected,
        declared=Declared(view="PA"),
        sample=True,
        expires_at=START + timedelta(days=30),
    )
    case = store.cases.get(case_id, READER)
    assert (case.rejected, case.declared, case.modality) == (rejected, Declared(view="PA"), "")
    assert case.sample and case.expires_at == START + timedelta(days=30)
    assert [(entry.action, entry.details) for entry in store.audit.page().entries][1] == ("declare", {"view": "PA"})


def test_a_case_goes_from_upload_to_feedback_and_away(store, case_id, images):
    case = store.cases.get(case_id, READER)
    made = prediction(case)
    store.predictions.add(case_id, READER, made, [served_image(case)])
    said = store.feedback.add(case_id, COLLEAGUE, FeedbackRequest(kind="agree", prediction=made.id))
    found = store.cases.get(case_id, READER)
    assert found.predictions == [made]
    assert (found.status, found.flagged, found.read) == ("predicted", ["pneumonia"], True)
    assert said.mine and [(one.id, one.mine) for one in found.feedback] == [(said.id, False)]
    assert len(files(images)) == 4
    store.cases.delete(case_id, READER)
    assert refusal(store.cases.get, case_id, READER).kind == NOT_FOUND
    assert files(images) == [] and list(store.served_records("chest_model")) == []
    assert actions(store) == ["upload", "view", "predict", "feedback", "view", "delete"]


def test_the_latest_prediction_is_what_the_worklist_shows(store, case_id):
    case = store.cases.get(case_id, READER)
    store.predictions.add(case_id, READER, prediction(case, codes=["modality_unknown"]))
    (withheld,) = store.cases.page(READER).cases
    assert (withheld.status, withheld.withheld, withheld.urgency) == ("withheld", ["modality_unknown"], None)
    quiet = [finding(probability=0.2, flagged=False), finding("no finding", 0.9, is_finding=False)]
    store.predictions.add(case_id, READER, prediction(case, findings=quiet, version=2, at=START + timedelta(hours=1)))
    (predicted,) = store.cases.page(READER).cases
    assert (predicted.status, predicted.withheld, predicted.flagged) == ("predicted", [], [])
    assert predicted.urgency == pytest.approx(-1.3862943611)  # ln(0.2 / 0.8) - ln(0.5 / 0.5)
    assert actions(store)[-2:] == ["withhold", "predict"]


def test_a_failed_prediction_is_shown_until_there_is_one(store, case_id):
    store.predictions.set_failed(case_id, READER, "unavailable")
    assert store.cases.page(READER).cases[0].status == "failed"
    case = store.cases.get(case_id, READER)
    store.predictions.add(case_id, READER, prediction(case))
    store.predictions.set_failed(case_id, READER, "unavailable")
    assert store.cases.page(READER).cases[0].status == "predicted"
    assert store.audit.page().entries[1].details == {"model": "chest_model", "reason": "unavailable"}


def test_statements_add_up_and_each_is_audited(store, case_id):
    store.cases.declare(case_id, READER, Declared(modality="CR"))
    assert store.cases.declare(case_id, READER, Declared(age_years=44)) == Declared(modality="CR", age_years=44)
    store.cases.declare(case_id, READER, Declared())
    assert store.cases.get(case_id, READER, view=False).declared == Declared(modality="CR", age_years=44)
    stated = [entry.details for entry in store.audit.page().entries if entry.action == "declare"]
    assert stated == [{"modality": "CR"}, {"age_years": 44}]


def test_only_an_opened_case_is_audited_as_viewed(store, case_id):
    store.cases.get(case_id, READER, view=False)
    store.cases.page(READER)
    assert actions(store) == ["upload"]
    store.cases.get(case_id, ADMIN)
    store.cases.get(case_id, READER)
    viewed = [("admin", "view"), (READER.subject, "view")]
    assert [(one.actor, one.action) for one in store.audit.page().entries][1:] == viewed


def test_feedback_comes_back_as_it_was_given(store, case_id):
    made = prediction(store.cases.get(case_id, READER, view=False))
    store.predictions.add(case_id, READER, made)
    comment = "Zmiana w płacie górnym 🫁\n<b>bold</b> '; DROP TABLE cases; --"
    asked = FeedbackRequest(kind="correct", labels=["effusion"], comment=comment, prediction=made.id)
    said = store.feedback.add(case_id, READER, asked)
    assert (said.kind, said.labels, said.comment, said.prediction) == ("correct", ["effusion"], comment, made.id)
    assert store.cases.get(case_id, READER, view=False).feedback == [said]
    assert "comment" not in store.audit.page().entries[-1].details


def test_feedback_on_another_cases_prediction_is_refused(store, case_id):
    other = add_case(store, READER)
    made = prediction(store.cases.get(other, READER))
    store.predictions.add(other, READER, made)
    asked = FeedbackRequest(kind="agree", prediction=made.id)
    assert refusal(store.feedback.add, case_id, READER, asked).kind == INVALID
    assert not store.cases.get(case_id, READER).read


def test_text_that_a_database_cannot_keep_is_refused(store, case_id):
    for request in (FeedbackRequest(kind="agree", comment="a\0b"), FeedbackRequest(kind="correct", labels=["\0"])):
        assert refusal(store.feedback.add, case_id, READER, request).kind == INVALID


@pytest.mark.parametrize(
    "ask",
    [
        lambda store, case, who: store.cases.get(case, who),
        lambda store, case, who: store.cases.get(case, who).predictions,
        lambda store, case, who: store.cases.delete(case, who),
        lambda store, case, who: store.predictions.set_failed(case, who),
        lambda store, case, who: store.cases.declare(case, who, Declared(modality="CR")),
        lambda store, case, who: store.feedback.add(case, who, FeedbackRequest(kind="agree")),
        lambda store, case, who: store.images.read(case, store.cases.get(case, READER).thumbnail, who),
        lambda store, case, who: store.images.file(case, store.cases.get(case, READER).thumbnail, who),
        lambda store, case, who: store.images.thumbnail(case, store.cases.get(case, READER).thumbnail, who),
        lambda store, case, who: store.predictions.add(case, who, prediction(store.cases.get(case, READER))),
    ],
)
def test_another_groups_case_is_not_found_and_the_attempt_is_audited(store, case_id, ask):
    assert refusal(ask, store, case_id, STRANGER).kind == NOT_FOUND
    last = store.audit.page().entries[-1]
    assert (last.actor, last.action, last.subject) == (STRANGER.subject, "refused", case_id)
    assert store.cases.page(STRANGER).total == 0
    assert store.cases.get(case_id, READER).status == "uploaded"


@pytest.mark.parametrize("wrong", ["f" * 32, "", "../../etc/passwd", "a\0b", "é" * 40])
def test_what_there_is_not_is_not_found_and_not_audited(store, case_id, wrong):
    assert refusal(store.cases.get, wrong, READER).kind == NOT_FOUND
    assert refusal(store.images.read, case_id, wrong, READER).kind == NOT_FOUND
    assert refusal(store.images.read, wrong, "0" * 32, READER).kind == NOT_FOUND
    assert actions(store) == ["upload"]


def test_an_image_is_found_in_its_own_case_alone(store, case_id):
    other = add_case(store, READER)
    assert refusal(store.images.read, other, store.cases.get(case_id, READER).thumbnail, READER).kind == NOT_FOUND


def test_cases_are_numbered_within_their_group(store, case_id):
    bones = add_case(store, STRANGER, model="bone_model")
    second = add_case(store, COLLEAGUE)
    assert [store.cases.get(one, ADMIN).number for one in (case_id, bones, second)] == [1, 1, 2]


def test_the_number_of_a_deleted_case_is_not_given_again(store, case_id):
    store.cases.delete(case_id, READER)
    assert store.cases.get(add_case(store, READER), READER).number == 2


def test_an_upload_whose_second_file_is_gone_leaves_nothing(store, images, tmp_path):
    with pytest.raises(FileNotFoundError):
        add_case(store, READER, new_image(), new_image(tmp_path / "gone"))
    assert files(images) == [] and store.cases.page(READER).total == 0 and actions(store) == []


def test_an_upload_whose_transaction_fails_leaves_nothing(store, images, clock, monkeypatch):
    monkeypatch.setattr(store.audit, "append", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        add_case(store, READER)
    monkeypatch.undo()
    assert files(images) == [] and store.cases.page(READER).total == 0 and actions(store) == []
    assert store.cases.get(add_case(store, READER), READER).number == 1


def test_an_image_that_was_altered_is_not_given_out(store, case_id, images):
    image_id = store.cases.get(case_id, READER).thumbnail
    (altered,) = [path for path in files(images) if path.read_bytes() == b"DICM file"]
    altered.write_bytes(b"DICM fiLe")
    assert "is not as it was stored" in refusal(store.images.read, case_id, image_id, READER).detail
    with pytest.raises(ProblemError, match="not as it was stored"), store.images.file(case_id, image_id, READER):
        pass
    altered.unlink()
    assert "is gone" in refusal(store.images.read, case_id, image_id, READER).detail


def test_the_store_is_ready(store):
    assert store.ready()


def test_an_image_store_that_may_not_be_written_is_not_ready(store, images, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    assert not store.ready()
