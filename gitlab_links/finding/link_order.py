"""The rows of links in an order, behind a position; by an index where there is one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    and_,
    case,
    false,
    func,
    null,
    or_,
    select,
)

from gitlab_links.extensions import db
from gitlab_links.gitlab.times import EARLIEST
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.link_filters import LinkSort
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.paging import Position, paged
from gitlab_links.search.models import SearchText

Statement = Select[*tuple[Any, ...]]
Found = Row[*tuple[Any, ...]]
_link, _item = TaskGitLabLink, GitLabItem
LINKS: Statement = select(_link.id, _link.task_id).join(_item, _item.id == _link.item_id)
# So many are read in their order before all that match are read: a page of what is common is
# among them, wherever it is.
NEXT = 3_000
# Without the texts of their items, PostgreSQL would read all links rather than so many.
NEXT_ALONE = 2_000
# If a page is probably among up to so many times as many, those are read next, unless an index
# probably finds all that match sooner: as measured with 500,000 links. Texts take longer to test.
MOST_TIMES = 10
IN_TEXTS, ALONE = 11, 2
BY_TIME = (LinkSort.UPDATED, LinkSort.UPDATED_DESC)


@dataclass(frozen=True, slots=True)
class LinkOrder:
    """An order of links. ``hides``: withheld items are among them, as if never read; their
    times and titles must not decide where they are. ``is_rare``: few links match.
    """

    sort: LinkSort
    hides: bool = False
    is_rare: bool = False

    def rows(self, links: Statement, after: Position | None, limit: int) -> Sequence[Found]:
        """The id, task_id and ``value`` of links, in one or two statements. ``links`` selects
        id and task_id of those that match, joined with items.
        """
        value: Any = self._value
        link_id: Any = _link.id
        links = links.add_columns(value.label("value"))
        if self.is_rare:
            # In the order of an index, all links may have to be read until some match.
            rare = links.cte("matching").prefix_with("MATERIALIZED")
            links, link_id, value = select(*rare.c), rare.c.id, rare.c.value
        elif self.sort in BY_TIME:
            return self._by_time(links, after, limit)
        by = None if self.sort.by is None else value
        if self.sort in BY_TIME:
            by = func.coalesce(value, EARLIEST)
            after = after and Position(after.id, after.value or EARLIEST)
        down = self.sort.descending
        ordered = paged(links, link_id, by=by, descending=down, after=after, limit=limit)
        return db.session.execute(ordered).all()

    def next_rows(
        self,
        org_id: UUID,
        matching: Callable[[Statement], Statement],
        after: Position | None,
        limit: int,
        *,
        texts: bool,
        combined: bool,
    ) -> Sequence[Found]:
        """The rows, if so many are among the next links of the org, in two statements at most;
        else fewer.

        ``matching`` is given links joined with items and, if it reads ``texts``, those of items.
        ``combined``: an index finds the matches of one of the filters, which may be many more.
        """
        by_time = self.sort in BY_TIME
        is_known = self.sort.descending if after is None else _is_known(after)
        if self.sort.by is not None and not (by_time and is_known):
            return ()
        links = LINKS.join(SearchText, SearchText.item_id == _item.id) if texts else LINKS
        links = links.add_columns(self._value.label("value"))
        columns: list[Any] = [_item.source_updated_at, _link.id] if by_time else [_link.id]

        def first(near: Statement) -> Sequence[Found]:
            ordered = self._ordered(matching(near), columns, after)
            return db.session.execute(ordered.limit(limit)).all()

        part = self._next(org_id, after, NEXT if texts else NEXT_ALONE)
        near = part.cte("near").prefix_with("MATERIALIZED")
        here = links.join(near, near.c.id == (_item if by_time else _link).id)
        found = first(here.where(self._is_before(near)) if by_time else here)
        # Half as many again: matches are not evenly spread.
        times = 1 + 3 * limit // (2 * len(found)) if found else 0
        # The more match, the longer an index takes for all of them, and the fewer are read here.
        is_worth_it = combined or len(found) ** 2 > limit * (IN_TEXTS if texts else ALONE)
        if is_worth_it and len(found) < limit and 0 < times <= MOST_TIMES:
            # By a bound, not by a join: PostgreSQL would read all links for so many.
            part = self._next(org_id, after, NEXT * times)
            found = first(links.where(self._is_before(part.subquery())))
        return found

    def _next(self, org_id: UUID, after: Position | None, count: int) -> Statement:
        """The next links, or items by time: of each the id, and by ``at`` where it is."""
        down, by_time = self.sort.descending, self.sort in BY_TIME
        of: Any = _item if by_time else _link
        at: Any = _item.source_updated_at if by_time else _link.id
        part = select(of.id, at.label("at")).where(of.org_id == org_id)
        if by_time:
            part = part.where(at > EARLIEST)
        if after is not None:
            place = after.value if by_time else after.id
            part = part.where(at <= place if down else at >= place)
        return part.order_by(at.desc() if down else at).limit(count)

    def _is_before(self, near: FromClause) -> ColumnElement[bool]:
        """Whether it is before the last of these: of those at the same time as the last, some may
        not be among them.
        """
        down, by_time = self.sort.descending, self.sort in BY_TIME
        last: Any = select(near.c.at).order_by(near.c.at if down else near.c.at.desc()).limit(1)
        at: Any = _item.source_updated_at if by_time else _link.id
        is_before: ColumnElement[bool] = (
            at > last.scalar_subquery() if down else at < last.scalar_subquery()
        )
        return is_before

    @property
    def _value(self) -> Any:
        """What a position has of a link; null for one without."""
        if self.sort in BY_TIME:
            moment = _item.source_updated_at
            return case((withheld(), null()), else_=moment) if self.hides else moment
        value = self.sort.by_for(all_seen=not self.hides)
        return null() if value is None else value

    def _by_time(self, links: Statement, after: Position | None, limit: int) -> list[Found]:
        """What has a time, and what has none, in two statements: a value that stands for no
        time has no index.
        """
        moment: Any = _item.source_updated_at
        hidden: ColumnElement[bool] = withheld() if self.hides else false()
        known = links.where(moment > EARLIEST, ~hidden)
        unknown = links.where(or_(moment.is_(None), moment <= EARLIEST, hidden))
        parts = [(True, known), (False, unknown)]
        found: list[Found] = []
        for is_known, part in parts if self.sort.descending else reversed(parts):
            if after is not None and _is_known(after) is not is_known:
                continue
            ordered = self._ordered(part, [moment, _link.id] if is_known else [_link.id], after)
            found += db.session.execute(ordered.limit(limit - len(found))).all()
            if len(found) == limit:
                break
            after = None
        return found

    def _ordered(self, part: Statement, columns: list[Any], after: Position | None) -> Statement:
        down = self.sort.descending
        if after is not None:
            *moment, link_id = columns
            beyond = link_id < after.id if down else link_id > after.id
            for one in moment:
                further = one < after.value if down else one > after.value
                # Of the two, the first alone is a range of the index.
                part = part.where(one <= after.value if down else one >= after.value)
                beyond = or_(further, and_(one == after.value, beyond))
            part = part.where(beyond)
        return part.order_by(*(one.desc() if down else one for one in columns))


def _is_known(position: Position) -> bool:
    return isinstance(position.value, datetime) and position.value > EARLIEST
