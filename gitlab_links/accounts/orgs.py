"""Finding, listing, changing and creating orgs. Nothing here commits."""

import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from gitlab_links.accounts.models import Membership, Org
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.task_keys import change_task_key, former_task_keys
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.errors import required
from gitlab_links.extensions import db
from gitlab_links.paging import Position, paged
from gitlab_links.storage.database import lock_words


@dataclass(frozen=True, slots=True)
class OrgView:
    """An org as one of its members sees it."""

    id: uuid.UUID
    name: str
    task_key: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OrgDetails(OrgView):
    """An org with what its settings show in addition."""

    former_task_keys: Sequence[str]
    branch_template: str | None
    comments_mention: bool


def orgs_page(
    user_id: uuid.UUID,
    *,
    only: uuid.UUID | None = None,
    after: Position | None = None,
    limit: int | None = None,
) -> Sequence[OrgView]:
    """The orgs the user is a member of, oldest first; ``only`` limits them to an API key's org."""
    statement = (
        select(Org, Membership.role)
        .join(Membership, Membership.org_id == Org.id)
        .where(Membership.user_id == user_id)
    )
    if only is not None:
        statement = statement.where(Org.id == only)
    statement = paged(statement, Org.id, after=after, limit=limit)
    return [_view(org, Role(role)) for org, role in db.session.execute(statement)]


def find_org(principal: Principal) -> OrgDetails:
    """The caller's org."""
    return _details(required(db.session.get(Org, principal.org_id)), principal.role)


def lock_org(org_id: uuid.UUID) -> None:
    """Lock the org until the commit. What workers insert for the org does not wait for it."""
    one = select(Org.id).where(Org.id == org_id)
    db.session.execute(one.with_for_update(key_share=True))


def update_org(
    principal: Principal,
    *,
    name: str | None = None,
    task_key: str | None = None,
    branch_template: str | None = None,
    comments_mention: bool | None = None,
) -> OrgDetails:
    """Change the org; None leaves a value as it is, an empty template is the default one.

    References with a former task key still lead to their tasks. Raises :class:`Invalid`.
    """
    org = required(db.session.get(Org, principal.org_id))
    changes: dict[str, Any] = {
        "name": None if name is None else checked_name(name),
        "task_key": task_key,
        "branch_template": branch_template,
        "comments_mention": comments_mention,
    }
    changed = {
        field: value
        for field, value in changes.items()
        if value is not None
        and value != ("" if getattr(org, field) is None else getattr(org, field))
    }
    if "task_key" in changed:
        change_task_key(org, changed["task_key"])
    org.name = changed.get("name", org.name)
    if "branch_template" in changed:
        org.branch_template = changed["branch_template"] or None
    org.comments_mention = changed.get("comments_mention", org.comments_mention)
    if changed:
        write_audit_event(org.id, principal.actor, Action.ORG_UPDATED, org.id, changed)
    return _details(org, principal.role)


def create_org(name: str) -> Org:
    """Create an org without members; its task key is derived from the name."""
    org = Org(name=name, task_key=task_key_for(name))
    db.session.add(org)
    db.session.flush()
    return org


def task_key_for(name: str) -> str:
    """``ACME`` for "Acme Corp.", ``TASK`` if the name has no Latin letters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    word = re.search(r"[A-Za-z][A-Za-z0-9]+", plain)
    return word.group()[:10].upper() if word else "TASK"


def locked_orgs_named(name: str) -> Sequence[uuid.UUID]:
    """The orgs with this name, ignoring case: "acme" beside "Acme" is most likely a mistake.

    For operators only. An admin who renames an org must not learn what other orgs there are.
    The name is locked until the commit: who asks for it meanwhile finds the org that is created.
    """
    lock_words(db.session, f"org named {name.lower()}")
    alike = func.lower(Org.name) == name.lower()
    return db.session.scalars(select(Org.id).where(alike).order_by(Org.id)).all()


def _view(org: Org, role: Role) -> OrgView:
    return OrgView(org.id, org.name, org.task_key, role, org.created_at)


def _details(org: Org, role: Role) -> OrgDetails:
    former = former_task_keys(org.id)
    return OrgDetails(
        org.id,
        org.name,
        org.task_key,
        role,
        org.created_at,
        former,
        org.branch_template,
        org.comments_mention,
    )
