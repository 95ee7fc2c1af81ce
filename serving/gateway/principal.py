"""Who asks: what the authentication found, and all that the rest of the gateway knows of a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Principal:
    """A user or a program that was let in.

    Attributes:
        subject: keyed hash of its name; `local` where no authentication is configured.
        role: a reader sees and makes the cases of its group; an admin sees every case, and the audit log.
        group: whose cases it sees, e.g. a department.
        authentication: how it was let in.
    """

    subject: str
    role: Literal["reader", "admin"]
    group: str
    authentication: Literal["none", "api_key", "oidc"]

    def may_see(self, group: str) -> bool:
        """Returns whether the cases of a group are for this principal."""
        return self.role == "admin" or self.group == group


LOCAL = Principal(subject="local", role="admin", group="local", authentication="none")
"""Whoever sits at this machine, where no authentication is configured."""
