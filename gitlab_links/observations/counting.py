"""Counting by which way changes came, a row per project and day."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete

from gitlab_links.extensions import db
from gitlab_links.observations.models import GitLabChangeCount
from gitlab_links.storage.database import new_id, upsert

KEPT_DAYS = 31
_counts = GitLabChangeCount.__table__.c


@dataclass(frozen=True, slots=True)
class Changes:
    """How many changes an event told, and how many only a sweep found."""

    by_webhook: int = 0
    by_sweep: int = 0


def count_changes(org_id: uuid.UUID, counts: Mapping[uuid.UUID, Changes], day: date) -> None:
    """Add to the counts of projects: one statement, in the order of their ids."""
    if not counts:
        return
    rows = [
        {
            "id": new_id(),
            "org_id": org_id,
            "project_id": project_id,
            "day": day,
            "by_webhook": more.by_webhook,
            "by_sweep": more.by_sweep,
        }
        for project_id, more in sorted(counts.items())
    ]
    more, known = upsert(db.engine.dialect.name, GitLabChangeCount).values(rows), _counts
    db.session.execute(
        more.on_conflict_do_update(
            index_elements=["project_id", "day"],
            set_={
                "by_webhook": known.by_webhook + more.excluded.by_webhook,
                "by_sweep": known.by_sweep + more.excluded.by_sweep,
            },
        )
    )


def forget_old_counts(now: datetime) -> None:
    """Delete what is no longer shown."""
    before = (now - timedelta(days=KEPT_DAYS)).date()
    db.session.execute(delete(GitLabChangeCount).where(GitLabChangeCount.day < before))
