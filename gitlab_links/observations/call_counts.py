"""Count the calls to GitLab, by what they are for, in one row per org, hour and kind."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, func, select

from gitlab_links.extensions import db
from gitlab_links.observations.models import GitLabCallCount
from gitlab_links.storage.database import new_id, upsert

COUNTED_FOR = timedelta(days=8)

_count = GitLabCallCount


class CallKind(StrEnum):
    """What calls are for: what changed in many projects, lists of changes, statuses of merge
    requests, items one by one or by the hundred, and webhooks.
    """

    CHANGES = "changes"
    LISTS = "lists"
    STATUSES = "statuses"
    ITEMS = "items"
    HOOKS = "hooks"


def count_calls(org_id: uuid.UUID, kind: CallKind, calls: int, now: datetime) -> None:
    """Add to the count of the present hour, in one statement."""
    if calls <= 0:
        return
    hour = now.replace(minute=0, second=0, microsecond=0)
    row = {"id": new_id(), "org_id": org_id, "hour": hour, "kind": kind.value, "calls": calls}
    more = upsert(db.engine.dialect.name, _count).values([row])
    db.session.execute(
        more.on_conflict_do_update(
            index_elements=["org_id", "hour", "kind"],
            set_={"calls": _count.__table__.c.calls + more.excluded.calls},
        )
    )


def calls_since(org_id: uuid.UUID, since: datetime) -> Mapping[CallKind, int]:
    """The calls of an org by kind since an hour."""
    rows = db.session.execute(
        select(_count.kind, func.sum(_count.calls))
        .where(_count.org_id == org_id, _count.hour >= since)
        .group_by(_count.kind)
    )
    found = {str(kind): int(calls) for kind, calls in rows}
    return {kind: found.get(kind.value, 0) for kind in CallKind}


def forget_old_calls(now: datetime) -> None:
    """Delete counts that are no longer shown."""
    db.session.execute(delete(_count).where(_count.hour < now - COUNTED_FOR))
