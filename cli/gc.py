"""`radflow gc`: removes old artifacts that no pushed model's lineage needs, and says first what they are."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.garbage import Plan
    from pipeline.metadata_graph import MetadataGraph

_WITHDRAWN = "holds a withdrawn patient's images"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Say which artifacts of former runs nobody needs any more, and remove them with --remove. What a version in "
        "OUTPUT/serving was made from, judged and reported by stays, and so do the newest runs. Images of a patient "
        "who withdrew go even so. The metadata store keeps its record of all of them."
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="the output folder of the runs [RADFLOW_OUTPUT, or radflow-output]"
    )
    parser.add_argument(
        "--keep-runs",
        type=_whole,
        default=1,
        metavar="N",
        help="keep what the N newest runs made or used [%(default)s]",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--remove", action="store_true", help="remove; nothing is removed without this")
    choice.add_argument("--dry-run", action="store_true", help="only say what would go, which is the default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Says what may go, and removes it where asked.

    Raises:
        ConfigurationError: there is no run, one is at work, or the metadata store cannot be used.
    """
    import local_runner
    from cli.output_folder import named_output, require_runs
    from pipeline.metadata_database import output_database
    from pipeline.metadata_graph import read_graph

    output = named_output(arguments.output)
    store = output_database(output)
    require_runs(output, read_graph(store))
    with local_runner.only_run(output):
        graph = read_graph(store)
        found = _found(output, graph, keep_runs=arguments.keep_runs)
        if arguments.remove:
            _remove(found, output, graph, store.connect())
    print(json.dumps(found.to_json(removed=arguments.remove)) if arguments.json else _text(found, arguments.remove))
    return 0


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


@dataclass(frozen=True)
class Found:
    """What may go: by the plan, and (path, bytes) of what holds images of patients who withdrew."""

    plan: Plan
    withdrawn: tuple[tuple[Path, int], ...]

    @property
    def rows(self) -> list[tuple[Path, int, str]]:
        """Path, bytes and reason of all that may go, each path once."""
        withdrawn = {path: (path, size, _WITHDRAWN) for path, size in self.withdrawn}
        planned = {one.path: (one.path, one.size, one.why) for one in self.plan.garbage}
        rows = (planned | withdrawn).values()
        gone = [path for path, _, _ in rows]
        return sorted(row for row in rows if not any(other in row[0].parents for other in gone))

    def to_json(self, *, removed: bool) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "removed": removed,
            "bytes": sum(size for _, size, _ in self.rows),
            "garbage": [{"path": str(path), "bytes": size, "why": why} for path, size, why in self.rows],
            "kept": {"folders": self.plan.kept, "bytes": self.plan.kept_size},
            "versions_without_record": list(self.plan.unknown),
        }


def _found(output: Path, graph: MetadataGraph, *, keep_runs: int) -> Found:
    from cli.cached_images import held_of
    from imaging.withdrawals import read_withdrawn
    from pipeline.artifact_root import artifact_root
    from pipeline.garbage import plan
    from pipeline.settings import withdrawals

    held = held_of(read_withdrawn(withdrawals(output)), output)
    root = artifact_root(output)
    return Found(plan(output, graph, keep_runs=keep_runs), tuple((path, root.size(path)) for path in held))


def _remove(found: Found, output: Path, graph: MetadataGraph, database: Any) -> None:
    """Removes; the metadata store is told first, so that no run takes half a folder from the cache."""
    from cli.cached_images import remove_held
    from pipeline.artifact_root import artifact_root
    from pipeline.garbage import mark_deleted

    root = artifact_root(output)
    held = [path for path, _ in found.withdrawn]
    folders = [path for path, _, _ in found.rows if path not in held or path.parent.parent.parent == root.folder]
    gone = {path.parts[-3:] for path in folders}
    mark_deleted(database, [one for one in graph.artifacts.values() if one.uri.parts[-3:] in gone])
    if held:
        remove_held(held, output)
    for path in folders:
        root.remove(path)


def _text(found: Found, removed: bool) -> str:
    from cli.run_text import table

    rows, plan = found.rows, found.plan
    size = _size(sum(one for _, one, _ in rows))
    kept = f"{_folders(plan.kept)} of {_size(plan.kept_size)} are needed and stay."
    lines = (
        [table([("Folder", "Size", "Why"), *((str(path), _size(one), why) for path, one, why in rows)])] if rows else []
    )
    if not rows:
        lines.append(f"Nothing to remove: {kept}")
    elif removed:
        lines.append(f"Removed {size}. {kept}")
    else:
        lines.append(f"{size} would be removed by --remove. {kept}")
    if plan.unknown:
        names = ", ".join(plan.unknown)
        lines.append(f"The metadata store does not have {names}: what it does not record stays, for it may be theirs.")
    return "\n".join(lines)


def _folders(count: int) -> str:
    return "1 folder" if count == 1 else f"{count} folders"


def _size(count: int) -> str:
    """Returns bytes with a binary unit."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"
