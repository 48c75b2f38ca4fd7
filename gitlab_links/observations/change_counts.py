"""Count changes by webhook and by polling, in one row per project and day."""

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Literal

from gitlab_links.extensions import db
from gitlab_links.observations.models import GitLabChangeCount
from gitlab_links.storage.database import new_id, upsert

_counts = GitLabChangeCount.__table__.c


Way = Literal["by_webhook", "by_sweep"]


def count_changes(org_id: uuid.UUID, way: Way, counts: Mapping[uuid.UUID, int], day: date) -> None:
    """Add to the counts of projects in one statement, in the order of their ids."""
    if not counts:
        return
    key = {"org_id": org_id, "day": day, "by_webhook": 0, "by_sweep": 0}
    rows = [
        {**key, "id": new_id(), "project_id": project_id, way: count}
        for project_id, count in sorted(counts.items())
    ]
    more = upsert(db.engine.dialect.name, GitLabChangeCount).values(rows)
    db.session.execute(
        more.on_conflict_do_update(
            index_elements=["project_id", "day"], set_={way: _counts[way] + more.excluded[way]}
        )
    )
