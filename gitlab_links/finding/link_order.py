"""The rows of links in an order, behind a position; by an index where there is one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, case, false, func, null, or_, select

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
    ) -> Sequence[Found]:
        """The rows, if so many are among the next links of the org, in one statement; else fewer.

        ``matching`` is given links joined with items and their texts.
        """
        text, down = SearchText, self.sort.descending
        if self.sort.by is None:
            window = select(_link.id).where(_link.org_id == org_id)
            near = self._ordered(window, [_link.id], after).limit(NEXT).cte("near")
            links = LINKS.join(near, near.c.id == _link.id)
            columns: list[Any] = [_link.id]
        elif self.sort in BY_TIME and (down if after is None else _is_known(after)):
            moment: Any = _item.source_updated_at
            columns = [moment, _link.id]
            window = select(_item.id, moment.label("at")).where(_item.org_id == org_id)
            window = window.where(moment > EARLIEST)
            if after is not None:
                window = window.where(moment <= after.value if down else moment >= after.value)
            window = window.order_by(moment.desc() if down else moment).limit(NEXT)
            near = window.cte("near").prefix_with("MATERIALIZED")
            # Of those with the last time, some may not be among them.
            last = select((func.min if down else func.max)(near.c.at)).scalar_subquery()
            links = LINKS.join(near, near.c.id == _item.id)
            links = links.where(moment > last if down else moment < last)
        else:
            return ()
        links = links.join(text, text.item_id == _item.id).add_columns(self._value.label("value"))
        statement = self._ordered(matching(links), columns, after).limit(limit)
        return db.session.execute(statement).all()

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
