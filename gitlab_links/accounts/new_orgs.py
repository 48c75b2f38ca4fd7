"""An operator creates an org on a page. Nothing here commits."""

import uuid

from gitlab_links.accounts.models import Membership, Org
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.operators import is_operator
from gitlab_links.accounts.orgs import create_org, locked_orgs_named
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.changes import Action, Actor, write_audit_event
from gitlab_links.errors import Conflict, Forbidden
from gitlab_links.extensions import db


class OrgExists(Conflict, code="org_exists"):
    """An org has this name already."""


def require_operator(user_id: uuid.UUID, email: str) -> None:
    """Raise :class:`Forbidden` unless the person is an operator."""
    if not is_operator(user_id, email):
        raise Forbidden("Only an operator of this service may create an org.")


def found_org(user_id: uuid.UUID, email: str, name: str) -> Org:
    """Create an org whose first admin is the operator who asks.

    Raises :class:`Forbidden`, :class:`Invalid` and :class:`OrgExists`.
    """
    require_operator(user_id, email)
    name = checked_name(name)
    if locked_orgs_named(name):
        words = "An org with this name exists already. Choose another name."
        raise OrgExists(words, errors={"name": [words]})
    org = create_org(name)
    membership = Membership(org_id=org.id, user_id=user_id, role=Role.ADMIN.value)
    db.session.add(membership)
    db.session.flush()
    actor = Actor(user_id)
    write_audit_event(org.id, actor, Action.ORG_CREATED, org.id, {"name": name})
    detail = {"email": email, "role": Role.ADMIN.value}
    write_audit_event(org.id, actor, Action.MEMBER_ADDED, membership.id, detail)
    return org
