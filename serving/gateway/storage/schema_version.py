"""Brings a database to the tables that this version of Radflow works on, and says what it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, Engine, inspect, text

from data_schemas.errors import ConfigurationError
from serving.gateway.storage.database import make_engine, unavailable_when_away

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0003"
"""The newest revision in `migrations/versions`; told without loading Alembic, so that a gateway starts at once."""

_MIGRATION_LOCK = 0x72616467
"""Key of PostgreSQL's advisory lock for whoever migrates: of several gateways that start, one does."""
_LOCK_WAIT_S = 120.0


def current_revision(engine: Engine) -> str | None:
    """Returns the revision of a database; None: it has no tables of the gateway.

    Raises:
        ProblemError: UNAVAILABLE, the database is away.
    """
    with unavailable_when_away(), engine.connect() as connection:
        return _revision(connection)


def migrate(url: URL, to: str = HEAD) -> tuple[str | None, str | None]:
    """Brings a database to a revision, all or nothing, and returns the one before and the one after.

    Args:
        url: of `database.parsed_url`.
        to: a revision; `base` removes every table.

    Raises:
        ConfigurationError: the database is of a newer Radflow.
        ProblemError: UNAVAILABLE, the database is away.
    """
    engine = make_engine(url, lock_wait_s=_LOCK_WAIT_S, pooled=False)
    try:
        with unavailable_when_away(), engine.execution_options(writes=True).connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            before = _revision(connection)
            if before != to:
                _run(connection, before, to)
            after = _revision(connection)
            connection.commit()
    finally:
        engine.dispose()
    return before, after


def require_head(engine: Engine) -> None:
    """Raises unless a database has the tables of this version.

    Raises:
        ConfigurationError: it has others, or none.
        ProblemError: UNAVAILABLE, the database is away.
    """
    found = current_revision(engine)
    if found != HEAD:
        state = "has no tables" if found is None else f"is at revision {found}"
        raise ConfigurationError(
            f"the gateway's database {state}, this Radflow needs {HEAD}: run `radflow storage migrate`, or with a "
            "newer revision a newer Radflow"
        )


def alembic_config(connection: Connection) -> Config:
    """Returns the configuration that Alembic's commands take, for a connection in its transaction."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _run(connection: Connection, before: str | None, to: str) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if before is not None and before not in known:
        raise ConfigurationError(
            f"the gateway's database is at revision {before}, which this Radflow does not know: use the newer one "
            "that made it, or restore a backup"
        )
    if to == "base" or (before in known and to in known and known.index(to) > known.index(before or "")):
        command.downgrade(config, to)
    else:
        command.upgrade(config, to)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
