"""JSON values taken apart, to compare their numbers with a tolerance and all else without."""

from __future__ import annotations


def leaves(value: object) -> tuple[dict[str, object], dict[str, float]]:
    """Returns what a JSON value has at its ends, by where they are: first all but the floats, then those."""
    found: dict[str, object] = {}
    left = [("", value)]
    while left:
        path, one = left.pop()
        if isinstance(one, dict | list):
            inner = one.items() if isinstance(one, dict) else enumerate(one)
            left.extend((f"{path}/{name}", part) for name, part in inner)
        else:
            found[path] = one
    floats = {path: leaf for path, leaf in found.items() if isinstance(leaf, float)}
    return {path: leaf for path, leaf in found.items() if path not in floats}, floats
