"""API keys: a file of their salted hashes. A key itself is shown once, when it is made, and its user alone keeps it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_schemas.errors import ConfigurationError
from imaging.pseudonyms import Pseudonyms
from serving.gateway.authentication.invalid_token import InvalidToken
from serving.gateway.principal import Principal

PREFIX = "radflow"
"""What a key begins with, so that scanners of leaked secrets know one when they see it."""

_SECRET_BYTES = 32


class ApiKey(BaseModel):
    """One key as the file has it.

    Attributes:
        id: names the key, in the key itself and in `radflow key list`.
        salt, digest: hexadecimal; the digest is HMAC-SHA256 of the secret under the salt. A secret of 256 random bits
            cannot be guessed, so that a slow hash would protect nothing, and let strangers keep the gateway busy.
        subject: whose key it is; in the gateway's database and log it is a keyed hash alone.
        expires: from when on it is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    subject: Annotated[str, Field(min_length=1, max_length=200)]
    role: Literal["reader", "admin"]
    group: Annotated[str, Field(min_length=1, max_length=64)]
    created: datetime
    expires: datetime | None = None


class ApiKeyFile(BaseModel):
    """The file's content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    keys: tuple[ApiKey, ...] = ()


def new_key(
    *, subject: str, role: Literal["reader", "admin"], group: str, expires: datetime | None, now: datetime
) -> tuple[str, ApiKey]:
    """Returns the key to hand to its user, and what the file keeps of it."""
    identifier, salt, secret = secrets.token_hex(6), secrets.token_bytes(16), secrets.token_urlsafe(_SECRET_BYTES)
    record = ApiKey(
        id=identifier,
        salt=salt.hex(),
        digest=_digest(salt, secret),
        subject=subject,
        role=role,
        group=group,
        created=now,
        expires=expires,
    )
    return f"{PREFIX}_{identifier}_{secret}", record


def _digest(salt: bytes, secret: str) -> str:
    return hmac.new(salt, secret.encode(), hashlib.sha256).hexdigest()


def read_keys(path: Path) -> ApiKeyFile:
    """Returns the keys of a file.

    Raises:
        ConfigurationError: the file cannot be read, is no file of keys, or others than its owner may write it.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o022:
            raise ConfigurationError(f"others may write the API keys file {path}: run `chmod go-w {path}`")
        return ApiKeyFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the API keys file {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the file"
        raise ConfigurationError(
            f"the API keys file {path} is none: {where}: {error.errors()[0]['msg']}; make one by `radflow key add`"
        ) from error


def write_keys(path: Path, keys: Iterable[ApiKey]) -> None:
    """Writes a file of keys, readable by its owner alone, in one step.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(ApiKeyFile(keys=tuple(keys)).model_dump_json(indent=1) + "\n")
        Path(temporary).replace(path)
    except OSError as error:
        raise ConfigurationError(f"the API keys file {path} cannot be written: {error.strerror}") from error


class ApiKeys:
    """The keys that are taken; a file that was changed is read again, so that a revoked key is refused at once.

    Args:
        path: the file.
        pseudonyms: make the principal's subject.
        now: the clock.

    Raises:
        ConfigurationError: as `read_keys`.
    """

    def __init__(self, path: Path, pseudonyms: Pseudonyms, *, now: Callable[[], datetime] | None = None) -> None:
        self._path = path
        self._pseudonyms = pseudonyms
        self._now = now or (lambda: datetime.now(timezone.utc))
        self._state = self._file_state()
        self._keys = {key.id: key for key in read_keys(path).keys}
        self._decoy = new_key(subject="-", role="reader", group="-", expires=None, now=self._now())[1]

    def takes(self, token: str) -> bool:
        """Returns whether a token has the form of a key."""
        return token.startswith(f"{PREFIX}_")

    async def principal(self, token: str) -> Principal:
        """Returns who a key is of; takes the same time whether the key's id is known or not.

        Raises:
            InvalidToken: there is no such key, or it has expired.
        """
        self._read_again()
        identifier, _, secret = token.removeprefix(f"{PREFIX}_").partition("_")
        key = self._keys.get(identifier, self._decoy)
        same = hmac.compare_digest(_digest(bytes.fromhex(key.salt), secret), key.digest)
        if key is self._decoy or not same:
            raise InvalidToken("no such key")
        if key.expires is not None and self._now() >= key.expires:
            raise InvalidToken("expired")
        subject = self._pseudonyms.pseudonym("subject", f"api-key\n{key.subject}")
        return Principal(subject=subject, role=key.role, group=key.group, authentication="api_key")

    def _read_again(self) -> None:
        """Reads the file if it was changed; one that cannot be read any more lets nobody in."""
        state = self._file_state()
        if state == self._state:
            return
        try:
            self._keys = {key.id: key for key in read_keys(self._path).keys}
        except ConfigurationError:
            self._keys = {}
        self._state = state

    def _file_state(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns
