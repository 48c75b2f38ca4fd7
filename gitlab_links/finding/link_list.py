"""A page of an org's links, in the order of GitLab's times or of linking, by position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, or_, select

from gitlab_links.accounts.models import Org
from gitlab_links.extensions import db
from gitlab_links.finding.link_filters import LinkQuery
from gitlab_links.links.link_views import LinkView
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.queries import links_by_id
from gitlab_links.paging import Position
from gitlab_links.rollup.sight import Sight
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import task_reference

UPDATED, LINKED = "updated", "linked"
Found = Row[*tuple[Any, ...]]
Statement = Select[*tuple[Any, ...]]
_link, _item = TaskGitLabLink, GitLabItem


@dataclass(frozen=True, slots=True)
class LinkList:
    """A page of links, the references of their tasks by id, and where the next page begins."""

    links: Sequence[LinkView]
    tasks: Mapping[UUID, str]
    next: Position | None


def listed_links(
    sight: Sight, wanted: LinkQuery, *, sort: str, after: Position | None, limit: int
) -> LinkList:
    """The links behind ``after``, in four statements at most.

    ``sort`` is ``updated``, GitLab's newest time first and what it has not sent yet last, or
    ``linked``, the newest link first.
    """
    found = _found(sight, wanted, sort, after, limit + 1)
    page = found[:limit]
    links = links_by_id(
        sight.org_id, [row.id for row in page], viewer=sight.role, connection=sight.connection
    )
    last = page[-1] if len(found) > limit else None
    return LinkList(
        [links[row.id] for row in page if row.id in links],
        _references(sight, [row.task_id for row in page]),
        None if last is None else Position(last.id, last.at if sort == UPDATED else None),
    )


def _found(
    sight: Sight, wanted: LinkQuery, sort: str, after: Position | None, limit: int
) -> list[Found]:
    statement = (
        select(_link.id, _link.task_id, _item.source_updated_at.label("at"))
        .join(_item, _item.id == _link.item_id)
        .where(*wanted.conditions(sight))
    )
    link_id: Any = _link.id
    moment: Any = _item.source_updated_at
    if wanted.is_rare:
        # In the order of an index, all links may have to be read until some match.
        matching = statement.cte("matching").prefix_with("MATERIALIZED")
        statement = select(matching.c.id, matching.c.task_id, matching.c.at)
        link_id, moment = matching.c.id, matching.c.at
    by_id = partial(_by_id, link_id=link_id)
    if sort == LINKED:
        return by_id(statement, after, limit)
    found: list[Found] = []
    if after is None or after.value is not None:
        dated = statement.where(moment.is_not(None))
        if after is not None:
            same = and_(moment == after.value, link_id < after.id)
            # Of the two, the first alone is a range of the index.
            dated = dated.where(moment <= after.value, or_(moment < after.value, same))
        dated = dated.order_by(moment.desc(), link_id.desc()).limit(limit)
        found += db.session.execute(dated).all()
        after = None
    if len(found) < limit:
        found += by_id(statement.where(moment.is_(None)), after, limit - len(found))
    return found


def _by_id(
    statement: Statement, after: Position | None, limit: int, *, link_id: Any
) -> list[Found]:
    if after is not None:
        statement = statement.where(link_id < after.id)
    return list(db.session.execute(statement.order_by(link_id.desc()).limit(limit)))


def _references(sight: Sight, task_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    rows = db.session.execute(
        select(Task.id, Org.task_key, Task.number)
        .join(Org, Org.id == Task.org_id)
        .where(Task.org_id == sight.org_id, Task.id.in_(task_ids))
    )
    return {task_id: task_reference(key, number) for task_id, key, number in rows}
