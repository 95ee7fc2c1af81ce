"""The task model: everything that makes one diagnosis task, typed; what a YAML file in `tasks/` must say.

A new task is one YAML file, inside or outside this repository, and nothing else. `data_schemas.task_file` reads one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from data_schemas.decisions import Decisions
from data_schemas.drift_limits import DriftLimits
from data_schemas.features import HEADER_SLICES, SPLITS
from data_schemas.gates import Gate
from data_schemas.image_settings import Image, Intensity
from data_schemas.strict import Path, Positive, Problem, Share, Strict, Text, refuse
from data_schemas.training_settings import Augmentation, Training
from data_schemas.tuning_settings import Tuning

MANIFEST_COLUMNS = (
    "file",
    "patient_id",
    "study_id",
    "label",
    "sex",
    "age",
    "site",
    "modality",
    "view",
    "manufacturer",
    "split",
    "consent",
)
"""Manifest columns that have a meaning of their own, so that no finding's column may be called so."""

_TASK_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Labels(Strict):
    """The labels in their fixed order, which is the order of every vector of scores.

    Attributes:
        type: `multi_class`: one label an image, scores sum to 1; `multi_label`: any number of findings an image.
        names: the labels, spelled as in the manifest.
        no_finding: the label that means "nothing found" (multi-class only), or null.
        column: the manifest column with the label (multi-class only); multi-label has one column per finding.
    """

    type: Literal["multi_class", "multi_label"]
    names: Annotated[tuple[Text, ...], Field(min_length=1)]
    no_finding: str | None = None
    column: Text = "label"

    @model_validator(mode="after")
    def _names_agree(self) -> Labels:
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise ValueError(f"labels stand more than once: {', '.join(repeated)}; list each once")
        if self.type == "multi_class" and len(self.names) < 2:
            raise ValueError("a multi-class task needs at least two labels; for one finding use type: multi_label")
        if self.no_finding is not None and self.no_finding not in self.names:
            raise ValueError(f"no_finding {self.no_finding!r} is not one of names: {', '.join(self.names)}")
        if self.type == "multi_label" and self.no_finding is not None:
            raise ValueError("a multi-label task has no no_finding label: all findings absent says it; remove the line")
        taken = [name for name in self.names if name in MANIFEST_COLUMNS]
        if self.type == "multi_label" and taken:
            raise ValueError(
                f"each finding has a manifest column of its name, and {', '.join(taken)} mean something else there; "
                "rename the finding here and in the manifest"
            )
        return self

    @property
    def findings(self) -> tuple[str, ...]:
        """Every label but the one that means "no finding"."""
        return tuple(name for name in self.names if name != self.no_finding)


