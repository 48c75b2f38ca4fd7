"""A page of an org's links: for pages, files and API, in a fixed number of statements."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, select

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, settings
from gitlab_links.finding.link_filters import LinkQuery
from gitlab_links.finding.link_order import BY_TIME, LinkOrder
from gitlab_links.gitlab.times import EARLIEST
from gitlab_links.links.link_filters import LinkFilter, LinkSort
from gitlab_links.links.link_views import LinkView
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.queries import links_by_id
from gitlab_links.paging import Position
from gitlab_links.rollup.sight import Sight
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import task_reference

UPDATED, LINKED = LinkSort.UPDATED_DESC, LinkSort.CREATED_DESC


@dataclass(frozen=True, slots=True)
class LinkList:
    """A page of links, and where the next page begins."""

    links: Sequence[LinkView]
    next: Position | None


def listed_links(
    sight: Sight,
    wanted: LinkQuery,
    *,
    sort: LinkSort,
    after: Position | None,
    limit: int,
    narrowed: LinkFilter | None = None,
) -> LinkList:
    """The links behind ``after``, in three statements at most.

    What is withheld is not in the list. With ``narrowed``, as programs read it, it is while
    nothing of its content is asked for: by its reference alone, and as what was never read.
    """
    links = select(TaskGitLabLink.id, TaskGitLabLink.task_id).join(
        GitLabItem, GitLabItem.id == TaskGitLabLink.item_id
    )
    hides = False
    if narrowed is None or wanted.reads_content:
        links = links.where(*wanted.conditions(sight))
    else:
        links, hides = links.where(TaskGitLabLink.org_id == sight.org_id), not sight.sees_all
    if narrowed is not None and narrowed != LinkFilter():
        links = links.join(GitLabItem.project).where(*_narrow(sight, narrowed))
    order = LinkOrder(sort, hides=hides, is_rare=wanted.is_rare)
    found = order.rows(links, after, limit + 1)
    page = found[:limit]
    views = links_by_id(
        sight.org_id, [row.id for row in page], viewer=sight.role, connection=sight.connection
    )
    behind = None
    if len(found) > limit:
        value = page[-1].value
        behind = Position(page[-1].id, value or EARLIEST if sort in BY_TIME else value)
    return LinkList([views[row.id] for row in page if row.id in views], behind)


def _narrow(sight: Sight, narrowed: LinkFilter) -> Iterator[ColumnElement[bool]]:
    return narrowed.conditions(sight.connection, settings().metadata_ttl, utcnow(), sight.role)


def task_references(sight: Sight, links: Sequence[LinkView]) -> Mapping[UUID, str]:
    """The references of the tasks of these links, by id."""
    rows = db.session.execute(
        select(Task.id, Org.task_key, Task.number)
        .join(Org, Org.id == Task.org_id)
        .where(Task.org_id == sight.org_id, Task.id.in_({link.task_id for link in links}))
    )
    return {task_id: task_reference(key, number) for task_id, key, number in rows}
