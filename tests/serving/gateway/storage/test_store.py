"""The store keeps and gives back cases, and shows nobody the cases of another group."""

import pytest

from serving.gateway.problems import NOT_FOUND, ProblemError
from serving.gateway.schemas import FeedbackRequest
from tests.serving.gateway.storage.examples import COLLEAGUE, READER, STRANGER, new_image, prediction, served_image


@pytest.fixture
def case_id(store):
    return store.add_case(READER, model="chest_model", images=[new_image(), new_image(b"second", file=2)])


def test_an_uploaded_case_has_its_images_and_nothing_else(store, case_id):
    case = store.case(case_id, READER)
    assert (case.status, case.number, case.images, case.modality, case.read) == ("uploaded", 1, 2, "DX", False)
    assert [image.file for image in case.image_list] == [1, 2] and case.thumbnail == case.image_list[0].id
    assert case.predictions == case.feedback == [] and case.urgency is None
    assert store.image_bytes(case_id, case.image_list[1].id, READER) == b"second"
    assert store.thumbnail_bytes(case_id, case.image_list[1].id, READER) == b"PNG of second"


def test_a_case_goes_from_upload_to_feedback_and_away(store, case_id):
    case = store.case(case_id, READER)
    made = prediction(case)
    store.add_prediction(case_id, READER, made, [served_image(case)])
    said = store.add_feedback(case_id, COLLEAGUE, FeedbackRequest(kind="agree", prediction=made.id))
    found = store.case(case_id, READER)
    assert found.predictions == store.predictions(case_id, READER) == [made]
    assert (found.status, found.flagged, found.read) == ("predicted", ["pneumonia"], True)
    assert said.mine and [(one.id, one.mine) for one in found.feedback] == [(said.id, False)]
    store.delete_case(case_id, READER)
    with pytest.raises(ProblemError) as refused:
        store.case(case_id, READER)
    assert refused.value.kind == NOT_FOUND
    actions = [entry.action for entry in store.audit_entries().entries]
    assert actions == ["upload", "view", "predict", "feedback", "view", "delete"]


def test_another_groups_case_is_not_found_and_the_attempt_is_audited(store, case_id):
    with pytest.raises(ProblemError) as refused:
        store.case(case_id, STRANGER)
    assert refused.value.kind == NOT_FOUND
    last = store.audit_entries().entries[-1]
    assert (last.actor, last.action, last.subject) == (STRANGER.subject, "refused", case_id)
