"""Reading saved views."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, or_, select

from gitlab_links.accounts.models import Membership
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import required
from gitlab_links.extensions import db
from gitlab_links.finding.list_query import ListQuery
from gitlab_links.paging import Position, paged
from gitlab_links.saved_views.models import SavedView


@dataclass(frozen=True, slots=True)
class ViewOfTasks:
    """A saved view; ``filter`` is its list, with ``me`` for whoever opens it."""

    id: uuid.UUID
    name: str
    shared: bool
    filter: ListQuery
    created_at: datetime
    updated_at: datetime


def views_page(
    principal: Principal, *, after: Position | None = None, limit: int | None = None
) -> Sequence[ViewOfTasks]:
    """The caller's own views and those of the org, in the order they were made.

    Views that filter by links are left out for callers who may not see links: their words, such
    as a label, are those of the links.
    """
    statement = _seen_by(principal)
    if not principal.may(Permission.LINK_READ):
        return _of_tasks_alone(statement, after, limit)
    rows = db.session.scalars(paged(statement, SavedView.id, after=after, limit=limit))
    return [view_of(row) for row in rows]


def views_by_name(principal: Principal) -> Sequence[ViewOfTasks]:
    """The same, all of them: those of the org first."""
    return sorted(views_page(principal), key=lambda view: (not view.shared, view.name.casefold()))


def find_view(principal: Principal, view_id: uuid.UUID) -> ViewOfTasks:
    """One that the caller sees; raises :class:`NotFound`."""
    row = db.session.scalars(_seen_by(principal).where(SavedView.id == view_id)).one_or_none()
    view = view_of(required(row))
    if not principal.may(Permission.LINK_READ) and _reads_links(view):
        required(None)
    return view


def find_shared_view(principal: Principal, view_id: uuid.UUID) -> ViewOfTasks:
    """One that the org shares and the caller sees; raises :class:`NotFound`."""
    view = find_view(principal, view_id)
    return required(view if view.shared else None)


def view_of(row: SavedView) -> ViewOfTasks:
    """The view of a row."""
    return ViewOfTasks(
        id=row.id,
        name=row.name,
        shared=row.membership_id is None,
        filter=ListQuery.parse(row.query, sees_links=True),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def is_own(principal: Principal) -> ColumnElement[bool]:
    """Whether a view is the caller's own."""
    return SavedView.membership_id.in_(
        select(Membership.id).where(
            Membership.org_id == principal.org_id, Membership.user_id == principal.user_id
        )
    )


def _seen_by(principal: Principal) -> Select[SavedView]:
    return select(SavedView).where(
        SavedView.org_id == principal.org_id,
        or_(SavedView.membership_id.is_(None), is_own(principal)),
    )


def _of_tasks_alone(
    statement: Select[SavedView], after: Position | None, limit: int | None
) -> Sequence[ViewOfTasks]:
    """There are few views, so the rest is left out here."""
    rows = db.session.scalars(paged(statement, SavedView.id, after=after, limit=None))
    return [view for view in map(view_of, rows) if not _reads_links(view)][:limit]


def _reads_links(view: ViewOfTasks) -> bool:
    return ListQuery.parse(view.filter.canonical, sees_links=False) != view.filter
