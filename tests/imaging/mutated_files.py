"""Inspects mutated files in a process of its own and prints what came of it: `mutated_files.py FOLDER FIRST LAST
LARGEST`.

A decoder in C that a header leads out of its memory ends the process, and with it every test that shares it. The
number of the mutation in work goes to stderr before it starts, so that the last one there is the one that ended it.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from imaging.inspection import inspect_bytes

SECONDS = 60
"""What one file may take: many times what the largest takes when it is sound."""
MEMORY = 6 * 2**30
"""Address space in bytes; what asks for more gets a MemoryError, which counts as a failure."""
_HEADER = 4096


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Returns the bytes with one to eight changes, half of them near the start or end, or cut off."""
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        if len(found) >= 8:
            draw.choice(_CHANGES)(found, _place(len(found), draw), draw)
    return bytes(found)


def _set(found: bytearray, at: int, draw: random.Random) -> None:
    found[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))


def _flip(found: bytearray, at: int, draw: random.Random) -> None:
    found[at] ^= 1 << draw.randrange(8)


def _delete(found: bytearray, at: int, draw: random.Random) -> None:
    del found[at : at + draw.choice((1, 2, 4, 100))]


def _insert(found: bytearray, at: int, draw: random.Random) -> None:
    found[at:at] = draw.randbytes(draw.choice((1, 2, 4, 100)))


def _repeat(found: bytearray, at: int, draw: random.Random) -> None:
    found[at:at] = found[at : at + draw.randint(1, 300)]


def _set_length(found: bytearray, at: int, draw: random.Random) -> None:
    found[at : at + 4] = draw.choice((b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80"))


def _copy(found: bytearray, at: int, draw: random.Random) -> None:
    other = _place(len(found), draw)
    found[at : at + 16] = found[other : other + 16]


def _cut(found: bytearray, at: int, draw: random.Random) -> None:
    if draw.randrange(3) == 0:
        del found[at:]


_CHANGES = (_set, _flip, _delete, _insert, _repeat, _set_length, _copy, _cut)


def _place(size: int, draw: random.Random) -> int:
    kind = draw.randrange(4)
    if kind < 2:
        return draw.randrange(min(_HEADER, size))
    return draw.randrange(max(0, size - _HEADER), size) if kind == 2 else draw.randrange(size)


def outcomes(folder: Path, first: int, last: int, largest: int) -> Counter[str]:
    """Returns the statuses of mutations `first` to `last - 1` of a folder's files of at most `largest` bytes."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix != ".csv" and path.stat().st_size <= largest]
    contents = [path.read_bytes() for path in files]
    found: Counter[str] = Counter()
    for number in range(first, last):
        print(number, files[number % len(files)].name, file=sys.stderr, flush=True)
        signal.alarm(SECONDS)
        start = time.monotonic()
        found[inspect_bytes(mutated(contents[number % len(files)], random.Random(number)))["status"]] += 1
        if time.monotonic() - start > 5:
            print("slow", number, time.monotonic() - start, file=sys.stderr)
    return found


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    print(json.dumps(outcomes(Path(sys.argv[1]), *(int(word) for word in sys.argv[2:5]))))
