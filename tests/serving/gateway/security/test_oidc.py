"""Tokens of an OpenID issuer."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from imaging.pseudonyms import Pseudonyms
from serving.gateway.authentication.invalid_token import InvalidToken
from serving.gateway.authentication.oidc import OidcTokens
from serving.gateway.principal import Principal
from serving.gateway.problems import FORBIDDEN, UNAVAILABLE, ProblemError
from serving.gateway.settings import GatewaySettings
from tests.serving.gateway.security.tokens import AUDIENCE, ISSUER, Issuer, running_issuer


@pytest.fixture(scope="module")
def serving_issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(serving_issuer: Issuer) -> Issuer:
    serving_issuer.fetches, serving_issuer.answers = 0, True
    return serving_issuer


@pytest.fixture
def tokens(issuer: Issuer, tmp_path: Path):
    def make(**settings: Any) -> OidcTokens:
        oidc = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks_url": issuer.url}
        return OidcTokens(GatewaySettings(data_folder=tmp_path, **oidc, **settings), Pseudonyms(bytes(range(32))))

    return make


def principal(tokens: OidcTokens, token: str) -> Principal:
    return asyncio.run(tokens.principal(token))


def test_a_good_token_gives_role_group_and_a_hash_of_its_subject(issuer: Issuer, tokens):
    found = principal(tokens(), issuer.token(sub="jane.doe@hospital.example"))
    assert (found.role, found.group, found.authentication) == ("reader", "radiology", "oidc")
    assert "jane" not in found.subject


def test_an_elliptic_curve_signature_is_taken(issuer: Issuer, tokens):
    assert principal(tokens(), issuer.token(key=issuer.ec, algorithm="ES256", kid="ec")).role == "reader"


def test_an_admin_is_one_of_several_roles(issuer: Issuer, tokens):
    assert principal(tokens(), issuer.token(roles=["radflow-reader", "radflow-admin"])).role == "admin"


def test_claims_may_lie_in_objects(issuer: Issuer, tokens):
    given = tokens(oidc_role_claim="realm_access.roles", oidc_group_claim="org")
    token = issuer.token(roles=None, group=None, realm_access={"roles": ["radflow-admin"]}, org=["ct"])
    assert principal(given, token) == Principal(principal(given, token).subject, "admin", "ct", "oidc")


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 946_684_800},
        {"exp": None},
        {"nbf": 4_102_444_800},
        {"aud": "another-service"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"sub": 7},
        {"kid": None},
        {"kid": "unknown"},
        {"kid": "ec"},
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(issuer: Issuer, tokens, changed: dict[str, Any]):
    with pytest.raises(InvalidToken):
        principal(tokens(), issuer.token(**changed))


def test_clocks_may_differ_by_the_leeway(issuer: Issuer, tokens):
    expired = issuer.token(exp=int(time.time()) - 20)
    assert principal(tokens(oidc_leeway_s=30), expired)
    with pytest.raises(InvalidToken):
        principal(tokens(oidc_leeway_s=0), expired)


def test_somebody_elses_signature_is_refused(issuer: Issuer, tokens):
    with pytest.raises(InvalidToken):
        principal(tokens(), issuer.token(key=issuer.stranger))


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE"])
def test_an_unsigned_token_is_refused_without_asking_the_issuer(issuer: Issuer, tokens, algorithm: str):
    forged = f"{_part({'alg': algorithm, 'kid': 'rsa'})}.{_part(issuer.claims(roles=['radflow-admin']))}."
    with pytest.raises(InvalidToken):
        principal(tokens(), forged)
    assert issuer.fetches == 0


def test_the_public_key_is_no_shared_secret(issuer: Issuer, tokens):
    """CVE-2022-29217: HS256 with the issuer's public key as the secret."""
    signed = jwt.api_jws.PyJWS()
    head = _part({"alg": "HS256", "typ": "JWT", "kid": "rsa"})
    body = _part(issuer.claims(roles=["radflow-admin"]))
    algorithm = signed._algorithms["HS256"]
    signature = algorithm.sign(f"{head}.{body}".encode(), issuer.public_pem())
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    with pytest.raises(InvalidToken):
        principal(tokens(), forged)


@pytest.mark.parametrize("token", ["..", "a.b.c", "e30.e30.e30", f"{'A' * 9000}.{'B' * 9000}.C"])
def test_what_is_no_token_is_refused(issuer: Issuer, tokens, token: str):
    with pytest.raises(InvalidToken):
        principal(tokens(), token)


@pytest.mark.parametrize(
    "changed", [{"roles": None}, {"roles": ["other"]}, {"roles": {"radflow-admin": True}}], ids=str
)
def test_a_good_token_without_our_role_is_forbidden(issuer: Issuer, tokens, changed: dict[str, Any]):
    with pytest.raises(ProblemError, match="radflow-reader") as caught:
        principal(tokens(), issuer.token(**changed))
    assert caught.value.kind is FORBIDDEN


@pytest.mark.parametrize("group", [None, [], ["a", "b"], "", "g" * 65, 3], ids=str)
def test_a_token_must_name_one_group(issuer: Issuer, tokens, group: Any):
    with pytest.raises(ProblemError, match="one group") as caught:
        principal(tokens(), issuer.token(group=group))
    assert caught.value.kind is FORBIDDEN


def test_keys_are_fetched_once_and_made_up_key_ids_do_not_change_that(issuer: Issuer, tokens):
    given = tokens()

    async def many() -> None:
        for number in range(20):
            await given.principal(issuer.token())
            with pytest.raises(InvalidToken):
                await given.principal(issuer.token(kid=f"made-up-{number}"))

    asyncio.run(many())
    assert issuer.fetches == 1


def test_an_issuer_that_is_away_is_said_and_not_asked_each_time(issuer: Issuer, tokens):
    issuer.answers = False
    given = tokens()

    async def twice() -> None:
        for _ in range(2):
            with pytest.raises(ProblemError) as caught:
                await given.principal(issuer.token())
            assert caught.value.kind is UNAVAILABLE
            assert caught.value.headers["Retry-After"] == "10"

    asyncio.run(twice())
    assert issuer.fetches == 1
