"""Times that are in the future by design, and how far: when a row is due, a lease or a pause ends.

Whatever waits for longer was written before the clock was set back. The meaning of its time is
lost, so it becomes due at once, as after an outage: ``jobs/long_waits.py`` looks for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Exists, Select, and_, exists, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

# Clocks of hosts may differ by this much.
TOLERANCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wait:
    """A column with such a time. ``longest`` has how far it is ahead at most when it is written,
    and of which rows.

    ``each``: the column that leads the index of ``column``, and the one that it refers to; they
    make it one index probe for each of those.
    """

    column: InstrumentedAttribute[Any]
    longest: Sequence[tuple[ColumnElement[bool], timedelta]]
    each: tuple[InstrumentedAttribute[Any], InstrumentedAttribute[Any]] | None = None

    @classmethod
    def of_all(
        cls,
        column: InstrumentedAttribute[Any],
        longest: timedelta,
        each: tuple[InstrumentedAttribute[Any], InstrumentedAttribute[Any]] | None = None,
    ) -> "Wait":
        """All rows wait equally long at most."""
        return cls(column, ((true(), longest),), each)

    def is_too_long(self, now: datetime) -> ColumnElement[bool]:
        """Whether a row waits for longer than it can."""
        later = now + TOLERANCE
        kinds = [and_(rows, self.column > later + longest) for rows, longest in self.longest]
        if len(kinds) == 1:
            return kinds[0]
        # What an index has comes first.
        shortest = min(longest for _, longest in self.longest)
        return and_(self.column > later + shortest, or_(*kinds))

    def is_over(self, now: datetime) -> ColumnElement[bool]:
        """Whether a row waits no longer, or for too long."""
        return or_(self.column <= now, self.is_too_long(now))

    def is_any_too_long(self, now: datetime) -> Exists:
        """Whether a row does."""
        if self.each is None:
            return exists().where(self.is_too_long(now))
        leading, referred = self.each
        rows = exists().where(leading == referred, self.is_too_long(now))
        return select(referred).where(rows).exists()

    def rows(self, now: datetime, limit: int) -> Select[*tuple[Any, ...]]:
        """Rows that do, locked: their primary key, and their org if they have one."""
        model = self.column.class_
        found = [model.id, *([model.org_id] if hasattr(model, "org_id") else [])]
        locked = select(*found).where(self.is_too_long(now)).order_by(model.id).limit(limit)
        return locked.with_for_update(skip_locked=True)
