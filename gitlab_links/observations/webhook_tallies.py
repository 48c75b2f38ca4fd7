"""Count what happens to an org's webhooks, in one row per day and kind."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.orm import Session, scoped_session

from gitlab_links.extensions import db
from gitlab_links.observations.models import GitLabChangeCount, GitLabWebhookTally, TallyKind
from gitlab_links.storage.database import new_id, upsert

STORED_DAYS = 31
SHOWN_DAYS = 7
_tallies = GitLabWebhookTally.__table__.c


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something happened, first and last time; ``detail`` is of the last time."""

    kind: TallyKind
    count: int
    first_at: datetime
    last_at: datetime
    subject: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def add_tallies(
    to: Session | scoped_session[Any] | Connection, org_id: uuid.UUID, more: Sequence[Tally]
) -> None:
    """Add to the rows of a day in one statement, in a fixed order. No two of a kind and subject."""
    if not more:
        return
    rows = [
        {
            "id": new_id(),
            "org_id": org_id,
            "kind": one.kind.value,
            "subject": one.subject,
            "day": one.last_at.date(),
            "count": one.count,
            "first_at": one.first_at,
            "last_at": one.last_at,
            "detail": dict(one.detail),
        }
        for one in sorted(more, key=lambda one: (one.kind, one.subject))
    ]
    insert = upsert(db.engine.dialect.name, GitLabWebhookTally).values(rows)
    to.execute(
        insert.on_conflict_do_update(
            index_elements=["org_id", "kind", "subject", "day"],
            set_={
                "count": _tallies.count + insert.excluded.count,
                "last_at": insert.excluded.last_at,
                "detail": insert.excluded.detail,
            },
        )
    )


def tallies_by_org(
    org_ids: Collection[uuid.UUID], now: datetime
) -> defaultdict[uuid.UUID, list[Tally]]:
    """The sums of the last SHOWN_DAYS days for each org, in one statement."""
    rows = db.session.execute(
        select(
            _tallies.org_id,
            _tallies.kind,
            _tallies.subject,
            _tallies.count.label("times"),
            _tallies.first_at,
            _tallies.last_at,
            _tallies.detail,
        )
        .where(_tallies.org_id.in_(org_ids), _tallies.day > (now - timedelta(SHOWN_DAYS)).date())
        .order_by(_tallies.org_id, _tallies.kind, _tallies.subject, _tallies.day)
    )
    found: defaultdict[uuid.UUID, dict[tuple[str, str], Tally]] = defaultdict(dict)
    for row in rows:
        before = found[row.org_id].get((row.kind, row.subject))
        if row.kind == TallyKind.STORED_BYTES:
            before = None  # a quota is per day: only the newest row counts
        found[row.org_id][row.kind, row.subject] = Tally(
            kind=TallyKind(row.kind),
            subject=row.subject,
            count=row.times + (before.count if before else 0),
            first_at=before.first_at if before else row.first_at,
            last_at=row.last_at,
            detail=row.detail,
        )
    tallies = defaultdict[uuid.UUID, list[Tally]](list)
    tallies.update({org_id: list(kinds.values()) for org_id, kinds in found.items()})
    return tallies


def forget_old_counts(now: datetime) -> None:
    """Delete counts of changes and tallies that are no longer shown."""
    before = (now - timedelta(days=STORED_DAYS)).date()
    db.session.execute(delete(GitLabChangeCount).where(GitLabChangeCount.day < before))
    db.session.execute(delete(GitLabWebhookTally).where(GitLabWebhookTally.day < before))
