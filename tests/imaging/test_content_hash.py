from __future__ import annotations

from imaging.content_hash import content_hash


def test_the_hash_is_xxh3s() -> None:
    # Of the empty input with seed 0: XXH3_128bits_test in xxHash's own sanity tests.
    assert content_hash(b"") == "99aa06d3014798d86001c324468d497f"


def test_one_bit_makes_another_hash() -> None:
    assert content_hash(b"\0" * 1000) != content_hash(b"\0" * 999 + b"\1")
