"""Filters and orders for a list of links, as SQL conditions."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    bindparam,
    case,
    column,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)

from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.times import EARLIEST
from gitlab_links.links.changed_links import ChangedLinks
from gitlab_links.links.confidentiality import maybe_withheld, sees_all, withheld
from gitlab_links.links.freshness import ENDED, GONE, Connection, SyncStatus, promise
from gitlab_links.links.link_views import LinkView
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.links.sought_items import SoughtItem
from gitlab_links.paging import Position
from gitlab_links.storage.database import UtcDateTime

# The oldest time in a cursor, and the oldest time that is read from GitLab.
_LONG_AGO = EARLIEST


class LinkSort(StrEnum):
    """Orders of a list of links; a minus reverses them. An item without content counts as the
    oldest and has an empty title.
    """

    CREATED = "created_at"
    CREATED_DESC = "-created_at"
    UPDATED = "gitlab_updated_at"
    UPDATED_DESC = "-gitlab_updated_at"
    TITLE = "title"
    TITLE_DESC = "-title"

    @property
    def descending(self) -> bool:
        """Whether the order is reversed."""
        return self.startswith("-")

    @property
    def by(self) -> ColumnElement[Any] | None:
        """The SQL value to order by; None to order by id."""
        if self.lstrip("-") == "title":
            return func.coalesce(GitLabItem.title, "")
        if self.lstrip("-") == "gitlab_updated_at":
            return func.coalesce(GitLabItem.source_updated_at, _LONG_AGO)
        return None

    def by_for(self, *, all_seen: bool) -> ColumnElement[Any] | None:
        """Like ``by``, for a viewer from whom items are withheld: the order must not reveal
        what the list hides.
        """
        if all_seen or self.by is None:
            return self.by
        nothing: Any = "" if self.lstrip("-") == "title" else _LONG_AGO
        return case((withheld(), literal(nothing, self.by.type)), else_=self.by)

    def position_of(self, view: LinkView) -> Position:
        """The position of a link in this order, to continue after it."""
        if self.lstrip("-") == "title":
            return Position(view.id, view.title or "")
        if self.lstrip("-") == "gitlab_updated_at":
            return Position(view.id, view.gitlab_updated_at or _LONG_AGO)
        return Position(view.id)


@dataclass(frozen=True, slots=True)
class LinkFilter:
    """The filter; None accepts everything. An item must have all ``labels``. Names are exact; a
    project path and a username are in upper or lower case. ``item`` and ``changed`` are of the
    org that is asked.
    """

    task_id: uuid.UUID | None = None
    state: ItemState | None = None
    gitlab_type: ItemType | None = None
    project_path: str | None = None
    sync_status: SyncStatus | None = None
    labels: tuple[str, ...] = ()
    assignee: str | None = None
    item: SoughtItem | None = None
    changed: ChangedLinks | None = None

    @property
    def reads_content(self) -> bool:
        """Whether it filters by the content of items."""
        return self.state is not None or bool(self.labels) or self.assignee is not None

    @property
    def is_of_few(self) -> bool:
        """Whether it accepts only links of one task or item."""
        return self.task_id is not None or self.item is not None

    @property
    def is_of_a_task(self) -> bool:
        """Whether it accepts all links of one task."""
        return self.task_id is not None and self == LinkFilter(self.task_id)

    def by_index(
        self, org_id: uuid.UUID, connection: Connection, viewer: Role | None
    ) -> Iterator[tuple[Any, CompoundSelect[Any]]]:
        """What indexes find: for a column of links or items, the ids among which are those of all
        that are accepted. Nothing if no index says which.
        """
        items = select(GitLabItem.id).where(GitLabItem.org_id == org_id)
        projects = select(GitLabProject.id).where(GitLabProject.org_id == org_id)
        all_seen = sees_all(connection, viewer)

        def items_of(*conditions: ColumnElement[bool]) -> Select[Any]:
            return select(GitLabItem.id).where(
                GitLabItem.project_id.in_(projects.where(*conditions))
            )

        if self.changed is not None:
            yield TaskGitLabLink.id, self.changed.by_index(all_seen=all_seen)
        if self.project_path is not None and all_seen:
            path = self.project_path.lower()
            here = items_of(func.lower(GitLabProject.path) == path)
            moved = (GitLabItem.moved_iid.is_not(None), func.lower(GitLabItem.moved_path) == path)
            yield GitLabItem.id, union_all(here, items.where(*moved))
        if self.sync_status is SyncStatus.ERROR and not connection.is_broken:
            own = items.where(GitLabItem.error_code.is_not(None))
            away = items_of(GitLabProject.base_url != connection.base_url)
            yield GitLabItem.id, union_all(own, away)
        if self.sync_status is SyncStatus.NEVER:  # such an item has no time of GitLab's either
            yield GitLabItem.id, union_all(items.where(GitLabItem.source_updated_at.is_(None)))

    def conditions(
        self, connection: Connection, ttl_seconds: int, now: datetime, viewer: Role | None
    ) -> Iterator[ColumnElement[bool]]:
        """The SQL conditions, over links joined with items and projects.

        A filter cannot reveal the content of an item that is withheld from the viewer.
        """
        hidden = false() if sees_all(connection, viewer) else withheld()
        if self.reads_content and not sees_all(connection, viewer):
            yield ~withheld()
        equal = {
            TaskGitLabLink.task_id: self.task_id,
            GitLabItem.state: self.state,
            GitLabItem.type: self.gitlab_type,
        }
        yield from (field == value for field, value in equal.items() if value is not None)
        if self.project_path is not None:
            made = func.coalesce(TaskGitLabLink.made_path, GitLabProject.path)
            path: ColumnElement[str] = func.coalesce(GitLabItem.moved_path, GitLabProject.path)
            if not sees_all(connection, viewer):
                path = case((maybe_withheld(), made), else_=GitLabProject.path)
            yield func.lower(path) == self.project_path.lower()
        if self.sync_status is not None:
            fresh_since = synced_since(ttl_seconds, now)
            yield has_sync_status(
                self.sync_status,
                broken=connection.is_broken,
                base_url=connection.base_url,
                fresh_since=fresh_since,
                hidden=hidden,
            )
        if self.item is not None:
            yield from self.item.conditions(all_seen=sees_all(connection, viewer))
        if self.changed is not None:
            yield self.changed.is_met(all_seen=sees_all(connection, viewer))
        for label in self.labels:
            yield _json_list_has(GitLabItem.labels, "name", label)
        if self.assignee is not None:
            yield _json_list_has(GitLabItem.assignees, "username", self.assignee, any_case=True)


def synced_since(ttl_seconds: int, now: datetime) -> ColumnElement[datetime]:
    """An item synced after this is fresh: ``freshness.promise`` in SQL. Needs the project."""
    times = freshness_times(ttl_seconds, now)
    return _synced_since({name: literal(time, UtcDateTime()) for name, time in times.items()})


def synced_since_given() -> ColumnElement[datetime]:
    """The same for a statement that is built once, and executed with ``freshness_times``."""
    return _synced_since({name: bindparam(name, type_=UtcDateTime()) for name in _TIMES})


def freshness_times(ttl_seconds: int, now: datetime) -> dict[str, datetime]:
    """The times that decide what is fresh."""
    trusted = promise(None, ttl_seconds, trusted=True)
    ended = promise(ItemState.CLOSED, ttl_seconds)
    ages = (0, ttl_seconds, trusted, ended)
    return {name: now - timedelta(seconds=age) for name, age in zip(_TIMES, ages, strict=True)}


_TIMES = ("now", "open_since", "trusted_since", "ended_since")


def _synced_since(times: Mapping[str, ColumnElement[datetime]]) -> ColumnElement[datetime]:
    return case(
        (GitLabItem.state.in_(ENDED), times["ended_since"]),
        (GitLabProject.trusted_until > times["now"], times["trusted_since"]),
        else_=times["open_since"],
    )


def has_sync_status(
    status: SyncStatus,
    *,
    broken: bool,
    base_url: str | ColumnElement[str] | None,
    fresh_since: ColumnElement[datetime],
    hidden: ColumnElement[bool],
) -> ColumnElement[bool]:
    """The rules of ``freshness.sync_state`` in SQL; a test compares the two.

    ``broken`` and ``base_url`` are the connection's. ``hidden``: the item is withheld, and its
    content must not be revealed.
    """
    is_broken = true() if broken else false()
    never = and_(~hidden, GitLabItem.last_synced_at.is_(None))
    fresh = case(
        (hidden, ~is_broken),
        else_=func.coalesce(GitLabItem.last_synced_at > fresh_since, false()),
    )
    own = case(
        (and_(hidden, GitLabItem.error_code.not_in(GONE)), null()), else_=GitLabItem.error_code
    )
    error = or_(
        and_(own.is_not(None), own != ErrorCode.RATE_LIMITED),
        and_(own.is_(None), ~fresh, is_broken),
    )
    if base_url is not None:
        error = or_(error, GitLabProject.base_url != base_url)
    no_error = ~func.coalesce(error, literal(False))
    return {
        SyncStatus.ERROR: error,
        SyncStatus.OK: and_(no_error, fresh),
        SyncStatus.NEVER: and_(no_error, never),
        SyncStatus.STALE: and_(no_error, ~never, ~fresh),
    }[status]


def _json_list_has(
    field: Any, member: str, value: str, *, any_case: bool = False
) -> ColumnElement[bool]:
    """Whether a JSON list has an object whose ``member`` is ``value``."""
    if db.engine.dialect.name == "postgresql":
        entries = func.json_array_elements(field).table_valued(column("value", field.type))
        text = entries.c.value[member].as_string()
    else:
        entries = func.json_each(field).table_valued("value")
        text = func.json_extract(entries.c.value, f"$.{member}")
    found = func.lower(text) == value.lower() if any_case else text == value
    return exists(select(literal(1)).select_from(entries).where(found))
