"""Read what names an item: a pasted text, or its project, type and number."""

import uuid
from dataclasses import dataclass

from sqlalchemy import or_, select

from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.item_paths import bad_url, item_ref
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.pasted_text import Reference, short_reference
from gitlab_links.gitlab.urls import parse_base_url, parse_item_url
from gitlab_links.integrations.credentials import IntegrationMissing
from gitlab_links.links.confidentiality import sees_all
from gitlab_links.links.freshness import Connection
from gitlab_links.links.models import GitLabProject
from gitlab_links.links.queries import connection_of
from gitlab_links.pasting.known_projects import is_known

# A refusal that lists more names is no help.
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class NamedItem:
    """An item as a program names it; ``project_path`` is unchecked."""

    project_path: str
    type: ItemType
    iid: int


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what names an item of the org's GitLab, for a caller with a role."""

    org_id: uuid.UUID
    base_url: str
    connection: Connection
    viewer: Role | None

    @classmethod
    def of(cls, org_id: uuid.UUID, viewer: Role | None) -> "Reader":
        """Raises :class:`IntegrationMissing`."""
        connection = connection_of(org_id)
        if connection.base_url is None:
            raise IntegrationMissing(
                "This org is not connected to a GitLab: an admin has to set its base URL first."
            )
        return cls(org_id, connection.base_url, connection, viewer)

    def read(self, named: object) -> ItemRef:
        """The item. Raises :class:`Invalid` with a ``url_*`` code."""
        if isinstance(named, NamedItem):
            return item_ref(named.project_path.split("/"), named.type, str(named.iid))
        short = short_reference(named) if isinstance(named, str) else None
        if short is not None:
            named = f"{self._only_project(short)}{short.sigil}{short.number}"
        return parse_item_url(named, parse_base_url(self.base_url, settings().gitlab_allowed_hosts))

    def _only_project(self, short: Reference) -> str:
        """The path of the org's one project of that name, among those that the caller sees."""
        key = GitLabProject.path_key
        name = short.path.lower()
        paths = db.session.scalars(
            select(GitLabProject.path)
            .where(
                GitLabProject.org_id == self.org_id,
                GitLabProject.base_url == self.base_url,
                or_(key == name, key.endswith(f"/{name}", autoescape=True)),
                is_known(all_seen=sees_all(self.connection, self.viewer)),
            )
            .order_by(key)
            .limit(_MOST_NAMED)
        ).all()
        if len(paths) == 1:
            return paths[0]
        if paths:
            raise bad_url(
                "url_ambiguous",
                f"Several projects are called {short.path[:80]!r}: {', '.join(paths)}. Write the "
                "whole reference.",
            )
        raise bad_url(
            "url_project_path",
            f"No project called {short.path[:80]!r} is linked or watched here. Write the whole "
            f"reference, like group/project{short.sigil}{short.number[:20]}.",
        )
