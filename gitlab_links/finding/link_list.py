"""A page of an org's links: for pages, files and API, in a fixed number of statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, settings
from gitlab_links.finding.link_filters import LinkQuery
from gitlab_links.finding.link_order import BY_TIME, LINKS, Found, LinkOrder, Statement
from gitlab_links.gitlab.times import EARLIEST
from gitlab_links.links.link_filters import LinkFilter, LinkSort
from gitlab_links.links.link_views import LinkView
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.queries import links_by_id
from gitlab_links.paging import Position
from gitlab_links.rollup.sight import Sight
from gitlab_links.search.models import SearchText
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
    """The links behind ``after``, in four statements at most.

    What is withheld is not in the list. With ``narrowed``, as programs read it, it is while
    nothing of its content is asked for: by its reference alone, and as what was never read.
    """
    hides = narrowed is not None and not wanted.reads_content and not sight.sees_all
    order = LinkOrder(sort, hides=hides, is_rare=wanted.is_rare)
    matching = partial(_matching, sight, wanted, narrowed)
    found: Sequence[Found] = ()
    if wanted.may_be_common:
        found = order.next_rows(sight.org_id, partial(matching, of_few=True), after, limit + 1)
    if len(found) <= limit:
        few = wanted.reads_facts and not wanted.may_be_common
        links = LINKS.join(SearchText, SearchText.item_id == GitLabItem.id) if few else LINKS
        found = order.rows(matching(links, of_few=few), after, limit + 1)
    page = found[:limit]
    views = links_by_id(
        sight.org_id, [row.id for row in page], viewer=sight.role, connection=sight.connection
    )
    behind = None
    if len(found) > limit:
        value = page[-1].value
        behind = Position(page[-1].id, value or EARLIEST if sort in BY_TIME else value)
    return LinkList([views[row.id] for row in page if row.id in views], behind)


def _matching(
    sight: Sight,
    wanted: LinkQuery,
    narrowed: LinkFilter | None,
    links: Statement,
    *,
    of_few: bool = False,
) -> Statement:
    """Those of the links that are in the list."""
    if narrowed is None or wanted.reads_content:
        links = links.where(*wanted.conditions(sight, of_few=of_few))
    else:
        org_id = sight.org_id
        links = links.where(TaskGitLabLink.org_id == org_id, GitLabItem.org_id == org_id)
    if narrowed is None or narrowed == LinkFilter():
        return links
    ttl, now = settings().metadata_ttl, utcnow()
    conditions = narrowed.conditions(sight.connection, ttl, now, sight.role)
    return links.join(GitLabItem.project).where(*conditions)


def task_references(sight: Sight, links: Sequence[LinkView]) -> Mapping[UUID, str]:
    """The references of the tasks of these links, by id."""
    rows = db.session.execute(
        select(Task.id, Org.task_key, Task.number)
        .join(Org, Org.id == Task.org_id)
        .where(Task.org_id == sight.org_id, Task.id.in_({link.task_id for link in links}))
    )
    return {task_id: task_reference(key, number) for task_id, key, number in rows}
