"""Reviewed cases as the store yields them, for tests of what is made of them."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta, timezone

from data_schemas.task import Labels
from serving.gateway.schemas.models import ModelVersion
from serving.gateway.schemas.predictions import Finding, Prediction, Withheld
from serving.gateway.storage.reviewed import Review, ReviewedCase

START = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
ONE = Labels(type="multi_class", names=("normal", "nodule", "cavity"), no_finding="normal")
ANY = Labels(type="multi_label", names=("Effusion", "Mass"))


def at(minutes):
    return START + timedelta(minutes=minutes)


def said(author, kind, *labels, minutes=10, prediction=None, blind=False):
    return Review(secrets.token_hex(16), at(minutes), author, kind, list(labels), "", prediction, blind)


def predicted(*flagged, names=ONE, minutes=1, version=1, withheld=False, model="synthetic_chest"):
    """Returns a prediction that flags some findings, or shows no scores."""
    findings = [
        Finding(
            name=name,
            probability=None if withheld else 0.9 if name in flagged else 0.1,
            prevalence=0.2,
            deployment=False,
            operating_point=0.5,
            flagged=None if withheld else name in flagged,
            in_set=None,
            is_finding=name != names.no_finding,
        )
        for name in names.names
    ]
    return Prediction(
        id=secrets.token_hex(16),
        created_at=at(minutes),
        model=ModelVersion(name=model, version=version, approved=False),
        unit="image",
        withheld=Withheld(codes=["view_unknown"], message="") if withheld else None,
        findings=findings,
        images=[],
        coverage=None,
        calibrated=True,
        not_assessable=[],
        intended_use="",
        note="",
    )


def case(*reviews, predictions=(), images=(), declared=None, model="synthetic_chest"):
    return ReviewedCase(
        id=secrets.token_hex(16),
        group="chest",
        number=1,
        created_at=START,
        sample=False,
        model=model,
        declared=declared,
        images=list(images),
        reviews=list(reviews),
        predictions=list(predictions),
        exported_at=None,
    )
