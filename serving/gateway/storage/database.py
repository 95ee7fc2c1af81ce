"""The gateway's database: one that is read by many threads at once, and written by one transaction at a time.

One writer at a time keeps the audit log's chain whole and the numbers of cases without a gap, and nothing can deadlock:
SQLite takes its write lock when a writing transaction begins, PostgreSQL an advisory lock.
"""

from __future__ import annotations

import os
import sqlite3
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from data_schemas.errors import ConfigurationError
from serving.gateway.problems import UNAVAILABLE, ProblemError

WRITER_LOCK = 0x72616466  # "radf"
"""Key of PostgreSQL's advisory lock for whoever writes."""
LOCK_WAIT_S = 10.0
RETRY_AFTER_S = 5

_POSTGRESQL = "postgresql+pg8000"
_SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
_STATEMENT_S, _SOCKET_S = 30, 60
_THREADS = 40
"""Connections at most: as many as FastAPI has threads."""
_AWAY_STATES = frozenset({"08", "53", "57", "55P03", "25006"})
"""PostgreSQL's classes of SQLSTATE for a lost connection, no resources, and an operator's intervention; a lock that was
waited for in vain; and a server that is a read-only copy."""
_AWAY_WORDS = ("is locked", "unable to open", "disk I/O error", "disk is full", "readonly database")
"""What SQLite says of the same; Python 3.10 does not tell its codes."""
_REFUSED_STATES = frozenset({"28", "3D"})
"""Its classes for a user or password, and for the name of a database, that are wrong."""


class Database:
    """Gives sessions to read and to write.

    Args:
        url: `sqlite:///FILE` or `postgresql+pg8000://USER:PASSWORD@HOST:PORT/NAME`, with `?sslmode=` and `sslrootcert=`
            as libpq has them.
        lock_wait_s: how long a writer waits for the one before it.

    Raises:
        ConfigurationError: the URL is no such URL, or SQLite's folder cannot be made.
    """

    def __init__(self, url: str, *, lock_wait_s: float = LOCK_WAIT_S) -> None:
        self._url = parsed_url(url)
        self.engine = make_engine(self._url, lock_wait_s=lock_wait_s)
        self._writers = self.engine.execution_options(writes=True)
        self._lock_wait_s = lock_wait_s
        # SQLite's waiters poll and may starve; those of one process queue here instead.
        self._queue = threading.Lock() if self._url.get_backend_name() == "sqlite" else None

    @property
    def shown_url(self) -> str:
        """The URL without its password."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yields a session that writes nothing.

        Raises:
            ProblemError: UNAVAILABLE, the database is away.
        """
        with unavailable_when_away(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yields the session of a transaction that is the only one to write; it is committed at the end.

        Raises:
            ProblemError: UNAVAILABLE, the database is away, or was locked for too long.
        """
        with unavailable_when_away(), self._turn(), Session(self._writers, expire_on_commit=False) as session:
            if self._url.get_backend_name() == "postgresql":
                session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
            yield session
            session.commit()

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()

    def _turn(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._queue is None else _held(self._queue, self._lock_wait_s)


@contextmanager
def _held(lock: threading.Lock, wait_s: float) -> Iterator[None]:
    if not lock.acquire(timeout=wait_s):
        raise _away("the database is busy")
    try:
        yield
    finally:
        lock.release()


def parsed_url(url: str) -> URL:
    """Returns the URL of a database that the gateway can use.

    Raises:
        ConfigurationError: it is none. The message does not repeat it, since it may hold a password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError("the database's URL cannot be read: it is sqlite:///FILE or " + _EXAMPLE) from error
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername=_POSTGRESQL)
    if parsed.drivername not in ("sqlite", _POSTGRESQL):
        raise ConfigurationError(
            f"the database's URL begins with {parsed.drivername}: it is sqlite:///FILE or {_EXAMPLE}"
        )
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ConfigurationError("the database's URL names no file: sqlite:////absolute/path/gateway.db")
    return parsed


def require_existing(url: URL) -> None:
    """Raises where SQLite would make an empty database: for commands on one that there must be.

    Raises:
        ConfigurationError: there is no such file.
    """
    if url.drivername == "sqlite" and not Path(str(url.database)).is_file():
        raise ConfigurationError(f"there is no database {url.database}: name the gateway's with --data or --database")


_EXAMPLE = f"{_POSTGRESQL}://USER:PASSWORD@HOST:5432/NAME"