class Splits(Strict):
    """Shares of patients per split, and the salt of the hash that draws them (the task's name unless given)."""

    train: Share = 0.7
    eval: Share = 0.1
    calibration: Share = 0.1
    test: Share = 0.1
    salt: str = ""

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Splits:
        if abs(sum(self.shares.values()) - 1) > 1e-6:
            raise ValueError(f"the shares sum to {sum(self.shares.values()):g}; they must sum to 1")
        empty = [name for name in ("train", "eval", "test") if not self.shares[name]]
        if empty:
            raise ValueError(f"{', '.join(empty)} must not be empty: give each a share above 0")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Share of patients by split, in the order of `SPLITS`."""
        return {name: getattr(self, name) for name in SPLITS}


class Waived(Strict):
    """Consent is not asked for, because of a reason that an auditor will read."""

    waived: Text


Policy = Literal["block", "warn"]


class DataPolicy(Strict):
    """When DataCheck stops a run (`block`) or only says so (`warn`).

    Attributes:
        max_rejected_share: share of rows that may be rejected; `rejected` is for more.
        anomalies: what the schema does not allow.
        duplicates: identical files or pixels in two splits. near_duplicates: images that look alike in two splits.
        label_conflicts: duplicates, or images of one patient, with different labels.
        small_groups: groups with too few patients in `test`.
        shortcuts: something that is no disease tells the label.
        quality: images of one value, or far from the others.
        burned_in_text: text on the pixels of images whose modality writes on its pictures.
        drift: splits, or a former run's data, are distributed otherwise.
    """

    max_rejected_share: Share = 0.05
    rejected: Policy = "block"
    anomalies: Policy = "block"
    duplicates: Policy = "block"
    near_duplicates: Policy = "warn"
    label_conflicts: Policy = "warn"
    small_groups: Policy = "warn"
    shortcuts: Policy = "warn"
    quality: Policy = "warn"
    burned_in_text: Policy = "warn"
    drift: Policy = "warn"


class PublishedWeights(Strict):
    """A weights file on the web, which is used only when its bytes are those that were published.

    Attributes:
        url: where it is fetched from, http or https.
        sha256: its SHA-256 in hex.
    """

    url: Text
    sha256: str

    @field_validator("url")
    @classmethod
    def _url_is_http(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^/\s]+/\S+", url):
            raise ValueError("write the whole address, https://HOST/PATH")
        return url

    @field_validator("sha256")
    @classmethod
    def _digest_is_hex(cls, digest: str) -> str:
        if not re.fullmatch("[0-9a-fA-F]{64}", digest):
            raise ValueError("a SHA-256 is 64 hex digits; `sha256sum FILE` prints it")
        return digest.lower()


class Model(Strict):
    """The network: a row of `models.backbones`, the weights it starts from, and the head on top.

    Attributes:
        backbone: a name from the registry.
        weights: `imagenet`, `none` (random), the path of a weights file, or where one is published.
        scaling: how the weights want the image, where that is not how the backbone's ImageNet weights want it.
        alpha: width multiplier, for the MobileNets.
        hidden: widths of the head's hidden layers.
        dropout: share dropped before each head layer.
    """

    backbone: Text = "mobilenet"
    weights: Text | PublishedWeights = "imagenet"
    scaling: Literal["unit", "byte", "tf", "torch", "caffe"] | None = None
    alpha: Positive | None = None
    pooling: Literal["avg", "max"] = "avg"
    hidden: tuple[Annotated[int, Field(gt=0)], ...] = ()
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2

    @field_validator("weights", mode="before")
    @classmethod
    def _weights_are_told(cls, weights: Any) -> Any:
        if isinstance(weights, PublishedWeights) or (isinstance(weights, str) and weights):
            return weights
        if isinstance(weights, dict) and set(weights) == {"url", "sha256"}:
            return weights
        raise ValueError("write `imagenet`, `none`, the path of a weights file, or `{url: https://..., sha256: ...}`")


class Task(Strict):
    """One diagnosis task.

    `consent: required` uses the rows with `yes` in the manifest's column `consent` alone; `consent: {waived: REASON}`
    uses all but those with `no`.

    `max_looks` is how many models may be judged on one test split: each look at it makes the next less honest.

    `unit` is what is judged: with `study`, the images of one study get one score (`study_score`: the mean of their
    logits, or the highest) and one label, and all that is fitted on the calibration split and said of the test split is
    of studies. The network is trained on images either way.

    `drift` is how far what is served may be from what the model was trained and tested on (`radflow drift`).

    `deployment_prevalence` is each finding's share where the model will be used. Scores then are probabilities there;
    else they are probabilities where findings are as common as in the calibration split. Flags are the same either way.

    Example:
        >>> from data_schemas.task_file import load_task
        >>> load_task("synthetic_chest").labels.findings[0]
        'nodule'
    """

    name: str
    title: Text
    intended_use: Text
    population: Text
    reference_standard: Text
    consent: Literal["required"] | Waived
    limitations: tuple[Text, ...] = ()
    modalities: Annotated[tuple[Text, ...], Field(min_length=1)]
    views: tuple[Text, ...] = ()
    accepts_for_processing: bool = False
    intensity: Intensity = Intensity()
    image: Image = Image()
    labels: Labels
    unit: Literal["image", "study"] = "image"
    study_score: Literal["mean", "max"] = "mean"
    age_groups: tuple[Annotated[int, Field(ge=0, le=120)], ...] = (0, 18, 40, 65)
    slices: tuple[tuple[Text, ...], ...] = ()
    splits: Splits = Splits()
    data_policy: DataPolicy = DataPolicy()
    drift: DriftLimits = DriftLimits()
    gates: Annotated[tuple[Gate, ...], Field(min_length=1)]
    max_looks: Annotated[int, Field(ge=1)] | None = None
    decisions: Decisions = Decisions()
    deployment_prevalence: dict[str, Annotated[float, Field(gt=0.0, lt=1.0)]] = Field(default_factory=dict)
    model: Model = Model()
    training: Training = Training()
    tuning: Tuning = Tuning()

    @field_validator("name")
    @classmethod
    def _name_is_served(cls, name: str) -> str:
        if not _TASK_NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is also a folder and a served model: use a-z, 0-9 and _, at most 63, a letter first"
            )
        return name

    @field_validator("consent", mode="before")
    @classmethod
    def _consent_is_declared(cls, consent: Any) -> Any:
        reason = consent.get("waived") if isinstance(consent, dict) and len(consent) == 1 else None
        if consent == "required" or isinstance(consent, Waived) or (isinstance(reason, str) and reason.strip()):
            return consent
        raise ValueError(
            "write `consent: required` (only rows with `yes` in the manifest's column `consent` are used), or "
            "`consent: {waived: REASON}`"
        )

    @field_validator("modalities", "views")
    @classmethod
    def _codes_are_upper_case(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        lower = [code for code in codes if code != code.upper()]
        if lower:
            wanted = ", ".join(code.upper() for code in lower)
            raise ValueError(f"{', '.join(lower)} would match no image, DICOM writes upper case: write {wanted}")
        return codes

    @field_validator("slices")
    @classmethod
    def _slices_differ(cls, slices: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        groups = [frozenset(names) for names in slices]
        if frozenset() in groups:
            raise ValueError("an entry is empty; name one feature or more, e.g. [sex], or remove it")
        for names, group in zip(slices, groups, strict=True):
            if len(group) < len(names):
                raise ValueError(f"[{', '.join(names)}] names a feature more than once; name each once")
            if groups.count(group) > 1:
                raise ValueError(f"[{', '.join(names)}] stands more than once, in whatever order; keep one")
        return slices

    @field_validator("age_groups")
    @classmethod
    def _age_groups_rise(cls, bounds: tuple[int, ...]) -> tuple[int, ...]:
        if any(low >= high for low, high in itertools.pairwise(bounds)):
            raise ValueError("age_groups are lower bounds in years and must rise, e.g. [0, 18, 40, 65]")
        return bounds

    @model_validator(mode="after")
    def _parts_agree(self, info: ValidationInfo) -> Task:
        refuse(self.problems(), info)
        return self

    def problems(self) -> list[Problem]:
        """Returns what does not go together: parts of the task, gates and the task; not parts of one gate."""
        return [
            *self._gate_problems(),
            *self._image_problems(),
            *self._unit_problems(),
            *self._decision_problems(),
            *self._prevalence_problems(),
        ]

    def _image_problems(self) -> Iterator[Problem]:
        if self.intensity.policy == "hounsfield" and self.modalities != ("CT",):
            said = (
                f"intensity.policy: hounsfield with modalities {', '.join(self.modalities)}: only CT has Hounsfield "
                "units; use voi (CR, DX, MG, XA), percentile (MR, US), or modalities: [CT]"
            )
            yield Problem(("intensity", "policy"), said, (("modalities",),))
        if self.image.normalization == "standardized" and self.model.weights != "none":
            said = "image.normalization: standardized clashes with pretrained weights, which bring their own scaling"
            yield Problem(("image", "normalization"), said, (("model", "weights"),))
        if self.image.normalization == "standardized" and self.training.augmentation != Augmentation():
            said = (
                "image.normalization: standardized clashes with training.augmentation: "
                "augmentation works on 0..1 images; switch it off or use normalization: unit"
            )
            yield Problem(("image", "normalization"), said, (("training", "augmentation"),))
        private = sorted(set(self.extra_columns) & {*MANIFEST_COLUMNS, self.labels.column, *self.labels.names})
        if private:
            said = (
                f"slices by {', '.join(private)}: a slice's values are copied into every record, so it may name a "
                f"header feature ({', '.join(HEADER_SLICES)}) or a column of your own, no identifier and no label"
            )
            yield Problem(("slices",), said, (("labels",),))
        if self.model.weights == "none" and not self.training.epochs:
            said = "training.epochs is 0 and model.weights is none: random weights cannot stay frozen"
            yield Problem(("training", "epochs"), said, (("model", "weights"),))

    def _unit_problems(self) -> Iterator[Problem]:
        # A value that equals its default says nothing: a dumped task has them all.
        if self.study_score == "mean":
            return
        if self.unit == "image":
            said = f"study_score: {self.study_score} means nothing with unit: image; remove it, or use unit: study"
            yield Problem(("study_score",), said, (("unit",),))
        elif self.labels.type == "multi_class" and self.labels.no_finding is None:
            said = (
                "study_score: max is the highest log odds of each label against `no_finding`, which this task has not: "
                "name it under labels, or use study_score: mean"
            )
            yield Problem(("study_score",), said, (("labels",), ("unit",)))

    def _decision_problems(self) -> Iterator[Problem]:
        findings = self.labels.findings
        for name in sorted(set(self.decisions.findings) - set(findings)):
            said = f"decisions.findings: {name!r} is not one of {', '.join(findings)}"
            yield Problem(("decisions", "findings", name), said, (("labels",),))

    def _prevalence_problems(self) -> Iterator[Problem]:
        labels, declared, key = self.labels, self.deployment_prevalence, "deployment_prevalence"
        about: tuple[Path, ...] = (("labels",),)
        strangers = sorted(set(declared) - set(labels.names))
        for name in strangers:
            yield Problem((key, name), f"{key}: {name!r} is not one of {', '.join(labels.names)}", about)
        if not declared or strangers:
            return
        missing = [name for name in labels.names if name not in declared]
        if labels.type == "multi_label" and missing:
            yield Problem((key,), f"{key} lacks {', '.join(missing)}: declare every finding's", about)
        if labels.type == "multi_class" and len(missing) > 1:
            said = f"{key} lacks {', '.join(missing)}: declare all labels' but one, which is the rest"
            yield Problem((key,), said, about)
        total = sum(declared.values())
        if labels.type == "multi_class" and (total >= 1 if missing else abs(total - 1) > 1e-6):
            said = f"{key} sums to {total:g}; shares of labels that exclude each other sum to 1"
            yield Problem((key,), said, about)

    def _gate_problems(self) -> Iterator[Problem]:
        names = [gate.name for gate in self.gates]
        for index, gate in enumerate(self.gates):
            if gate.name in names[:index]:
                yield Problem(("gates", index, "name"), f"gate {gate.name!r} stands more than once")
            yield from self._problems_of(index, gate)

    def _problems_of(self, index: int, gate: Gate) -> Iterator[Problem]:
        findings, place = self.labels.findings, ("gates", index)
        if gate.finding is not None and gate.finding not in findings:
            said = f"gate {gate.name!r}: finding {gate.finding!r} is not one of {', '.join(findings)}"
            yield Problem((*place, "finding"), said, (("labels",),))
        if gate.finding is None and gate.metric == "accuracy" and self.labels.type == "multi_label" and not gate.gap:
            said = f"gate {gate.name!r}: accuracy of a multi-label task needs a `finding`"
            yield Problem((*place, "metric"), said, ((*place, "finding"), (*place, "gap"), ("labels",)))
        for named, wanted in (("slice", set(gate.slice)), ("gap", {gate.gap} if gate.gap else set())):
            if wanted and wanted not in map(set, self.slices):
                listed = ", ".join(sorted(map(str, wanted)))
                said = f"gate {gate.name!r}: {named} by {listed} is not one of the task's `slices`"
                yield Problem((*place, named), said, (("slices",),))

    @property
    def channels(self) -> int:
        """Channels of the transformed image: one for each CT window, else one."""
        return max(1, len(self.intensity.windows))

    @property
    def extra_columns(self) -> tuple[str, ...]:
        """Manifest columns, beyond the header's, that the slices name; sorted."""
        return tuple(sorted({name for slice_ in self.slices for name in slice_} - set(HEADER_SLICES)))

    @property
    def split_salt(self) -> str:
        """Salt of the hash that draws a patient's split."""
        return self.splits.salt or self.name
