"""The caller, resolved once per request from a session or an API key."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from gitlab_links.accounts.roles import Permission, Role, Scope
from gitlab_links.audit.changes import Actor
from gitlab_links.errors import Forbidden
from gitlab_links.plurals import listed


class InsufficientScope(Forbidden, code="insufficient_scope"):
    """The API key lacks a scope that the operation needs."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller in one org. ``scopes`` is None for a session, which only the role limits.

    ``expires_at`` is when the API key expires; None for sessions and keys without expiry.
    """

    org_id: uuid.UUID
    user_id: uuid.UUID
    role: Role
    scopes: frozenset[Scope] | None = None
    api_key_id: uuid.UUID | None = None
    expires_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        """The caller as the audit log names them."""
        return Actor(self.user_id, self.api_key_id)

    def may(self, permission: Permission) -> bool:
        """Whether role and scopes both allow it."""
        in_scope = self.scopes is None or permission.scope in self.scopes
        return in_scope and self.role in permission.roles

    def require(self, permission: Permission) -> None:
        """Raise :class:`Forbidden`, or :class:`InsufficientScope`, unless allowed."""
        if self.scopes is not None and permission.scope not in self.scopes:
            raise InsufficientScope(
                f"This API key lacks the scope '{permission.scope}', which this operation needs."
            )
        if self.role not in permission.roles:
            only = listed((role.words for role in Role if role in permission.roles), "or")
            raise Forbidden(f"In this org you are {self.role.words}. Only {only} may do this.")
