"""What of an org's links the caller of a list may see."""

import uuid
from dataclasses import dataclass

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission, Role
from gitlab_links.links.confidentiality import sees_all
from gitlab_links.links.freshness import Connection
from gitlab_links.links.queries import connection_of


@dataclass(frozen=True, slots=True)
class Visibility:
    """Who calls a list, and whether they may see links at all.

    ``connection`` decides which items are withheld from the role.
    """

    org_id: uuid.UUID
    user_id: uuid.UUID
    role: Role
    sees_links: bool
    connection: Connection

    @classmethod
    def of(cls, principal: Principal) -> "Visibility":
        """What a caller may see; one statement."""
        return cls(
            org_id=principal.org_id,
            user_id=principal.user_id,
            role=principal.role,
            sees_links=principal.may(Permission.LINK_READ),
            connection=connection_of(principal.org_id),
        )

    @property
    def sees_all(self) -> bool:
        """Whether no item is withheld."""
        return sees_all(self.connection, self.role)
