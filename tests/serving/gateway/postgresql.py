"""A PostgreSQL server of the tests' own: Debian's programs on an empty folder, a free port of the loopback address."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pg8000.dbapi
import pytest

PASSWORD = "only-on-loopback"
_BIN = Path("/usr/lib/postgresql")
_SPEED = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=32MB", "max_connections=120")


@dataclass(frozen=True)
class PostgresqlServer:
    """A server that runs.

    Attributes:
        port: on 127.0.0.1.
        folder: its data.
        process: the server's.
    """

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def stop(self):
        """Stops it at once, without a last checkpoint: as if the power had gone."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(timeout=30)

    def url(self, database="postgres", *, query=""):
        """Returns the URL of a database."""
        return f"postgresql+pg8000://radflow:{PASSWORD}@127.0.0.1:{self.port}/{database}{query}"

    def new_database(self, template="template1"):
        """Makes a database, a copy of another one, and returns its name."""
        name = f"test_{secrets.token_hex(8)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def execute(self, statement, database="postgres"):
        """Runs a statement outside of any transaction, as a superuser."""
        connection = pg8000.dbapi.connect(
            user="radflow", password=PASSWORD, host="127.0.0.1", port=self.port, database=database
        )
        try:
            connection.autocommit = True
            connection.cursor().execute(statement)
        finally:
            connection.close()


def programs():
    """Returns the folder of the newest PostgreSQL that Debian's package installed; skips where there is none."""
    found = sorted(_BIN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


@contextmanager
def running_server(*settings, files=()):
    """Yields a server on an empty folder, and stops it by its process id.

    Args:
        settings: NAME=VALUE, of postgresql.conf.
        files: to be copied into its folder, e.g. a certificate.
    """
    binaries = programs()
    folder = Path(tempfile.mkdtemp(prefix="radflow-postgresql-"))
    owner = _unprivileged()
    try:
        if owner:
            shutil.chown(folder, owner["user"], owner["group"])
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        words = ["--username=radflow", "--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--no-sync"]
        subprocess.run(
            [binaries / "initdb", *words, "-D", folder / "data"], check=True, capture_output=True, cwd="/", **owner
        )
        for file in files:
            copy = Path(shutil.copy(file, folder / "data"))
            copy.chmod(0o600)
            if owner:
                shutil.chown(copy, owner["user"], owner["group"])
        with started(folder / "data", *settings) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(data, *settings, port=None):
    """Yields the server of a folder that `initdb` made."""
    port = port or _free_port()
    options = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={data.parent}", *_SPEED]
    words = [word for option in (*options, *settings) for word in ("-c", option)]
    log = data.parent / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [programs() / "postgres", "-D", data, *words], stdout=output, stderr=output, cwd="/", **_unprivileged()
        )
    server = PostgresqlServer(port, data, process)
    try:
        _await(server, log)
        yield server
    finally:
        server.stop()


def _unprivileged():
    """Returns how to run a program as Debian's user of PostgreSQL, which refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await(server, log):
    for _ in range(300):
        if server.process.poll() is not None:
            break
        try:
            return server.execute("SELECT 1")
        except (pg8000.dbapi.InterfaceError, pg8000.dbapi.DatabaseError):
            time.sleep(0.1)
    raise AssertionError(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
