"""Save, change and delete views. Nothing here commits."""

import uuid

from sqlalchemy import ColumnElement, func, select

from gitlab_links.accounts.members import lock_own_membership
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.orgs import lock_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, required
from gitlab_links.extensions import db
from gitlab_links.finding.list_query import ListQuery
from gitlab_links.saved_views.models import MAX_NAME, SavedView
from gitlab_links.saved_views.queries import ViewOfTasks, is_own, view_of
from gitlab_links.storage.database import new_id

MOST_OF_A_MEMBER = 30
MOST_OF_AN_ORG = 30


class ViewExists(Conflict, code="view_exists"):
    """There is a view of this name among the caller's own, or among the shared ones."""


class TooManyViews(Conflict, code="too_many_views"):
    """There are as many views as a member or an org may have."""


def save_view(principal: Principal, name: str, query: ListQuery, *, shared: bool) -> ViewOfTasks:
    """Save a list under a name. Raises :class:`Invalid`, :class:`ViewExists` and
    :class:`TooManyViews`; a shared one needs the permission to share.
    """
    name = checked_name(name, MAX_NAME)
    owner = _lock_owner(principal, shared=shared)
    _refuse_double(principal, name, shared=shared)
    count = select(func.count()).select_from(SavedView).where(*_kind(principal, shared=shared))
    most = MOST_OF_AN_ORG if shared else MOST_OF_A_MEMBER
    if (db.session.scalar(count) or 0) >= most:
        whose = "An org shares" if shared else "You can save"
        raise TooManyViews(f"{whose} at most {most} views. Delete one first.")
    now = utcnow()
    view = SavedView(
        id=new_id(),
        org_id=principal.org_id,
        membership_id=owner,
        name=name,
        name_key=name.casefold(),
        query=_as_seen(principal, query).canonical,
        created_at=now,
        updated_at=now,
    )
    db.session.add(view)
    db.session.flush()
    _audit(principal, Action.VIEW_CREATED, view)
    return view_of(view)


def change_view(
    principal: Principal,
    view_id: uuid.UUID,
    *,
    shared: bool,
    name: str | None = None,
    query: ListQuery | None = None,
) -> ViewOfTasks:
    """Rename a view, or give it another list; None leaves a value as it is."""
    view = lock_view(principal, view_id, shared=shared)
    before = view.name, view.query
    if name is not None:
        name = checked_name(name, MAX_NAME)
        _refuse_double(principal, name, shared=shared, but=view_id)
        view.name, view.name_key = name, name.casefold()
    if query is not None:
        view.query = _as_seen(principal, query).canonical
    if (view.name, view.query) != before:
        view.updated_at = utcnow()
        more = {"former_name": before[0]} if view.name != before[0] else {}
        _audit(principal, Action.VIEW_CHANGED, view, **more)
    db.session.flush()
    return view_of(view)


def delete_view(principal: Principal, view_id: uuid.UUID, *, shared: bool) -> str:
    """Delete a view, and return its name."""
    view = lock_view(principal, view_id, shared=shared)
    _audit(principal, Action.VIEW_DELETED, view)
    db.session.delete(view)
    db.session.flush()
    return view.name


def lock_view(principal: Principal, view_id: uuid.UUID, *, shared: bool) -> SavedView:
    """One of the caller's own or of the shared ones, locked until the commit.

    Its owner is locked first, as everybody does. Raises :class:`NotFound`; a shared one needs
    the permission to share.
    """
    _lock_owner(principal, shared=shared)
    found = select(SavedView).where(SavedView.id == view_id, *_kind(principal, shared=shared))
    locked = found.with_for_update().execution_options(populate_existing=True)
    return required(db.session.scalars(locked).one_or_none())


def _as_seen(principal: Principal, query: ListQuery) -> ListQuery:
    """The list without what the caller may not filter by."""
    return ListQuery.parse(query.canonical, sees_links=principal.role in Permission.LINK_READ.roles)


def _lock_owner(principal: Principal, *, shared: bool) -> uuid.UUID | None:
    """Lock what the names are unique in: the org, or the membership, whose id is returned."""
    if shared:
        principal.require(Permission.VIEWS_SHARE)
        lock_org(principal.org_id)
        return None
    return lock_own_membership(principal)


def _kind(principal: Principal, *, shared: bool) -> tuple[ColumnElement[bool], ...]:
    whose = SavedView.membership_id.is_(None) if shared else is_own(principal)
    return SavedView.org_id == principal.org_id, whose


def _refuse_double(
    principal: Principal, name: str, *, shared: bool, but: uuid.UUID | None = None
) -> None:
    same = select(SavedView.id).where(
        SavedView.name_key == name.casefold(), *_kind(principal, shared=shared)
    )
    if db.session.scalar(same) not in {None, but}:
        whose = "The org shares" if shared else "You have"
        raise ViewExists(f"{whose} a view of this name already. Choose another name.")


def _audit(principal: Principal, action: Action, view: SavedView, **more: str) -> None:
    """What the org shares is audited, not what a member keeps for themselves."""
    if view.membership_id is None:
        detail = {"name": view.name, **more}
        write_audit_event(principal.org_id, principal.actor, action, view.id, detail)
