"""Who is let in: tokens, this machine alone, foreign pages, rates, and the audit of refusals."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.gateway.authentication.api_keys import new_key, write_keys
from serving.gateway.problems import MEDIA_TYPE

SESSION = "/api/v1/session"
TOKEN_PATHS = [
    SESSION,
    "/api/v1/studies/" + "0" * 32,
    "/api/v1/openapi.json",
    "/nothing",
    "/assets/../api/v1/session",
]


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    token, record = new_key(
        subject="Jane", role="reader", group="ct", expires=None, now=datetime(2026, 1, 1, tzinfo=timezone.utc)
    )
    write_keys(tmp_path / "keys.json", [record])
    return tmp_path / "keys.json", token


def ask(surrounded: Any, path: str = SESSION, *, method: str = "GET", peer: str = "127.0.0.1", **options: Any):
    async def once() -> httpx.Response:
        async with surrounded.client(peer=peer) as client:
            return await client.request(method, path, **options)

    return asyncio.run(once())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def is_problem(answer: httpx.Response, status: int) -> bool:
    return (
        answer.status_code == status
        and answer.headers["content-type"] == MEDIA_TYPE
        and answer.json()["status"] == status
        and answer.json()["request_id"] == answer.headers["x-request-id"]
    )


def test_a_key_lets_in(surrounded, key):
    answer = ask(surrounded(api_keys_file=key[0]), headers=bearer(key[1]), peer="10.1.2.3")
    assert answer.json() | {"subject": "", "request_id": ""} == {
        "subject": "", "role": "reader", "group": "ct", "authentication": "api_key", "request_id": "",
    }  # fmt: skip


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_no_token_is_401_whatever_is_asked(surrounded, key, path: str):
    answer = ask(surrounded(api_keys_file=key[0]), path)
    assert is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == 'Bearer realm="radflow"'


@pytest.mark.parametrize("given", ["Bearer wrong", "Bearer", "Basic amFuZTpw", "Bearer a b", "", "Bearer \xe9"])
def test_a_wrong_token_is_401_and_not_repeated(surrounded, key, given: str):
    answer = ask(surrounded(api_keys_file=key[0]), headers={"Authorization": given.encode("latin-1")})
    assert is_problem(answer, 401)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert "wrong" not in answer.json()["detail"].split("token")[0]


def test_a_token_in_the_query_is_none(surrounded, key):
    assert is_problem(ask(surrounded(api_keys_file=key[0]), f"{SESSION}?access_token={key[1]}"), 401)


@pytest.mark.parametrize("path", ["/", "/healthz", "/assets/app.js"])
def test_the_page_and_health_are_for_everybody(surrounded, key, path: str):
    assert ask(surrounded(api_keys_file=key[0]), path, peer="10.1.2.3").status_code == 200


def test_the_body_of_somebody_unknown_is_not_read(surrounded, key):
    app = surrounded(api_keys_file=key[0])
    sent = []

    async def body():
        for _ in range(4):
            sent.append(1)
            yield b"x" * 1000

    asked = []

    async def post() -> None:
        scope = {
            "type": "http", "method": "POST", "path": "/api/v1/studies", "raw_path": b"", "query_string": b"",
            "headers": [(b"host", b"h"), (b"transfer-encoding", b"chunked"), (b"expect", b"100-continue")],
            "client": ("10.1.2.3", 1), "server": ("h", 80), "scheme": "http", "http_version": "1.1",
            "asgi": {"version": "3.0"}, "root_path": "",
        }  # fmt: skip

        async def receive() -> Any:
            raise AssertionError("the body was read")

        async def send(message: Any) -> None:
            asked.append(message)

        await app.app(scope, receive, send)

    asyncio.run(post())
    assert asked[0]["status"] == 401
    assert (b"connection", b"close") in asked[0]["headers"]


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_without_authentication_this_machine_is_let_in(surrounded, peer: str):
    answer = ask(surrounded(), peer=peer)
    assert answer.json()["authentication"] == "none" and answer.json()["role"] == "admin"


@pytest.mark.parametrize("path", [SESSION, "/", "/healthz"])
@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "fe80::1%eth0", "2001:db8::1", "testclient"])
def test_without_authentication_nobody_else_is(surrounded, peer: str, path: str):
    assert is_problem(ask(surrounded(), path, peer=peer), 403)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_without_authentication_a_proxy_of_this_machine_is_not_this_machines_user(surrounded, name: str):
    assert is_problem(ask(surrounded(), headers={name: "127.0.0.1"}), 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_loopback_names_are_taken(surrounded, host: str):
    assert ask(surrounded(), headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[::1", "a b", "@"]
)
def test_dns_rebinding_is_refused(surrounded, host: str):
    """A foreign name that resolves to 127.0.0.1: the Host header still has the name."""
    assert is_problem(ask(surrounded(), headers={"Host": host}), 403)


def test_allowed_hosts_are_taken_and_others_refused_of_those_who_have_a_token_too(surrounded, key):
    app = surrounded(api_keys_file=key[0], allowed_hosts=("Read.Example",))
    assert ask(app, headers={"Host": "read.example", **bearer(key[1])}).status_code == 200
    assert is_problem(ask(app, headers={"Host": "evil.example", **bearer(key[1])}), 403)


def test_a_probe_knows_the_address_alone(surrounded, key):
    app = surrounded(api_keys_file=key[0], allowed_hosts=("read.example",))
    assert ask(app, "/healthz", headers={"Host": "10.0.3.7:8080"}, peer="10.0.3.1").status_code == 200
    assert is_problem(ask(app, "/", headers={"Host": "10.0.3.7:8080"}, peer="10.0.3.1"), 403)


def test_with_authentication_every_host_is_taken_unless_some_are_named(surrounded, key):
    answer = ask(surrounded(api_keys_file=key[0]), headers={"Host": "any.example", **bearer(key[1])})
    assert answer.status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_script_of_another_site_is_refused(surrounded, site: str, method: str):
    answer = ask(surrounded(), "/api/v1/studies", method=method, headers={"Sec-Fetch-Site": site})
    assert is_problem(answer, 403)


def test_a_cross_site_form_is_refused(surrounded):
    """A form needs no permission of ours to send multipart/form-data, and its navigation is a POST."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    files = {"files": ("a.dcm", b"x")}
    assert is_problem(ask(surrounded(), "/api/v1/studies", method="POST", headers=headers, files=files), 403)


