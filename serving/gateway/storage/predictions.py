"""What models said of cases, as it is kept: the prediction, where the case then stands, and what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serving.gateway.principal import Principal
from serving.gateway.schemas.cases import CaseSummary
from serving.gateway.schemas.predictions import Prediction
from serving.gateway.storage import documents, served, shown, triage
from serving.gateway.storage.audit_trail import AuditTrail
from serving.gateway.storage.case_access import CaseAccess
from serving.gateway.storage.core_statements import insert_rows
from serving.gateway.storage.new_image import ServedImage
from serving.gateway.storage.tables import PredictionRow


class KeptPredictions:
    """The predictions of a store's cases; `Store.predictions`. They are read with their case.

    Args:
        access: opens the cases.
        audit: where it is noted what was said to whom.
    """

    def __init__(self, access: CaseAccess, audit: AuditTrail) -> None:
        self._access = access
        self._audit = audit

    def add(
        self,
        case_id: str,
        principal: Principal,
        prediction: Prediction,
        statistics: Sequence[ServedImage] = (),
        *,
        sent: bool = True,
    ) -> CaseSummary:
        """Keeps what a model said of a case, and returns what from now on the worklist shows.

        Args:
            case_id: the case.
            principal: who asked.
            prediction: under an id of its own.
            statistics: what the model was sent and answered, for each frame.
            sent: whether who asked is sent the prediction, which is noted (`shown`).

        Raises:
            ProblemError: NOT_FOUND, there is no such case (any more), or it is another group's.
        """
        with self._access.writing(case_id, principal) as (session, row):
            flagged, urgency = triage.flagged(prediction.findings), triage.urgency(prediction.findings)
            insert_rows(session, [_prediction_row(case_id, prediction, flagged, urgency)])
            if not row.sample:  # a sample is no patient, and would pass for a drift
                served.record(session, case_id, prediction, statistics)
            row.status = "withheld" if prediction.withheld else "predicted"
            row.model, row.flagged, row.urgency = prediction.model.name, flagged, urgency
            row.withheld = list(prediction.withheld.codes) if prediction.withheld else []
            triage.sort_again(row)
            if sent:
                shown.note(session, [case_id], principal.subject)
            self._audit.append(session, principal, *_told(case_id, prediction, flagged))
        return documents.summary(row)

    def set_failed(self, case_id: str, principal: Principal, reason: str = "") -> None:
        """Says of a case that its prediction failed; one that has a prediction keeps it.

        Args:
            case_id: the case.
            principal: who asked.
            reason: a word for the audit log, e.g. `unavailable`.

        Raises:
            ProblemError: NOT_FOUND, there is no such case (any more), or it is another group's.
        """
        with self._access.writing(case_id, principal) as (session, row):
            if row.status == "uploaded":
                row.status = "failed"
                triage.sort_again(row)
            self._audit.append(session, principal, "predict_failed", case_id, {"model": row.model, "reason": reason})


def _prediction_row(case_id: str, prediction: Prediction, flagged: list[str], urgency: float | None) -> PredictionRow:
    return PredictionRow(
        id=prediction.id,
        case_id=case_id,
        created_at=prediction.created_at,
        model=prediction.model.name,
        version=prediction.model.version,
        approved=prediction.model.approved,
        flagged=flagged,
        urgency=urgency,
        withheld=prediction.withheld is not None,
        document=prediction.model_dump(mode="json"),
    )


def _told(case_id: str, prediction: Prediction, flagged: list[str]) -> tuple[str, str, dict[str, Any]]:
    """Returns the action, subject and details of a prediction's entry in the audit log."""
    details: dict[str, Any] = {
        "prediction": prediction.id,
        "model": prediction.model.name,
        "version": prediction.model.version,
        "approved": prediction.model.approved,
    }
    if prediction.withheld:
        return "withhold", case_id, {**details, "codes": list(prediction.withheld.codes)}
    return "predict", case_id, {**details, "flagged": flagged}
