"""Tokens of an OpenID Connect issuer: signed JWTs (RFC 7519), checked against the issuer's public keys (RFC 7517)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import jwt

from imaging.pseudonyms import Pseudonyms
from serving.gateway.authentication.invalid_token import InvalidToken
from serving.gateway.principal import Principal
from serving.gateway.problems import FORBIDDEN, UNAVAILABLE, ProblemError
from serving.gateway.settings import GatewaySettings

_REQUIRED = ["exp", "iss", "aud", "sub"]
_KEYS_LIFE_S = 300.0
_FETCH_S = 5.0
_COOLDOWN_S = 10.0
"""After a fetch, whether it failed or not: a made-up key id must not make the gateway ask the issuer each time."""


class SigningKeys:
    """The issuer's public keys, fetched when they are needed, by one request at a time.

    Args:
        url: of the JSON Web Key Set.
    """

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, lifespan=_KEYS_LIFE_S, timeout=_FETCH_S, cooldown_duration=_COOLDOWN_S)
        self._lock = asyncio.Lock()
        self._failed_at = -_COOLDOWN_S

    async def key(self, identifier: str) -> jwt.PyJWK:
        """Returns the key of that `kid`.

        Raises:
            InvalidToken: the issuer has no such key.
            ProblemError: UNAVAILABLE, the issuer does not answer.
        """
        async with self._lock:
            if time.monotonic() - self._failed_at < _COOLDOWN_S:
                raise _away()
            try:
                return await asyncio.to_thread(self._client.get_signing_key, identifier)
            except jwt.exceptions.PyJWKClientConnectionError as error:
                self._failed_at = time.monotonic()
                raise _away() from error
            except (jwt.PyJWKClientError, jwt.PyJWKSetError, jwt.PyJWKError, ValueError) as error:
                raise InvalidToken("unknown signing key") from error


def _away() -> ProblemError:
    return ProblemError(
        UNAVAILABLE,
        "The issuer's public keys cannot be fetched, so that no token can be checked; try again soon.",
        headers={"Retry-After": str(int(_COOLDOWN_S))},
    )


class OidcTokens:
    """Reads the tokens of the configured issuer.

    Args:
        settings: issuer, audience, algorithms, claims.
        pseudonyms: make the principal's subject.
        keys: of the issuer; fetched from `oidc_jwks_url` unless they are given.
    """

    def __init__(self, settings: GatewaySettings, pseudonyms: Pseudonyms, *, keys: SigningKeys | None = None) -> None:
        self._settings = settings
        self._pseudonyms = pseudonyms
        self._keys = keys or SigningKeys(settings.oidc_jwks_url or "")

    def takes(self, token: str) -> bool:
        """Returns whether a token has the form of a signed JWT: three parts."""
        return token.count(".") == 2

    async def principal(self, token: str) -> Principal:
        """Returns who a token is of.

        Raises:
            InvalidToken: signature, issuer, audience, algorithm or time is wrong.
            ProblemError: FORBIDDEN, the token has no role or group of this gateway; UNAVAILABLE, the issuer is away.
        """
        claims = await self._claims(token)
        subject = self._pseudonyms.pseudonym("subject", f"{claims['iss']}\n{claims['sub']}")
        return Principal(subject=subject, role=self._role(claims), group=self._group(claims), authentication="oidc")

    async def _claims(self, token: str) -> dict[str, Any]:
        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            # Before a key is looked for: what names no algorithm of ours must not make us ask the issuer.
            if header.get("alg") not in settings.oidc_algorithms or not isinstance(header.get("kid"), str):
                raise InvalidToken("algorithm or key id")
            return jwt.decode(
                token,
                await self._keys.key(header["kid"]),
                algorithms=list(settings.oidc_algorithms),
                audience=settings.oidc_audience,
                issuer=settings.oidc_issuer,
                leeway=settings.oidc_leeway_s,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("expired") from error
        except (jwt.InvalidTokenError, TypeError, ValueError) as error:
            raise InvalidToken("not valid") from error

    def _role(self, claims: Mapping[str, Any]) -> Any:
        settings = self._settings
        roles = _words(_claim(claims, settings.oidc_role_claim))
        if settings.oidc_admin_role in roles:
            return "admin"
        if settings.oidc_reader_role in roles:
            return "reader"
        raise ProblemError(
            FORBIDDEN,
            f"Your token has neither the role {settings.oidc_reader_role} nor {settings.oidc_admin_role} in its claim "
            f"{settings.oidc_role_claim}: ask who gives out the roles.",
        )

    def _group(self, claims: Mapping[str, Any]) -> str:
        groups = _words(_claim(claims, self._settings.oidc_group_claim))
        if len(groups) == 1 and 0 < len(groups[0]) <= 64:
            return groups[0]
        raise ProblemError(
            FORBIDDEN,
            "Your token must name one group, of at most 64 characters, in its claim "
            f"{self._settings.oidc_group_claim}; it names {len(groups)}.",
        )


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """Returns a claim; `realm_access.roles` is `roles` of the object `realm_access`, or a claim of that whole name."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _words(value: Any) -> list[str]:
    """Returns a claim of one word or of several."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]