def test_a_link_from_another_site_opens_the_page(surrounded):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert ask(surrounded(), "/", headers=headers).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9", "https://127.0.0.1:8080"])
def test_another_origin_is_refused_of_a_browser_without_fetch_metadata(surrounded, origin: str):
    assert is_problem(ask(surrounded(), "/api/v1/raw", method="POST", headers={"Origin": origin}), 403)


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://127.0.0.1:8080"}, {"Sec-Fetch-Site": "same-origin"}], ids=str
)
def test_the_page_itself_and_programs_may_post(surrounded, headers: dict[str, str]):
    answer = ask(surrounded(), "/api/v1/raw", method="POST", headers=headers, content=b"abc")
    assert answer.json() == {"bytes": 3}


def test_no_answer_allows_another_origin_to_read_it(surrounded):
    answer = ask(surrounded(), headers={"Origin": "http://127.0.0.1:8080"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_requests_of_a_principal_are_limited_and_say_when_to_come_back(surrounded, key):
    app = surrounded(api_keys_file=key[0], rate_per_minute=3)
    answers = [ask(app, headers=bearer(key[1])) for _ in range(4)]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    assert is_problem(answers[3], 429)
    assert 1 <= int(answers[3].headers["retry-after"]) <= 61
    assert ask(app, "/healthz").status_code == 200


def test_wrong_tokens_of_an_address_are_limited_and_a_right_one_is_still_taken(surrounded, key):
    app = surrounded(api_keys_file=key[0], failed_per_minute=2)
    statuses = [ask(app, headers=bearer(f"radflow_{number}_x"), peer="10.1.2.3").status_code for number in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert ask(app, headers=bearer(key[1]), peer="10.1.2.3").status_code == 200
    assert ask(app, headers=bearer("radflow_0_x"), peer="10.1.2.4").status_code == 401


def test_an_ipv6_network_counts_as_one_address(surrounded, key):
    app = surrounded(api_keys_file=key[0], failed_per_minute=1)
    statuses = [ask(app, headers=bearer("radflow_0_x"), peer=f"2001:db8::{number}").status_code for number in (1, 2)]
    assert statuses == [401, 429]


def test_refusals_are_audited_without_address_or_token(surrounded, key):
    app = surrounded(api_keys_file=key[0])
    answer = ask(app, headers=bearer("radflow_0_secret"), peer="10.1.2.3")
    (refusal,) = app.audited
    assert (refusal.status, refusal.request_id) == (401, answer.headers["x-request-id"])
    assert len(refusal.principal.subject) == 32
    assert "10.1.2.3" not in str(refusal) and "secret" not in str(refusal)


def test_a_flood_of_refusals_does_not_fill_the_audit_log(surrounded, key):
    app = surrounded(api_keys_file=key[0], failed_per_minute=2)
    for _ in range(6):
        ask(app)
    assert len(app.audited) == 2
    assert b'radflow_gateway_refused_total{status="401"} 6.0' in app.metrics.text()


def test_a_refusal_is_a_refusal_though_the_audit_fails(surrounded, key):
    def away(refusal: Any) -> None:
        raise RuntimeError("the database is away")

    assert is_problem(ask(surrounded(api_keys_file=key[0], audit=away)), 401)


def test_websockets_are_closed(surrounded):
    said = []

    async def open_one() -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            said.append(message)

        await surrounded().app({"type": "websocket", "path": "/", "headers": []}, receive, send)

    asyncio.run(open_one())
    assert said == [{"type": "websocket.close", "code": 1008}]
