"""The models that the gateway asks, and how good they are."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from serving.gateway.schemas.base import Answer, Interval


class Approval(Answer):
    """Who approved a version for use, and in what words."""

    version: int
    by: str
    role: str
    statement: str
    at: datetime


class ModelVersion(Answer):
    """The version that answered.

    Attributes:
        approved: whether the server has it under the label `approved`, and the audit log has no approval of other files
            under this number.
    """

    name: str
    version: int
    approved: bool
    approval: Approval | None = None


class Model(Answer):
    """A model that the gateway is configured to ask; fields are None while the model server does not answer for it.

    Attributes:
        labels: in the task's order; `findings` those that are findings.
        exclusive: whether exactly one label holds (multi_class).
    """

    name: str
    available: bool
    version: ModelVersion | None = None
    title: str | None = None
    intended_use: str | None = None
    unit: Literal["image", "study"] | None = None
    labels: list[str] | None = None
    findings: list[str] | None = None
    exclusive: bool | None = None
    modalities: list[str] | None = None
    views: list[str] | None = None


class ModelList(Answer):
    """The configured models; the first is the one that is asked unless a request names another."""

    models: list[Model]


class TestedFinding(Answer):
    """How a finding did on the test split, at its operating point."""

    name: str
    patients_with: int | None
    patients_without: int | None
    metrics: dict[str, Interval]


class ModelCard(Answer):
    """What a model is for, how good it is, and for whom not."""

    model: ModelVersion
    title: str
    intended_use: str
    population: str
    reference_standard: str
    limitations: list[str]
    modalities: list[str]
    views: list[str]
    age_range: tuple[float, float] | None
    labels: list[str]
    operating_points: dict[str, float]
    prevalence: dict[str, float]
    deployment_prevalence: dict[str, float] | None
    unit: Literal["image", "study"]
    test_patients: int | None
    findings: list[TestedFinding]
    not_assessable: list[str]
    gates: list[str]
    radflow_version: str
    note: str
