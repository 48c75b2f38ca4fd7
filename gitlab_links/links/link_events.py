"""Events about links: what each says, read for many links at once."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from gitlab_links.accounts.models import Org
from gitlab_links.audit.changes import Actor
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import Changes, LinkFacts, NewEvent, record
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.gitlab.urls import item_url
from gitlab_links.links.confidentiality import is_withheld
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.storage.given_values import is_among
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import task_reference

LinkRow = Row[*tuple[Any, ...]]

_links, _items, _projects, _tasks, _orgs = (
    model.__table__ for model in (TaskGitLabLink, GitLabItem, GitLabProject, Task, Org)
)
_ROWS = select(
    _links.c.id.label("link_id"),
    _links.c.task_id,
    _links.c.item_id,
    _links.c.made_path,
    _links.c.made_iid,
    _items.c.project_id,
    _items.c.type,
    _items.c.iid,
    _items.c.confidential,
    _items.c.error_code,
    _items.c.fetched_at,
    _projects.c.path,
    _projects.c.base_url,
    _tasks.c.number,
    _orgs.c.task_key,
).select_from(
    _links.join(_items, _items.c.id == _links.c.item_id)
    .join(_projects, _projects.c.id == _items.c.project_id)
    .join(_tasks, _tasks.c.id == _links.c.task_id)
    .join(_orgs, _orgs.c.id == _links.c.org_id)
)


def link_rows(*conditions: ColumnElement[bool]) -> Sequence[LinkRow]:
    """The links that meet the conditions, with what events say of them, in the order of ids."""
    return db.session.execute(_ROWS.where(*conditions).order_by(_links.c.id)).all()


def rows_of_links(link_ids: Sequence[uuid.UUID]) -> Sequence[LinkRow]:
    """Links by their ids."""
    return link_rows(is_among(db.engine.dialect.name, _links.c.id, link_ids))


def rows_of_items(item_ids: Sequence[uuid.UUID]) -> Sequence[LinkRow]:
    """Every link of several items."""
    return link_rows(is_among(db.engine.dialect.name, _links.c.item_id, item_ids))


def facts_of(row: LinkRow, *, hidden: bool = False, public: bool = False) -> LinkFacts:
    """What an event says of a link; ``hidden``: of an item that is withheld in any case;
    ``public``: everybody may see its place, although it was never fetched there.
    """
    hides = hidden or is_withheld(
        confidential=row.confidential, gitlab_type=row.type, error_code=row.error_code
    )
    as_made = hides or (row.fetched_at is None and not public)
    is_known = row.made_path is not None and row.made_iid is not None
    path, iid = (row.made_path, row.made_iid) if as_made and is_known else (row.path, row.iid)
    ref = ItemRef(path, ItemType(row.type), iid)
    url = item_url(row.base_url, ref)
    return LinkFacts(
        row.link_id, row.item_id, row.project_id, row.type, str(ref), url, confidential=hides
    )


def link_event(
    kind: EventType,
    row: LinkRow,
    *,
    hidden: bool = False,
    public: bool = False,
    changes: Changes | None = None,
    cause: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> NewEvent:
    """An event about the link of a row; see :func:`facts_of` for ``hidden`` and ``public``."""
    task = task_reference(row.task_key, row.number)
    facts = facts_of(row, hidden=hidden, public=public)
    return NewEvent(kind, row.task_id, task, facts, changes or {}, cause, detail)


def record_links(
    org_id: uuid.UUID,
    actor: Actor,
    kind: EventType,
    rows: Sequence[LinkRow],
    cause: Mapping[str, Any] | None = None,
) -> None:
    """Record the same event for each link."""
    record(org_id, actor, *(link_event(kind, row, cause=cause) for row in rows))
