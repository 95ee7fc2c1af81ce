"""What every answer has: an id, security headers, and of an error one shape without its text."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from serving.gateway.observability.logs import configure_logs
from serving.gateway.problems import MEDIA_TYPE

CASE = "/api/v1/studies/0123456789abcdef0123456789abcdef"
UUID = "0f0c6e1b-7a7d-4d0c-9a54-a3d7f1c0b9e2"


def ask(surrounded: Any, path: str, **options: Any) -> httpx.Response:
    base = options.pop("base_url", "http://127.0.0.1:8080")

    async def once() -> httpx.Response:
        async with surrounded.client(base_url=base) as client:
            return await client.get(path, **options)

    return asyncio.run(once())


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The gateway's log, as it is configured for its process."""
    names = ("", "serving.gateway", "uvicorn", "uvicorn.error", "uvicorn.access", "pydicom")
    before = [
        (logging.getLogger(name), logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in names
    ]
    stream = io.StringIO()
    configure_logs(stream)
    logging.getLogger("pydicom").setLevel(logging.NOTSET)  # reading a file hushes it in its process
    yield stream
    logging.captureWarnings(capture=False)
    for logger, handlers, level in before:
        logger.handlers[:], logger.propagate = handlers, True
        logger.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.mark.parametrize("given", [UUID, UUID.upper(), UUID.replace("-", "")])
def test_a_callers_id_is_kept(surrounded, given: str):
    answer = ask(surrounded(), "/api/v1/session", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == given.lower()


@pytest.mark.parametrize("given", ["DOE^JANE", "1234567890", "a" * 31, "a" * 33, "", "é", "x\ty", f"{UUID}\r\nX: y"])
def test_an_id_that_could_say_something_is_replaced(surrounded, given: str):
    answer = ask(surrounded(), CASE, headers=[(b"X-Request-Id", given.encode("latin-1"))])
    assert len(answer.headers["x-request-id"]) == 32 and answer.headers.get("x") is None


@pytest.mark.parametrize("path", [CASE, "/", "/nothing", "/fails", "/healthz"])
def test_every_answer_has_the_security_headers(surrounded, path: str):
    headers = ask(surrounded(), path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers.get_list("x-frame-options") == ["DENY"]
    assert headers.get_list("cache-control") == ["no-store"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "strict-transport-security" not in headers


def test_https_is_asked_for_again(surrounded):
    answer = ask(surrounded(), "/", base_url="https://localhost")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_the_pages_files_may_be_cached(surrounded):
    assert ask(surrounded(), "/assets/app.js").headers["cache-control"] == "public, max-age=60"


def test_an_unforeseen_error_is_a_problem_and_its_text_is_nowhere(surrounded, log: io.StringIO):
    answer = ask(surrounded(), "/fails")
    assert answer.status_code == 500 and answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    failure, request = lines(log)
    assert failure["error"]["type"] == "RuntimeError"
    assert failure["error"]["at"][-1].endswith(" fails")
    assert request["status"] == 500 and request["level"] == "ERROR"
    assert "JANE" not in answer.text + log.getvalue()


def test_the_log_has_the_routes_template_and_never_the_path_or_query(surrounded, log: io.StringIO):
    answer = ask(surrounded(), f"{CASE}?patient=DOE^JANE", headers={"User-Agent": "DOE^JANE"})
    (line,) = lines(log)
    assert line["route"] == "/api/v1/studies/{case}"
    assert (line["method"], line["status"], line["principal"]) == ("GET", 200, "local")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["duration_ms"] >= 0
    assert "0123456789abcdef" not in log.getvalue().replace(line["request_id"], "")
    assert "JANE" not in log.getvalue()


def test_metrics_have_the_template_and_bounded_labels(surrounded):
    app = surrounded()
    ask(app, CASE)
    ask(app, "/DOE-JANE")
    asyncio.run(_method(app, "JANE"))
    text = app.metrics.text().decode()
    assert 'requests_total{method="GET",route="/api/v1/studies/{case}",status="200"} 1.0' in text
    assert 'requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'requests_total{method="OTHER",route="/",status="405"} 1.0' in text
    assert "JANE" not in text and "0123456789abcdef" not in text


async def _method(app: Any, method: str) -> None:
    async with app.client() as client:
        await client.request(method, "/")


def test_health_is_logged_when_it_fails_alone(surrounded, log: io.StringIO):
    ask(surrounded(), "/healthz")
    assert log.getvalue() == ""


def test_other_libraries_words_are_left_out(log: io.StringIO):
    logging.getLogger("pydicom").warning("Invalid value for VR PN: %s", "DOE^JANE")
    logging.getLogger("serving.gateway.anything").info("started")
    foreign, ours = lines(log)
    assert "JANE" not in log.getvalue()
    assert foreign["logger"] == "pydicom" and foreign["at"].startswith("test_answers:")
    assert (ours["message"], ours["level"]) == ("started", "INFO")


def test_warnings_say_where_they_come_from_alone(log: io.StringIO):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("Invalid value for VR UI: 'DOE^JANE'", stacklevel=1)
    assert lines(log)[0]["logger"] == "py.warnings"
    assert "JANE" not in log.getvalue()


def test_an_exception_is_logged_by_its_type_and_its_causes(log: io.StringIO):
    try:
        try:
            raise KeyError("DOE^JANE")
        except KeyError as error:
            raise ValueError("DOE^JANE") from error
    except ValueError:
        logging.getLogger("serving.gateway").exception("failed")
    (line,) = lines(log)
    assert line["error"]["type"] == "ValueError" and line["error"]["cause"]["type"] == "KeyError"
    assert "JANE" not in log.getvalue() and "exc_info" not in line


def test_the_web_servers_access_log_is_off(log: io.StringIO):
    logging.getLogger("uvicorn.access").info('127.0.0.1 - "GET /api/v1/studies/0123 HTTP/1.1" 200')
    assert log.getvalue() == ""
