"""What the middleware reads of a request: its headers, its peer, its route, and what others of it have found."""

from __future__ import annotations

import ipaddress
from typing import Any

from starlette.types import Scope

UNMATCHED = "unmatched"


def header(scope: Scope, name: bytes) -> str | None:
    """Returns the first header of a name in lower case, or None."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def state(scope: Scope) -> dict[str, Any]:
    """Returns what `request.state` shows."""
    found: dict[str, Any] = scope.setdefault("state", {})
    return found


def request_id(scope: Scope) -> str:
    """Returns the request's id."""
    return str(state(scope).get("request_id", ""))


def peer(scope: Scope) -> str:
    """Returns whose address asks: an IPv4 address, the /64 network of an IPv6 one, or `unix`."""
    client = scope.get("client")
    if client is None:
        return "unix"
    try:
        address = ipaddress.ip_address(client[0].partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def is_loopback(scope: Scope) -> bool:
    """Returns whether the peer is on this machine."""
    client = scope.get("client")
    if client is None:  # a Unix socket
        return True
    try:
        address = ipaddress.ip_address(client[0].partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def route_template(scope: Scope) -> str:
    """Returns the route's path with its parameters by name: never the path that was asked for, which holds ids."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if isinstance(path, str) and path:
        return path
    return "/assets/{file}" if scope["path"].startswith("/assets/") else UNMATCHED
