"""Keyed pseudonyms: what artifacts, logs and reports call a patient, a study or an image.

A plain hash of a patient id can be undone by hashing every possible id; with a secret key it cannot. Whoever holds the
key file can link pseudonyms to ids again, so it is as sensitive as the images.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from pathlib import Path

from data_schemas.errors import PseudonymKeyError

KEY_BYTES = 32
"""Length of a key: the output size of SHA-256, beyond which HMAC gains nothing (RFC 2104, section 3)."""


class Pseudonyms:
    """Turns identifiers into pseudonyms under one secret key.

    Args:
        key: the secret, `KEY_BYTES` long.

    Raises:
        PseudonymKeyError: the key has another length.

    Example:
        >>> pseudonyms = Pseudonyms(bytes(range(32)))
        >>> pseudonyms.pseudonym("patient", "A") == pseudonyms.pseudonym("study", "A")
        False
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise PseudonymKeyError(f"the pseudonym key has {len(key)} bytes; it must have {KEY_BYTES}")
        self._key = key

    @classmethod
    def load_or_create(cls, path: Path) -> Pseudonyms:
        """Returns the pseudonyms of a key file, which is made on first use.

        Args:
            path: the key file, readable by its owner alone (0600). A missing folder is made with 0700.

        Raises:
            PseudonymKeyError: others may read the file, it cannot be read or made, or it is not a key.
        """
        try:
            if not path.exists():
                _create(path)
            return cls(_read(path))
        except OSError as error:
            raise PseudonymKeyError(f"the pseudonym key file {path} cannot be used: {error.strerror}") from error

    def pseudonym(self, kind: str, value: str) -> str:
        """Returns 32 hexadecimal digits: HMAC-SHA256, cut to 128 bits.

        Args:
            kind: what `value` names, e.g. `patient`; the same value has unrelated pseudonyms under two kinds.
            value: the identifier.
        """
        message = kind.encode() + b"\0" + value.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:32]

    @property
    def key_id(self) -> str:
        """16 hexadecimal digits that tell keys apart and reveal nothing of them."""
        return hashlib.sha256(b"radflow key id\0" + self._key).hexdigest()[:16]


def _create(path: Path) -> None:
    """Writes a fresh key beside `path` and links it into place, so that of two first runs one key wins, whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass  # another process was first: its key is read
    finally:
        Path(temporary).unlink()


def _read(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise PseudonymKeyError(
            f"others may use the pseudonym key file {path} (mode {mode:04o}): run `chmod 600 {path}`"
        )
    return path.read_bytes()
