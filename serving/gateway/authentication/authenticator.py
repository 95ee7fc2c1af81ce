"""Who a bearer token is of, whichever kind of token it is."""

from __future__ import annotations

from typing import Protocol

from imaging.pseudonyms import Pseudonyms
from serving.gateway.authentication.api_keys import ApiKeys
from serving.gateway.authentication.invalid_token import InvalidToken
from serving.gateway.principal import Principal
from serving.gateway.settings import GatewaySettings


class TokenReader(Protocol):
    """Reads one kind of token."""

    def takes(self, token: str) -> bool:
        """Returns whether a token has the form of this kind."""
        ...

    async def principal(self, token: str) -> Principal:
        """Returns who a token is of.

        Raises:
            InvalidToken: it is none that is taken.
            ProblemError: it is good, and does not let its bearer in here; or it cannot be checked now.
        """
        ...


class Authenticator:
    """Asks the reader of a token's kind.

    Args:
        readers: of each kind that is configured.
    """

    def __init__(self, *readers: TokenReader) -> None:
        self._readers = readers

    async def principal(self, token: str) -> Principal:
        """Returns who a token is of; raises as `TokenReader.principal`."""
        for reader in self._readers:
            if reader.takes(token):
                return await reader.principal(token)
        raise InvalidToken("unknown kind")


def authenticator(settings: GatewaySettings, pseudonyms: Pseudonyms) -> Authenticator | None:
    """Returns what the settings configure; None where they configure no authentication.

    Raises:
        ConfigurationError: the file of API keys cannot be used.
    """
    readers: list[TokenReader] = []
    if settings.api_keys_file is not None:
        readers.append(ApiKeys(settings.api_keys_file, pseudonyms))
    if settings.oidc_issuer is not None:
        from serving.gateway.authentication.oidc import OidcTokens  # 0.25 s that API keys alone do not need

        readers.append(OidcTokens(settings, pseudonyms))
    return Authenticator(*readers) if readers else None
