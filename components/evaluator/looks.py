"""How often models were judged on the same patients: each look at a test split makes the next one less honest.

The ledger lies in the output folder, outside the pipeline's artifacts, and only grows. A look counts where
it was at half or more of the present test patients: a split that grew a little is still the same.
"""

from __future__ import annotations

import json
from collections.abc import Set
from pathlib import Path

from components.whole_file import whole_file

_SAME = 0.5


def earlier_looks(ledger: Path, *, patients: Set[str], model: str) -> int:
    """Returns how many other models were judged on these patients.

    Args:
        ledger: need not exist.
        patients: pseudonyms of the present test patients.
        model: what is judged now; judging one model twice is one look.
    """
    if not ledger.exists():
        return 0
    looks = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    others = {look["model"] for look in looks if len(patients & set(look["patients"])) >= _SAME * max(1, len(patients))}
    return len(others - {model})


def note_look(ledger: Path, *, patients: Set[str], model: str) -> None:
    """Adds a look to the ledger, whole or not at all: a line cut off by a full disk could never be read again."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    before = ledger.read_bytes() if ledger.exists() else b""
    with whole_file(str(ledger)) as file:
        file.write(before + json.dumps({"model": model, "patients": sorted(patients)}).encode() + b"\n")
