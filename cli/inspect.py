"""`radflow inspect`: says what each file is, and how it decodes or why not."""

from __future__ import annotations

import argparse
import collections
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from data_schemas.errors import ConfigurationError

_COLUMNS = ("status", "modality", "transfer_syntax", "photometric", "shape", "values", "file")
_WIDTHS = (11, 8, 25, 15, 16, 24, 0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a file, or a folder to walk")
    parser.add_argument("--headers", action="store_true", help="read headers alone, without decoding any pixel: fast")
    parser.add_argument(
        "--decoders",
        action="store_true",
        help="instead: decode a known frame of every transfer syntax, and say which work",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Prints one line a file, or one a transfer syntax.

    Raises:
        ConfigurationError: a path does not exist, or none was given.
    """
    if arguments.decoders:
        return _decoders(as_json=arguments.json)
    if not arguments.paths:
        raise ConfigurationError("name a file or a folder, or ask for --decoders")
    absent = [str(path) for path in arguments.paths if not path.exists()]
    if absent:
        raise ConfigurationError(f"no such file or folder: {', '.join(absent)}")
    if not arguments.json:
        print(_line(_COLUMNS))
    counts: collections.Counter[str] = collections.Counter()
    unread = 0
    for answer in _answers(arguments.paths, headers=arguments.headers):
        unread += "error" in answer
        if "error" in answer:
            print(f"radflow inspect: {answer['file']}: {answer['error']}", file=sys.stderr)
            continue
        counts[answer["status"]] += 1
        print(json.dumps(answer) if arguments.json else _table_line(answer), flush=True)
    if not arguments.json:
        total = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        print(f"{sum(counts.values())} files: {total}" if counts else "0 files")
    return 1 if unread else 0


def _decoders(*, as_json: bool) -> int:
    """Prints the matrix of transfer syntaxes; returns 1 where one does not work."""
    import dataclasses

    from imaging.decoder_check import check_decoders

    rows = check_decoders()
    for row in rows:
        if as_json:
            print(json.dumps(dataclasses.asdict(row)))
        else:
            print(f"{row.transfer_syntax:<25}  {row.name:<50}  {row.decoder:<20}  {row.problem or 'ok'}")
    broken = sum(bool(row.problem) for row in rows)
    if not as_json:
        print(f"{len(rows) - broken} of {len(rows)} transfer syntaxes are read")
    return 1 if broken else 0


def _answers(paths: list[Path], *, headers: bool) -> Iterator[dict[str, Any]]:
    from imaging.image_file import files_below
    from imaging.inspection import inspect_file, inspect_header

    inspect = inspect_header if headers else inspect_file
    for path in chain.from_iterable(map(files_below, paths)):
        try:
            yield inspect(path)
        except OSError as error:
            yield {"file": str(path), "error": f"cannot be read: {error.strerror}"}


def _table_line(answer: dict[str, Any]) -> str:
    shape = "x".join(str(answer[name]) for name in ("frames", "rows", "columns") if answer[name] is not None)
    values = answer["reason"] or (
        f"{answer['raw_dtype']} {answer['raw_min']}..{answer['raw_max']}" if answer["raw_dtype"] else "not decoded"
    )
    cells = [answer[name] for name in _COLUMNS[:4]]
    return _line("-" if cell is None else str(cell) for cell in (*cells, shape or None, values, answer["file"]))


def _line(cells: Iterable[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()
