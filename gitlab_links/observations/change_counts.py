"""Count changes by webhook and by polling, and calls, in one row per project and day."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from sqlalchemy import Row, select

from gitlab_links.extensions import db
from gitlab_links.observations.models import GitLabChangeCount
from gitlab_links.storage.database import new_id
from gitlab_links.storage.many_rows import InsertRows

_counts = GitLabChangeCount.__table__.c


Way = Literal["by_webhook", "by_sweep"]


def count_changes(
    org_id: uuid.UUID,
    way: Way,
    counts: Mapping[uuid.UUID, int],
    day: date,
    *,
    calls: Mapping[uuid.UUID, int] | None = None,
) -> None:
    """Add to the counts of projects in one statement, in the order of their ids. ``calls`` are
    those to GitLab that were for one project alone.
    """
    calls = calls or {}
    projects = sorted(counts.keys() | calls.keys())
    if not projects:
        return
    key = {"org_id": org_id, "day": day, "by_webhook": 0, "by_sweep": 0}
    rows = [
        {
            **key,
            "id": new_id(),
            "project_id": project_id,
            way: counts.get(project_id, 0),
            "calls": calls.get(project_id, 0),
        }
        for project_id in projects
    ]
    _ADD[way].run(db.session, rows)


def _adding(way: Way) -> InsertRows:
    return InsertRows(
        GitLabChangeCount,
        key=("project_id", "day"),
        changed=lambda more: {name: _counts[name] + more[name] for name in (way, "calls")},
    )


_ADD: dict[Way, InsertRows] = {"by_webhook": _adding("by_webhook"), "by_sweep": _adding("by_sweep")}


def counts_since(org_id: uuid.UUID, since: date) -> Sequence[Row[*tuple[Any, ...]]]:
    """The counts of an org's projects since a day."""
    count = GitLabChangeCount
    columns = (count.project_id, count.day, count.by_webhook, count.by_sweep, count.calls)
    return db.session.execute(
        select(*columns).where(count.org_id == org_id, count.day >= since)
    ).all()
