"""SHA-256 sums of a version's files, in coreutils' format: `cd VERSION && sha256sum -c assets.extra/SHA256SUMS` checks.

Sums that lie beside the files tell accidents and careless changes; whoever may write the folder may write new sums too.
What an approved version was is also in the audit log (`data_schemas.approvals`), under the digest of its sums.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from data_schemas.errors import ModelAltered
from data_schemas.model_files import ASSETS, DESCRIPTION_FILE, EVALUATION_FILE, SUMS_FILE, WARM_UP_FILE

_CHUNK = 1 << 20
_LINE = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_MOST_NAMED = 5


def write_digests(version: Path) -> None:
    """Writes `assets.extra/SHA256SUMS` over every other file of a version.

    Raises:
        ModelAltered: there is something in it that is neither a file nor a folder.
    """
    sums = version / ASSETS / SUMS_FILE
    sums.parent.mkdir(exist_ok=True)
    sums.write_bytes(_text(_digests(version)).encode("utf-8", "surrogateescape"))


def check_digests(version: Path) -> bool:
    """Checks that a version's files are those that its sums were written of.

    Returns:
        False where the version has no sums and nothing else of the Pusher's: there is nothing to check it by.

    Raises:
        ModelAltered: files were changed, removed or added, or the sums themselves were.
    """
    sums = version / ASSETS / SUMS_FILE
    if not os.path.lexists(sums):
        if _is_pushed(version):
            raise ModelAltered(f"{_named(version)} was altered: {ASSETS}/{SUMS_FILE} was removed; {_MEND}")
        return False
    listed = _listed(version, sums)
    found = _digests(version)
    changed = [f"{name} was changed" for name in sorted(listed.keys() & found.keys()) if listed[name] != found[name]]
    missing = [f"{name} is missing" for name in sorted(listed.keys() - found.keys())]
    added = [f"{name} was added" for name in sorted(found.keys() - listed.keys())]
    problems = [*changed, *missing, *added]
    if problems:
        more = f", and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
        said = ascii(", ".join(problems[:_MOST_NAMED]))[1:-1]
        raise ModelAltered(f"{_named(version)} was altered: {said}{more}; {_MEND}")
    return True


def _is_pushed(version: Path) -> bool:
    """Says whether a version has more of the Pusher's than its sums; warm-up requests other exporters write as well."""
    assets = version / ASSETS
    warmed_up = (assets / WARM_UP_FILE).exists() and (assets / DESCRIPTION_FILE).exists()
    return warmed_up or (assets / EVALUATION_FILE).exists()


_MEND = "serve another version, or put its files back from where they were pushed"


def content_digest(version: Path) -> str:
    """Returns the SHA-256 of a version's sums, computed anew from its files: one number for all of it, in hex.

    Of a version that `check_digests` passes, it is what `sha256sum assets.extra/SHA256SUMS` prints.

    Raises:
        ModelAltered: there is something in it that is neither a file nor a folder.
    """
    return hashlib.sha256(_text(_digests(version)).encode("utf-8", "surrogateescape")).hexdigest()


def said_digest(version: Path) -> str:
    """Returns the content digest that a version's sums say, whose files are not read; of one without sums, its own.

    Raises:
        ModelAltered: the sums are not as they were written, or there are none and the files cannot be read.
    """
    sums = version / ASSETS / SUMS_FILE
    if not os.path.lexists(sums):
        return content_digest(version)
    return hashlib.sha256(_text(_listed(version, sums)).encode("utf-8", "surrogateescape")).hexdigest()


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _digests(version: Path) -> dict[str, str]:
    """Returns the digest of every file but the sums, by its path within the version with `/`."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(version, onerror=_raise):
        for name in (*folders, *files):
            path = Path(folder) / name
            relative = path.relative_to(version).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                said = ascii(relative)[1:-1]
                raise ModelAltered(f"{_named(version)} was altered: {said} is a link or no file; {_MEND}")
            if path.is_file() and relative != f"{ASSETS}/{SUMS_FILE}":
                found[relative] = _readable_digest(version, path)
    return found


def _readable_digest(version: Path, path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise ModelAltered(f"{_named(version)} cannot be checked: {path.name}: {error.strerror}") from error


def _raise(error: OSError) -> None:
    raise ModelAltered(f"{error.filename} cannot be checked: {error.strerror}") from error


def _listed(version: Path, sums: Path) -> dict[str, str]:
    """Returns the digests that the sums say, by path."""
    try:
        text = sums.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise ModelAltered(f"{_named(version)} cannot be checked: {sums.name}: {error.strerror}") from error
    listed: dict[str, str] = {}
    for line in text.removesuffix("\n").split("\n"):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ModelAltered(f"{_named(version)} was altered: {ASSETS}/{SUMS_FILE} is not as it was written; {_MEND}")
        escaped, digest, name = match.groups()
        listed[_unescaped(name) if escaped else name] = digest
    return listed


def _text(digests: dict[str, str]) -> str:
    """Returns the sums' lines, sorted by path; a name with a backslash or line break is escaped as coreutils does."""
    return "".join(f"{_line(digest, name)}\n" for name, digest in sorted(digests.items()))


def _line(digest: str, name: str) -> str:
    escaped = "".join(_ESCAPES.get(character, character) for character in name)
    return f"{digest}  {name}" if escaped == name else f"\\{digest}  {escaped}"


def _unescaped(name: str) -> str:
    plain = {escape: character for character, escape in _ESCAPES.items()}
    return re.sub(r"\\.", lambda match: plain.get(match.group(), match.group()), name)


def _named(version: Path) -> str:
    """Returns `MODEL/VERSION`."""
    return f"{version.absolute().parent.name}/{version.name}"