def make_engine(url: URL, *, lock_wait_s: float = LOCK_WAIT_S, pooled: bool = True) -> Engine:
    """Returns an engine whose transactions are what they seem: SQLite's begin where they are said to.

    Args:
        url: of `parsed_url`.
        lock_wait_s: how long a lock is waited for.
        pooled: without, connections are closed after use, and no statement has a limit: for migrations.
    """
    pool: dict[str, Any] = {"poolclass": NullPool}
    if pooled:
        pool = {"poolclass": QueuePool, "pool_size": 8, "max_overflow": _THREADS - 8, "pool_timeout": lock_wait_s}
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, lock_wait_s, pool)
    engine = create_engine(
        url.set(query={}), connect_args=_connect_arguments(url, pooled), pool_pre_ping=pooled, **pool
    )
    _ping_past_resets(engine)
    limits = {"lock_timeout": lock_wait_s, "statement_timeout": _STATEMENT_S} if pooled else {}
    _on_connect(engine, [f"SET {name} = {round(seconds * 1000)}" for name, seconds in limits.items()])
    return engine


def _sqlite_engine(url: URL, lock_wait_s: float, pool: Mapping[str, Any]) -> Engine:
    _make_private_file(Path(str(url.database)))
    arguments = {"timeout": lock_wait_s, "check_same_thread": False, "isolation_level": None}
    engine = create_engine(url, connect_args=arguments, **pool)
    # FULL: an entry of the audit log that was promised survives a power cut. secure_delete: what was deleted is
    # overwritten, not only forgotten.
    _on_connect(
        engine,
        [
            f"PRAGMA {setting}"
            for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
        ],
    )

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "begin", begin)
    return engine


def _ping_past_resets(engine: Engine) -> None:
    """Has a connection that the server reset taken for a lost one: pg8000 raises OSError, which no dialect knows."""
    ping = engine.dialect.do_ping

    def alive(dbapi_connection: DBAPIConnection) -> bool:
        try:
            return ping(dbapi_connection)
        except OSError:
            return False

    engine.dialect.do_ping = alive  # type: ignore[method-assign]


def _on_connect(engine: Engine, statements: list[str]) -> None:
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", prepare)


def _make_private_file(path: Path) -> None:
    """Makes a database file that its owner alone can use; SQLite gives its journal the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigurationError(f"the database {path} cannot be used: {error.strerror}") from error


def _connect_arguments(url: URL, limited: bool) -> dict[str, Any]:
    """Returns pg8000's arguments for what the URL says after its `?`, which is what libpq takes."""
    unknown = set(url.query) - {"sslmode", "sslrootcert", "unix_sock"}
    if unknown:
        raise ConfigurationError(
            f"the database's URL has the option {min(unknown)}: it takes sslmode, sslrootcert and unix_sock"
        )
    arguments: dict[str, Any] = {"application_name": "radflow-gateway", "ssl_context": _ssl_context(url)}
    if limited:
        arguments["timeout"] = _SOCKET_S
    if "unix_sock" in url.query:
        arguments["unix_sock"] = url.query["unix_sock"]
    return arguments


def _ssl_context(url: URL) -> ssl.SSLContext | bool | None:
    """Returns what pg8000 does of TLS: None tries it, False goes without.

    Raises:
        ConfigurationError: no such mode, or the certificates cannot be read.
    """
    mode, roots = str(url.query.get("sslmode", "prefer")), url.query.get("sslrootcert")
    if mode not in _SSL_MODES:
        raise ConfigurationError(f"the database's URL has sslmode={mode}: it takes {', '.join(_SSL_MODES)}")
    if mode in ("disable", "prefer"):
        return None if mode == "prefer" else False
    try:
        context = ssl.create_default_context(cafile=None if roots is None else str(roots))
    except OSError as error:
        raise ConfigurationError("the file sslrootcert of the database's URL cannot be read") from error
    context.check_hostname = mode == "verify-full"
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def unavailable_when_away() -> Iterator[None]:
    """Turns what a database raises when it is away, or locked for too long, into a problem to try again later."""
    try:
        yield
    except PoolTimeout as error:
        raise _away("every connection to the database is in use") from error
    except DBAPIError as error:
        what = _why_away(error)
        if what is None:
            raise
        raise _away(what) from error
    except OSError as error:  # pg8000 lets some of the network's errors through
        raise _away("the database is away, or its certificate is not to be trusted") from error


def _why_away(error: DBAPIError) -> str | None:
    """Returns what is wrong with the database, or None where the statement is what is wrong."""
    told = error.orig.args[0] if error.orig is not None and error.orig.args else None
    state = str(told.get("C", "")) if isinstance(told, dict) else ""
    if state[:2] in _REFUSED_STATES:
        return "the database refuses the gateway: its user, password or name is wrong"
    if isinstance(error.orig, sqlite3.Error):
        away = any(words in str(error.orig) for words in _AWAY_WORDS)
    else:
        away = isinstance(error, (OperationalError, InterfaceError)) or bool({state, state[:2]} & _AWAY_STATES)
    return "the database is away, busy or full" if away or error.connection_invalidated else None


def _away(what: str) -> ProblemError:
    return ProblemError(
        UNAVAILABLE, f"{what}: nothing was changed, try again later", headers={"Retry-After": str(RETRY_AFTER_S)}
    )
