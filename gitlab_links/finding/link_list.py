"""A page of an org's links: for pages, files and API, in a fixed number of statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, func, select

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, settings
from gitlab_links.finding.link_order import BY_TIME, LINKS, Found, LinkOrder, Statement
from gitlab_links.finding.link_query import LinkQuery
from gitlab_links.gitlab.times import EARLIEST
from gitlab_links.links.link_filters import LinkFilter, LinkSort
from gitlab_links.links.link_views import LinkView
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.queries import links_by_id
from gitlab_links.paging import Position
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.search.models import SearchText
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.summaries import task_reference

# What an index finds is read before the order if it is so little, or if a page of it is not among
# the next links and it is not more than so many.
FEW, MANY = 2_000, 20_000
UPDATED, LINKED = LinkSort.UPDATED_DESC, LinkSort.CREATED_DESC


@dataclass(frozen=True, slots=True)
class LinkList:
    """A page of links, and where the next page begins."""

    links: Sequence[LinkView]
    next: Position | None


def listed_links(
    visibility: Visibility,
    wanted: LinkQuery,
    *,
    sort: LinkSort,
    after: Position | None,
    limit: int,
    narrowed: LinkFilter | None = None,
) -> LinkList:
    """The links behind ``after``, in eight statements at most.

    What is withheld is not in the list. With ``narrowed``, as programs read it, it is while
    nothing of its content is asked for: by its reference alone, and as what was never read.
    """
    hides = narrowed is not None and not wanted.reads_content and not visibility.sees_all
    matching = _Matching(visibility, wanted, narrowed)
    order = LinkOrder(sort, hides=hides, is_rare=wanted.is_rare)
    few = matching.by_index(FEW)
    found: Sequence[Found] = ()
    if not few and matching.may_be_common:
        here = partial(matching.of, of_few=True)
        found = order.next_rows(
            visibility.org_id,
            here,
            after,
            limit + 1,
            texts=wanted.reads_facts,
            combined=wanted.is_combined,
        )
    if len(found) <= limit:
        found = matching.rows(order, few or matching.by_index(MANY), after, limit + 1)
    page = found[:limit]
    views = links_by_id(
        visibility.org_id,
        [row.id for row in page],
        viewer=visibility.role,
        connection=visibility.connection,
    )
    behind = None
    if len(found) > limit:
        value = page[-1].value
        behind = Position(page[-1].id, value or EARLIEST if sort in BY_TIME else value)
    return LinkList([views[row.id] for row in page if row.id in views], behind)


@dataclass(frozen=True, slots=True)
class _Matching:
    """Which links are in the list."""

    visibility: Visibility
    wanted: LinkQuery
    narrowed: LinkFilter | None

    @property
    def may_be_common(self) -> bool:
        """Whether few or nearly all links may match, so that some are best tried first."""
        return self.wanted.may_be_common or bool(self._sets)

    @property
    def _sets(self) -> list[tuple[Any, CompoundSelect[Any]]]:
        narrowed, visibility = self.narrowed, self.visibility
        if narrowed is None or narrowed.is_of_few:
            return []
        return list(narrowed.by_index(visibility.org_id, visibility.connection, visibility.role))

    def by_index(self, most: int) -> list[ColumnElement[bool]]:
        """The conditions that indexes answer, as far as each finds so many links at most."""
        sets = self._sets
        if not sets:
            return []
        some = (ids.limit(most + 1).subquery() for _, ids in sets)
        counts = (select(func.count()).select_from(one).scalar_subquery() for one in some)
        sizes = db.session.execute(select(*counts)).one()
        found = zip(sets, sizes, strict=True)
        return [column.in_(ids) for (column, ids), size in found if size <= most]

    def of(self, links: Statement, *, of_few: bool = False) -> Statement:
        """Those of the links that match; ``of_few``: of links joined with texts of items."""
        if self.narrowed is None or self.wanted.reads_content:
            links = links.where(*self.wanted.conditions(self.visibility, of_few=of_few))
        else:
            org_id = self.visibility.org_id
            links = links.where(TaskGitLabLink.org_id == org_id, GitLabItem.org_id == org_id)
        if self.narrowed is None or self.narrowed == LinkFilter():
            return links
        ttl, now = settings().metadata_ttl, utcnow()
        conditions = self.narrowed.conditions(
            self.visibility.connection, ttl, now, self.visibility.role
        )
        return links.join(GitLabItem.project).where(*conditions)

    def rows(
        self,
        order: LinkOrder,
        by_index: Sequence[ColumnElement[bool]],
        after: Position | None,
        limit: int,
    ) -> Sequence[Found]:
        """The first of all that match."""
        wanted = self.wanted
        few = wanted.reads_facts and (wanted.need is not None or not wanted.may_be_common)
        links = LINKS.join(SearchText, SearchText.item_id == GitLabItem.id) if few else LINKS
        links = self.of(links, of_few=few).where(*by_index)
        order = replace(order, is_rare=order.is_rare or bool(by_index))
        return order.rows(links, after, limit)


def task_references(visibility: Visibility, links: Sequence[LinkView]) -> Mapping[UUID, str]:
    """The references of the tasks of these links, by id."""
    rows = db.session.execute(
        select(Task.id, Org.task_key, Task.number)
        .join(Org, Org.id == Task.org_id)
        .where(Task.org_id == visibility.org_id, Task.id.in_({link.task_id for link in links}))
    )
    return {task_id: task_reference(key, number) for task_id, key, number in rows}
