"""URLs of metadata stores: `postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full`, or `mysql://` likewise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from data_schemas.errors import ConfigurationError

POSTGRESQL, MYSQL = "postgresql", "mysql"
_PORTS = {POSTGRESQL: 5432, MYSQL: 3306}
_OPTIONS = {
    POSTGRESQL: ("sslmode", "sslcert", "sslkey", "sslrootcert"),
    MYSQL: ("ssl_ca", "ssl_cert", "ssl_key", "ssl_verify"),
}
_FORM = "postgresql://USER@HOST:PORT/DATABASE or mysql://USER@HOST:PORT/DATABASE"
_PASSWORD_FIELD = re.compile(r'(\bpassword: )"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class MetadataUrl:
    """A database of a server, without the password.

    Attributes:
        scheme: `postgresql` or `mysql`.
        user, host, port, database: of the server.
        options: how to encrypt, as libpq and MySQL name it.
    """

    scheme: str
    user: str
    host: str
    port: int
    database: str
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Returns the URL, which `parse_url` reads again."""
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        query = f"?{urlencode(self.options)}" if self.options else ""
        return f"{self.scheme}://{user}{host}:{self.port}/{quote(self.database, safe='')}{query}"

    def fill(self, config: Any, *, password: str) -> None:
        """Writes it into MLMD's `ConnectionConfig`."""
        if self.scheme == POSTGRESQL:
            ours = config.postgresql
            ours.dbname, ours.port = self.database, str(self.port)
            for name, value in self.options.items():
                setattr(ours.ssloption, name, value)
        else:
            ours = config.mysql
            ours.database, ours.port = self.database, self.port
            for name, value in self.options.items():
                self._fill_mysql_option(ours.ssl_options, name.removeprefix("ssl_"), value)
        ours.host = self.host
        if self.user:
            ours.user = self.user
        if password:
            ours.password = password

    @staticmethod
    def _fill_mysql_option(ssl: Any, name: str, value: str) -> None:
        if name == "verify":
            ssl.verify_server_cert = value == "true"
        else:
            setattr(ssl, name, value)


def parse_url(text: str) -> tuple[MetadataUrl, str]:
    """Returns what a URL says, and the password in it, which is empty where it has none.

    Raises:
        ConfigurationError: it is no such URL; the message does not repeat it, for it may hold a password.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"the metadata store's URL cannot be read: its form is {_FORM}") from error
    scheme = parts.scheme.partition("+")[0]
    database = unquote(parts.path.removeprefix("/"))
    if scheme not in _PORTS or not parts.hostname or not database or "/" in database or parts.fragment:
        raise ConfigurationError(f"the metadata store's URL needs scheme, host and database: {_FORM}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(options.keys() - set(_OPTIONS[scheme]))
    if unknown:
        allowed = ", ".join(_OPTIONS[scheme])
        raise ConfigurationError(f"the metadata store's URL: no option {', '.join(unknown)}; there is {allowed}")
    if options.get("ssl_verify", "true") not in ("true", "false"):
        raise ConfigurationError("the metadata store's URL: ssl_verify is true or false")
    url = MetadataUrl(scheme, unquote(parts.username or ""), parts.hostname, port or _PORTS[scheme], database, options)
    return url, unquote(parts.password or "")


def without_passwords(text: str) -> str:
    """Returns a text in which the passwords of printed `ConnectionConfig`s are blotted out."""
    return _PASSWORD_FIELD.sub(r'\1"***"', text)
