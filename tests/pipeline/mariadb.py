"""A MariaDB server of the tests' own: Debian's programs on an empty folder, a free port of the loopback address."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "only-on-loopback"
_SERVER = Path("/usr/sbin/mariadbd")


@contextmanager
def running_mariadb() -> Iterator[int]:
    """Yields the port of a server with the user `radflow`, and stops it by its process id."""
    if not _SERVER.is_file():
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="radflow-mariadb-"))
    owner = _unprivileged()
    try:
        if owner:
            shutil.chown(folder, owner["user"], owner["group"])
        words = [f"--datadir={folder}/data", "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", *words], check=True, capture_output=True, cwd="/", **owner
        )
        first = folder / "first.sql"
        first.write_text(
            f"CREATE USER 'radflow'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            "GRANT ALL ON *.* TO 'radflow'@'127.0.0.1';\n"
        )
        with _started(folder, first, owner) as port:
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(folder: Path, first: Path, owner) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    words = [
        f"--datadir={folder}/data",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        f"--socket={folder}/socket",
        f"--pid-file={folder}/pid",
        f"--init-file={first}",
        "--skip-name-resolve",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-buffer-pool-size=32M",
    ]
    log = folder.parent / f"{folder.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen([_SERVER, "--no-defaults", *words], stdout=output, stderr=output, cwd="/", **owner)
    try:
        _await(port, process, log)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        log.unlink()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once the user of `first.sql` is there: the server listens after it has run that file."""
    for _ in range(300):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"MariaDB did not start: {log.read_text()[-2000:]}")


def _unprivileged():
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("mysql")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
