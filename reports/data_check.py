"""DataCheck's report: may these images and labels be trained on, and if not, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from data_schemas.ingest_report import IngestReport
from data_schemas.task import Task
from reports.page import Cell, Facts, Section, Table, Tag, Verdict, render_page


class Check(BaseModel):
    """One check of the data.

    Attributes:
        name: what was looked at.
        passed: whether nothing is wrong.
        blocking: whether the run stops when something is.
        summary: what was found.
        mend: what to do where it failed.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    blocking: bool
    summary: str
    mend: str


class CheckTable(BaseModel):
    """Details of checks: as many cells a row as there are columns.

    Attributes:
        heading: what the table shows.
        columns: names.
        rows: cells; images are named by their manifest row.
        note: a sentence under the heading.
    """

    model_config = ConfigDict(frozen=True)

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]
    note: str = ""


class DataCheckReport(BaseModel):
    """What the checks found in the data of one run.

    Attributes:
        task: the task's name.
        title: the task's title.
        checks: every check, passed or not.
        rows: rows of the manifest that may be used.
        without_consent, withdrawn: rows that were left out, for want of consent or because the patient withdrew.
        examples: images by split.
        patients: patients by split.
        labels: images by split and label.
        rejects: rejected rows by reason.
        warnings: rows by warning.
        tables: details of the checks.
    """

    model_config = ConfigDict(frozen=True)

    task: str
    title: str
    checks: tuple[Check, ...]
    rows: int
    without_consent: int = 0
    withdrawn: int = 0
    examples: dict[str, int]
    patients: dict[str, int]
    labels: dict[str, dict[str, int]]
    rejects: dict[str, tuple[int, ...]]
    warnings: dict[str, tuple[int, ...]]
    tables: tuple[CheckTable, ...] = ()

    @classmethod
    def of(
        cls, task: Task, ingest: IngestReport, checks: Sequence[Check], tables: Sequence[CheckTable] = ()
    ) -> DataCheckReport:
        """Returns the report of an ingest and the checks on it."""
        reasons: dict[str, list[int]] = {}
        for reject in ingest.rejects:
            reasons.setdefault(f"{reject.status}: {reject.reason}", []).append(reject.row)
        return cls(
            task=task.name,
            title=task.title,
            checks=tuple(checks),
            rows=ingest.rows,
            without_consent=ingest.without_consent,
            withdrawn=ingest.withdrawn,
            examples=dict(ingest.examples),
            patients={split: len(names) for split, names in ingest.patients.items()},
            labels={split: dict(counts) for split, counts in ingest.labels.items()},
            rejects={reason: tuple(rows) for reason, rows in reasons.items()},
            warnings={warning: tuple(rows) for warning, rows in ingest.warnings.items()},
            tables=tuple(tables),
        )

    @property
    def stopping(self) -> tuple[Check, ...]:
        """The failed checks that stop the run."""
        return tuple(check for check in self.checks if check.blocking and not check.passed)

    @property
    def blocked(self) -> bool:
        """Whether the run stops."""
        return bool(self.stopping)

    def message(self) -> str:
        """Returns the failed checks with what mends each, those that stop the run first; for a terminal."""
        failed = sorted((check for check in self.checks if not check.passed), key=lambda check: not check.blocking)
        head = "the data was refused" if self.blocked else "the data was accepted"
        lines = [f"{head}: {_count(len(failed), 'check')} of {len(self.checks)} failed"]
        for check in failed:
            lines += [f"  - {check.name} ({_word(check)}): {check.summary}", f"    to mend it: {check.mend}"]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Returns the report as JSON; `DataCheckReport.model_validate_json` reads it back."""
        return self.model_dump_json(indent=1)

    def to_html(self) -> str:
        """Returns the report as a page, the verdict first."""
        sections: list[Section] = [self._verdict(), self._facts(), self._check_table(), self._label_table()]
        sections += [Table(table.heading, table.columns, table.rows, note=table.note) for table in self.tables]
        sections += _row_tables({"Rejected images": self.rejects, "Warnings": self.warnings})
        return render_page("Data check", sections, subtitle=f"{self.title} ({self.task})")

    def _verdict(self) -> Verdict:
        failed = [check for check in self.checks if not check.passed]
        if self.blocked:
            names = "; ".join(check.name for check in self.stopping)
            return Verdict("Refused", f"The run stopped before training: {names}. What to do is below.", "bad")
        if failed:
            text = f"{_count(len(failed), 'check')} found something to look at that does not stop the run."
            return Verdict("Accepted with warnings", text, "warn")
        return Verdict("Accepted", f"All {len(self.checks)} checks passed.", "good")

    def _facts(self) -> Facts:
        rejected = sum(len(rows) for rows in self.rejects.values())
        images, patients = sum(self.examples.values()), sum(self.patients.values())
        facts = [("Manifest rows", self.rows), ("Images", images), ("Patients", patients), ("Rejected", rejected)]
        left_out = [("Left out without consent", self.without_consent), ("Left out, withdrawn", self.withdrawn)]
        return Facts([*facts, *((name, count) for name, count in left_out if count)])

    def _check_table(self) -> Table:
        failed_first = sorted(self.checks, key=lambda check: (check.passed, not check.blocking))
        rows = [(check.name, _tag(check), check.summary, "" if check.passed else check.mend) for check in failed_first]
        return Table("Checks", ("Check", "Verdict", "What was found", "What to do"), rows)

    def _label_table(self) -> Table:
        names = list(dict.fromkeys(name for counts in self.labels.values() for name in counts))
        rows: list[Sequence[Cell]] = [
            (split, self.patients.get(split, 0), images, *(self.labels.get(split, {}).get(name, 0) for name in names))
            for split, images in self.examples.items()
        ]
        total: Counter[str] = Counter()
        for counts in self.labels.values():
            total.update(counts)
        everything = (sum(self.patients.values()), sum(self.examples.values()), *(total[name] for name in names))
        return Table(
            "Patients, images and labels by split",
            ("Split", "Patients", "Images", *names),
            [*rows, ("all", *everything)],
        )


_SHOWN_RANGES = 30


def _row_tables(kinds: dict[str, dict[str, tuple[int, ...]]]) -> list[Table]:
    """Returns a table for each kind that has rows: reason, count and which rows of the manifest."""
    tables = []
    for heading, rows_by_reason in kinds.items():
        listed = sorted(rows_by_reason.items(), key=_most_first)
        rows = [(reason, len(numbers), rows_text(numbers)) for reason, numbers in listed]
        if rows:
            columns = ("Reason", "Images", "Manifest rows")
            tables.append(Table(heading, columns, rows, note="The first data row is row 1."))
    return tables


def _most_first(item: tuple[str, tuple[int, ...]]) -> tuple[int, str]:
    return -len(item[1]), item[0]


def rows_text(rows: Iterable[int]) -> str:
    """Returns rows as text, neighbours as a range: `3, 5-9`."""
    ranges: list[list[int]] = []
    for row in sorted(rows):
        if ranges and row == ranges[-1][1] + 1:
            ranges[-1][1] = row
        else:
            ranges.append([row, row])
    shown = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges[:_SHOWN_RANGES])
    return shown + (f" and {len(ranges) - _SHOWN_RANGES} more" if len(ranges) > _SHOWN_RANGES else "")


def _word(check: Check) -> str:
    if check.passed:
        return "passed"
    return "stops the run" if check.blocking else "warning"


def _tag(check: Check) -> Tag:
    return Tag(_word(check), "good" if check.passed else "bad" if check.blocking else "warn")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
