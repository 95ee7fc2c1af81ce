"""`radflow gateway` as a process: where it listens, TLS, its start, its end, its log."""

from __future__ import annotations

import datetime
import http.client
import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli import gateway as command
from data_schemas.errors import ConfigurationError
from serving.gateway.authentication.api_keys import write_keys
from serving.gateway.process import Listener, check_listener
from serving.gateway.settings import GatewaySettings

ROOT = Path(__file__).parents[4]
RUN = (
    "import argparse, sys; from cli import gateway as command; parser = argparse.ArgumentParser();"
    "command.add_arguments(parser); sys.exit(command.run(parser.parse_args()))"
)


class Gateway:
    """A gateway that was started."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        environ = {f"RADFLOW_GATEWAY_{name.upper()}": value for name, value in variables.items()}
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, "--port", "0", *words],
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", "RADFLOW_GATEWAY_DATA_FOLDER": str(folder / "data"), **environ},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("the gateway answers at http"), self.log.read_text()
        self.url = line.split()[4]

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(timeout=20)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()


Start = Callable[..., Gateway]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Gateway] = []

    def begin(*words: str, **variables: str) -> Gateway:
        started.append(Gateway(tmp_path, *words, **variables))
        return started[-1]

    yield begin
    for gateway in started:
        if gateway.process.poll() is None:
            gateway.stop()


def get(url: str, **options) -> tuple[int, bytes]:
    with urllib.request.urlopen(url, timeout=10, **options) as answer:
        return answer.status, answer.read()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of our own for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def test_it_starts_answers_and_stops_by_sigterm(start: Start):
    gateway = start()
    assert gateway.url.startswith("http://127.0.0.1:")
    assert get(f"{gateway.url}/healthz") == (200, b'{"status":"alive"}')
    assert gateway.stop() == 0


def test_its_log_is_json_and_names_no_address(start: Start):
    gateway = start()
    get(f"{gateway.url}/api/v1/session?patient=DOE^JANE")
    gateway.stop()
    lines = [json.loads(line) for line in gateway.log.read_text().splitlines()]
    (request,) = [line for line in lines if line["message"] == "request"]
    assert (request["route"], request["status"]) == ("/api/v1/session", 200)
    assert "JANE" not in gateway.log.read_text() and "127.0.0.1" not in json.dumps(request)


def test_the_answer_does_not_name_the_web_server(start: Start):
    with urllib.request.urlopen(f"{start().url}/healthz", timeout=10) as answer:
        assert answer.headers["server"] is None


def test_the_body_of_an_answer_does_not_wait_for_its_head_to_be_acknowledged(start: Start):
    """A client that acknowledges late, as Linux does once a connection has rested, would wait 40 ms for each answer."""
    running = start()
    parts = urlsplit(running.url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
        took = []
        for _ in range(20):
            time.sleep(0.02)
            began = time.perf_counter()
            connection.request("GET", "/api/v1/session")
            assert connection.getresponse().read()
            took.append(time.perf_counter() - began)
    assert min(took[5:]) < 0.03


def test_tls_is_spoken_and_asked_for_again(start: Start, certificate: tuple[Path, Path]):
    gateway = start("--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1]))
    url = gateway.url.replace("127.0.0.1", "localhost")
    assert url.startswith("https://")
    context = ssl.create_default_context(cafile=str(certificate[0]))
    with urllib.request.urlopen(f"{url}/healthz", timeout=10, context=context) as answer:
        assert answer.headers["strict-transport-security"]
    old = ssl.create_default_context(cafile=str(certificate[0]))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert get(f"{url}/healthz", context=old)[0] == 200


def test_a_certificate_that_is_none_is_told(tmp_path: Path, certificate: tuple[Path, Path]):
    (tmp_path / "cert.pem").write_text("none")
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--port", "0", "--tls-certificate", tmp_path / "cert.pem", "--tls-key",
         certificate[1]],
        cwd=ROOT, env={"PATH": "/usr/bin", "RADFLOW_GATEWAY_DATA_FOLDER": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0 and "TLS certificate or its key cannot be used" in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "10.0.0.1"])
def test_without_authentication_it_listens_on_loopback_alone(host: str):
    with pytest.raises(ConfigurationError, match="without authentication"):
        check_listener(Listener(host), GatewaySettings())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_authentication(host: str):
    check_listener(Listener(host), GatewaySettings())


def test_with_authentication_it_listens_anywhere(tmp_path: Path):
    write_keys(tmp_path / "keys.json", [])
    check_listener(Listener("0.0.0.0"), GatewaySettings(api_keys_file=tmp_path / "keys.json"))


def test_a_certificate_wants_its_key():
    with pytest.raises(ConfigurationError, match="together"):
        check_listener(Listener(certificate=Path("cert.pem")), GatewaySettings())


def test_an_unknown_host_is_told():
    with pytest.raises(ConfigurationError, match="no such host"):
        check_listener(Listener("no-such-host.invalid"), GatewaySettings())


def test_a_port_that_is_taken_is_told(start: Start, tmp_path: Path):
    port = start().url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--port", port], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": "/usr/bin", "RADFLOW_GATEWAY_DATA_FOLDER": str(tmp_path / "other")},
    )  # fmt: skip
    assert done.returncode != 0 and "choose another with --port" in done.stderr


def test_the_command_says_every_problem_of_the_environment(monkeypatch, tmp_path: Path):
    import argparse

    monkeypatch.setenv("RADFLOW_GATEWAY_MAX_FILES", "many")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    with pytest.raises(ConfigurationError, match=r"2 problems"):
        command.run(parser.parse_args(["--model-server", "nowhere"]))


def test_it_starts_without_tensorflow_and_takes_little_longer_than_its_libraries(tmp_path: Path):
    """1.3 times their import in CPU: 1.8 s of 1.4 on two slow cores. A ratio, since machines differ."""
    environ = {"PATH": "/usr/bin", "RADFLOW_GATEWAY_DATA_FOLDER": str(tmp_path)}

    def seconds(script: str) -> tuple[float, set[str]]:
        code = f"import os, sys, time; {script}; print(time.process_time(), *sys.modules)"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        taken, *modules = done.stdout.split()
        return float(taken), set(modules)

    libraries = "import fastapi, sqlalchemy.orm, grpc, numpy, prometheus_client, limits, fsspec, yaml"
    gateway = (
        "from serving.gateway.app import create_app; from serving.gateway.settings import GatewaySettings; "
        "create_app(GatewaySettings.from_environment(os.environ))"
    )
    runs = [(seconds(libraries)[0], *seconds(gateway)) for _ in range(3)]
    assert not {"tensorflow", "tfx", "keras", "apache_beam", "tensorflow_serving"} & runs[0][2]
    assert min(ours for _, ours, _ in runs) < 2 * min(theirs for theirs, _, _ in runs)


SLOW = """
import asyncio, sys
from fastapi import FastAPI
from serving.gateway.process import Listener, serve_gateway
from serving.gateway.settings import GatewaySettings
app = FastAPI()
@app.get("/slow")
async def slow():
    print("asked", flush=True)
    await asyncio.sleep(1)
    return "answered"
serve_gateway(app, GatewaySettings(), Listener(port=0), ready=lambda url: print(url, flush=True))
"""


def test_an_answer_is_finished_after_sigterm():
    with subprocess.Popen([sys.executable, "-c", SLOW], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with ThreadPoolExecutor(1) as asking:
            answer = asking.submit(get, f"{url}/slow")
            assert process.stdout.readline() == "asked\n"
            process.terminate()
            assert answer.result(timeout=10) == (200, b'"answered"')
        assert process.wait(timeout=10) == 0
