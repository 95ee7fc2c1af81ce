"""Where an output's runs are recorded: MLMD in a SQLite file of the output, or in a PostgreSQL or MySQL that is shared.

An output has one metadata store. Its first run decides which, and every command that reads the output finds it again: a
lineage that is looked up in the wrong place is a lineage that is denied.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data_schemas.errors import ConfigurationError
from pipeline.artifact_root import ArtifactRoot, artifact_root
from pipeline.metadata_url import POSTGRESQL, MetadataUrl, parse_url

METADATA_VARIABLE = "RADFLOW_METADATA"
PASSWORD_VARIABLE = "RADFLOW_METADATA_PASSWORD"  # noqa: S105  # the name of a variable
_SQLITE_FILE, _CHOICE_FILE = "metadata.sqlite", "metadata.json"


@dataclass(frozen=True)
class MetadataDatabase:
    """The metadata store of an output.

    Attributes:
        file: the SQLite file; None where it is a server's database.
        url: that database, without its password.
        suffix: what the names of this output's runs end with, where other outputs have theirs in the same database.
        password: the database's; empty where libpq is to find it (PGPASSWORD, ~/.pgpass).
        artifacts: where artifacts are, if on an object store: the store has their URLs, who reads it gets paths.
    """

    file: Path | None = None
    url: MetadataUrl | None = None
    suffix: str = ""
    password: str = ""
    artifacts: ArtifactRoot | None = None

    def __str__(self) -> str:
        """Returns what to call it; no password."""
        return str(self.url or self.file)

    def exists(self) -> bool:
        """Says whether there is a store to read; of a server's database this is so once a run has chosen it."""
        return self.file is None or self.file.exists()

    def run_id(self, time: str) -> str:
        """Returns the name of a run that starts at a time: no other output's has it."""
        return time + self.suffix

    def has(self, run_id: str) -> bool:
        """Says whether a run of the store is one of this output."""
        return run_id.endswith(self.suffix)

    def connection_config(self) -> Any:
        """Returns what MLMD connects with, a `ConnectionConfig`."""
        from ml_metadata.proto import metadata_store_pb2

        config = metadata_store_pb2.ConnectionConfig()
        if self.url is not None:
            self.url.fill(config, password=self.password)
        else:
            config.sqlite.filename_uri = str(self.file)
            config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return config

    def connect(self) -> Any:
        """Returns MLMD's client, a `MetadataStore`.

        Raises:
            ConfigurationError: the database does not let us in, or is not there.
        """
        os.environ.setdefault("GLOG_minloglevel", "2")  # it announces each connection on standard error
        from ml_metadata import errors

        from pipeline.metadata_client import StoreHeldError, client_class

        try:
            return client_class(self._passages())(self.connection_config())
        except StoreHeldError as error:
            raise ConfigurationError(self.held()) from error
        except (RuntimeError, errors.StatusError) as error:
            mend = "" if self.url is None else f"; check host, database, user and the password ({PASSWORD_VARIABLE})"
            raise ConfigurationError(f"the metadata store {self} cannot be used: {error}{mend}") from error

    def held(self) -> str:
        """Returns what to say where another program has locked the store for longer than MLMD tries, half a minute."""
        return (
            f"another program holds the metadata store {self} (a backup, a viewer?): wait for it to end and run again"
        )

    def _passages(self) -> list[Any]:
        """Returns what must be changed on the way to this store and back."""
        from pipeline.metadata_client import order_passage, text_passage, uri_passage
        from pipeline.postgresql import decoded, encoded, put_in_order

        found = [] if self.artifacts is None else [uri_passage(self.artifacts.url_of, self.artifacts.path_of)]
        if self.url is not None and self.url.scheme == POSTGRESQL:
            found += [text_passage(encoded, decoded), order_passage(put_in_order)]
        return found

    def used_by_tfx(self) -> AbstractContextManager[None]:
        """Returns a block in which TFX, which makes its clients itself, makes one that can write to this store."""
        from pipeline.metadata_client import client_class, used_by_tfx

        return used_by_tfx(client_class(self._passages()))


def output_database(output: Path, environment: Mapping[str, str] = os.environ) -> MetadataDatabase:
    """Returns the metadata store of an output: what its first run chose, else the SQLite file, which may not exist yet.

    Args:
        output: the folder that receives everything.
        environment: has the password of a server's database, if any.

    Raises:
        ConfigurationError: the output's choice, or the URL in the environment, cannot be read.
    """
    choice, artifacts = output / _CHOICE_FILE, _on_object_store(output)
    try:
        text = choice.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return MetadataDatabase(file=output / _SQLITE_FILE, artifacts=artifacts)
    except OSError as error:
        raise ConfigurationError(f"{choice} cannot be read: {error.strerror}") from error
    try:
        said = json.loads(text)
        url, _ = parse_url(said["url"])
        suffix = str(said["run_suffix"])
    except (ValueError, KeyError, TypeError, ConfigurationError) as error:
        raise ConfigurationError(
            f"{choice} does not say where this output's runs are recorded: put it back as a run wrote it"
        ) from error
    return MetadataDatabase(url=url, suffix=suffix, password=_password(url, environment), artifacts=artifacts)


def choose_database(output: Path, given: str | None, environment: Mapping[str, str] = os.environ) -> MetadataDatabase:
    """Returns the metadata store that a run uses, and writes down what the first one chose.

    Args:
        output: the folder that receives everything; it exists.
        given: `--metadata`; else RADFLOW_METADATA, else what the output has.
        environment: has that variable, and the password.

    Raises:
        ConfigurationError: the output's runs are recorded elsewhere, or the database cannot be used.
    """
    known, text = output_database(output, environment), given or environment.get(METADATA_VARIABLE, "")
    if not text:
        if known.url is not None:
            known.connect()
        return known
    url, password = parse_url(text)
    if known.url == url:
        chosen = replace(known, password=password or known.password)
    elif known.url is None and not known.exists():
        chosen = MetadataDatabase(
            url=url,
            suffix=f"-{secrets.token_hex(4)}",
            password=password or _password(url, environment),
            artifacts=known.artifacts,
        )
    else:
        raise ConfigurationError(
            f"the runs of {output} are recorded in {known}, not in {url}: leave --metadata and {METADATA_VARIABLE} "
            "out, or give another --output"
        )
    chosen.connect()
    if known.url is None:
        _write_choice(output / _CHOICE_FILE, chosen)
    return chosen


def _on_object_store(output: Path) -> ArtifactRoot | None:
    root = artifact_root(output)
    return root if root.url else None


def _password(url: MetadataUrl, environment: Mapping[str, str]) -> str:
    """Returns the password that the environment has for a database."""
    if environment.get(PASSWORD_VARIABLE):
        return environment[PASSWORD_VARIABLE]
    if environment.get(METADATA_VARIABLE):
        other, password = parse_url(environment[METADATA_VARIABLE])
        return password if other == url else ""
    return ""


def _write_choice(path: Path, database: MetadataDatabase) -> None:
    """Writes it by one rename, without the password."""
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump({"url": str(database.url), "run_suffix": database.suffix}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
