"""Rows for tests, with honest defaults; everything is committed and may be read detached."""

import uuid
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import null

from gitlab_links.accounts.api_keys import issue_key
from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.accounts.service_accounts import ServiceAccountView, create_service_account
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.finding.list_query import ListQuery
from gitlab_links.gitlab.items import ItemType
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.invitations.changes import invite
from gitlab_links.invitations.models import Invitation
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.outgoing.models import OutgoingDelivery, OutgoingEndpoint
from gitlab_links.saved_views.changes import save_view
from gitlab_links.saved_views.queries import ViewOfTasks
from gitlab_links.storage.database import Base
from gitlab_links.tasks.models import Task

Row = TypeVar("Row", bound=Base)


class Factory:
    """Makes rows in the database of ``app``; keyword arguments replace the defaults."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._numbers = count(1)

    def add(self, row: Row) -> Row:
        """Commit a row in a session of its own."""
        with self._app.app_context():
            session = db.session()
            # What the database fills in comes back with the INSERT: there is nothing to read again.
            session.expire_on_commit = False
            session.add(row)
            session.commit()
            session.expunge(row)
        return row

    def org(self, **values: Any) -> Org:
        number = next(self._numbers)
        return self.add(Org(**{"name": f"Org {number}", "task_key": f"ORG{number}", **values}))

    def user(self, **values: Any) -> User:
        """A user who cannot log in; see :meth:`user_with_password`."""
        number = next(self._numbers)
        email = f"user{number}@example.com"
        return self.add(User(**{"email": email, "name": f"User {number}", **values}))

    def user_with_password(self, password: str, **values: Any) -> User:
        from gitlab_links.security import hash_password

        return self.user(password_hash=hash_password(password), **values)

    def membership(
        self, org: Org, role: Role = Role.MEMBER, user: User | None = None
    ) -> Membership:
        user = user or self.user()
        return self.add(Membership(org_id=org.id, user_id=user.id, role=role.value))

    def principal(
        self, org: Org, role: Role = Role.MEMBER, scopes: frozenset[Scope] | None = None
    ) -> Principal:
        """A caller with this role, as a session (or, with scopes, a key) would resolve to."""
        membership = self.membership(org, role)
        return Principal(org_id=org.id, user_id=membership.user_id, role=role, scopes=scopes)

    def invitation(self, org: Org, email: str | None = None) -> Invitation:
        """One that a new admin of the org makes."""
        principal = self.principal(org, Role.ADMIN)
        address = email or f"invited{next(self._numbers)}@example.com"
        with self._app.app_context():
            made = invite(principal, address, "Ina Invited", Role.MEMBER)
            db.session.commit()
            return db.session.get_one(Invitation, made.invitation.id)

    def api_key(
        self,
        org: Org,
        *scopes: Scope,
        role: Role = Role.ADMIN,
        user: User | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        """The secret of a new key, of all scopes unless told, owned by ``user`` or a new member."""
        owner = user.id if user else self.membership(org, role).user_id
        with self._app.app_context():
            new = issue_key(org.id, owner, "tests", scopes or Scope, expires_at)
            db.session.commit()
        return new.secret

    def service_account(self, org: Org, role: Role = Role.MEMBER) -> ServiceAccountView:
        """As an admin of the org creates it."""
        principal = self.principal(org, Role.ADMIN)
        with self._app.app_context():
            made = create_service_account(principal, f"Program {next(self._numbers)}", role)
            db.session.commit()
        return made

    def integration(self, org: Org, **values: Any) -> OrgGitLabIntegration:
        """A configuration with an address and nothing else; see :meth:`connect`."""
        defaults = {"base_url": "https://gitlab.example.com"}
        return self.add(OrgGitLabIntegration(org_id=org.id, **{**defaults, **values}))

    def connect(self, org: Org, **change: str) -> OrgGitLabIntegration:
        """Configure as an admin does: ``base_url``, ``token``, ``webhook_secret``, ..."""
        principal = self.principal(org, Role.ADMIN)
        with self._app.app_context():
            integration = configure(principal, IntegrationChange(**change)).integration
            db.session.commit()
            db.session.expunge(integration)
        return integration

    def task(self, org: Org, **values: Any) -> Task:
        number = next(self._numbers)
        defaults = {"number": number, "title": f"Task {number}"}
        return self.add(Task(org_id=org.id, **{**defaults, **values}))

    def saved_view(
        self, org: Org, query: str = "status=open", *, principal: Principal | None = None
    ) -> ViewOfTasks:
        """One that the org shares, as an admin saves it; with ``principal``, their own."""
        owner = principal or self.principal(org, Role.ADMIN)
        filters = ListQuery.parse(query, sees_links=True)
        with self._app.app_context():
            name = f"View {next(self._numbers)}"
            made = save_view(owner, name, filters, shared=principal is None)
            db.session.commit()
        return made

    def gitlab_project(self, org: Org, **values: Any) -> GitLabProject:
        number = next(self._numbers)
        path = values.pop("path", f"acme/project-{number}")
        defaults = {
            "base_url": "https://gitlab.example.com",
            "gitlab_id": 1000 + number,
            "path": path,
            "path_key": path.lower(),
        }
        return self.add(GitLabProject(org_id=org.id, **{**defaults, **values}))

    def gitlab_item(self, project: GitLabProject, **values: Any) -> GitLabItem:
        defaults = {"type": ItemType.ISSUE.value, "iid": next(self._numbers)}
        owner = {"org_id": project.org_id, "project_id": project.id}
        return self.add(GitLabItem(**owner, **{**defaults, **values}))

    def link(self, task: Task, item: GitLabItem | None = None, **values: Any) -> TaskGitLabLink:
        if item is None:
            with self._app.app_context():
                org = db.session.get_one(Org, task.org_id)
            item = self.gitlab_item(self.gitlab_project(org))
        return self.add(
            TaskGitLabLink(org_id=task.org_id, task_id=task.id, item_id=item.id, **values)
        )

    def endpoint(self, org: Org, **values: Any) -> OutgoingEndpoint:
        """An endpoint whose address cannot be decrypted."""
        facts = {"org_id": org.id, "format": "standard", "url_ciphertext": "", "url_host": "a.test"}
        return self.add(OutgoingEndpoint(**{**facts, **values}))

    def sent(self, org: Org, **values: Any) -> OutgoingDelivery:
        """An event that was sent to an endpoint of its own."""
        event = self.add(Event(org_id=org.id, type="task.created", actor_kind="person"))
        facts = {"event_type": "task.created", "position": 1, "status": "failed", "due_at": null()}
        owner = {"org_id": org.id, "endpoint_id": self.endpoint(org).id, "event_id": event.id}
        return self.add(OutgoingDelivery(**{**facts, **owner, **values}))

    def delivery(self, org: Org, **values: Any) -> GitLabWebhookDelivery:
        """A failed one whose body says nothing."""
        defaults = {"status": DeliveryStatus.FAILED.value, "payload": b"{}", "size_bytes": 2}
        facts = {"org_id": org.id, "payload_sha256": "0" * 64, "headers": {}}
        return self.add(GitLabWebhookDelivery(**{**defaults, **facts, **values}))


def unknown_id() -> uuid.UUID:
    """An id that nothing has."""
    return uuid.uuid4()
