"""A fast hash of files and images, which tells equal ones from different ones."""

from __future__ import annotations

import xxhash


def content_hash(data: bytes) -> str:
    """Returns 32 hexadecimal digits of XXH3 (128 bits): equal for equal bytes, different for any two that are not.

    It resists nobody who builds two inputs of one hash, and who reads it can test whether an image that he has is
    among the data; so it goes nowhere but through a keyed pseudonym. It costs a tenth of SHA-256, which would be a
    twentieth of an ingest.
    """
    return xxhash.xxh3_128_hexdigest(data)
