"""Where every number comes from: data, code, libraries, artifacts, seeds and hardware."""

from __future__ import annotations

from collections.abc import Mapping

from reports.page import Cell, Chapter, Points, Section, Table
from reports.report_data import ReportData

HEADING = "Lineage"


def lineage(data: ReportData) -> Chapter:
    """Returns the chapter."""
    task, known = data.description.task, data.lineage
    seeds = Points(
        [
            ("Run", [data.run]),
            ("Made", [known.made if known else "not available in this run"]),
            ("Radflow", [data.description.radflow_version]),
            (
                "Data",
                [
                    f"SHA-256 of all records' keyed hashes, labels and splits: {known.data_digest}"
                    if known
                    else "not available in this run"
                ],
            ),
            ("Seeds", [f"training {task.training.seed}; splits drawn with the salt {task.split_salt!r}; intervals 0"]),
            (
                "Hardware",
                [f"{name}: {value}" for name, value in known.hardware.items()]
                if known
                else ["not available in this run"],
            ),
        ]
    )
    parts: list[Section] = [seeds]
    if known is None:
        return Chapter(HEADING, parts)
    parts.append(_artifacts(data))
    parts.append(_pairs("Code", ("Step", "SHA-256 of sources and library versions"), known.code_digests))
    parts.append(_pairs("Libraries", ("Library", "Version"), known.versions))
    return Chapter(HEADING, parts, note="Hardware and libraries are those of the machine that made this report.")


def _artifacts(data: ReportData) -> Table:
    used = data.lineage.artifacts if data.lineage else ()
    rows: list[list[Cell]] = [[one.name, "-" if one.id is None else str(one.id), one.type, one.place] for one in used]
    columns = ("Input", "MLMD id", "Type", "Where in the output")
    return Table("Artifacts it was made from", columns, rows)


def _pairs(heading: str, columns: tuple[str, str], pairs: Mapping[str, str]) -> Table:
    rows = [[name, value] for name, value in pairs.items()]
    return Table(heading, columns, rows, compact=True)
