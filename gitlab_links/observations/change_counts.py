"""Count changes by webhook and by polling, in one row per project and day."""

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Literal

from gitlab_links.extensions import db
from gitlab_links.observations.models import GitLabChangeCount
from gitlab_links.storage.database import new_id
from gitlab_links.storage.many_rows import InsertRows

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
    _ADD[way].run(db.session, rows)


def _adding(way: Way) -> InsertRows:
    return InsertRows(
        GitLabChangeCount,
        key=("project_id", "day"),
        changed=lambda more: {way: _counts[way] + more[way]},
    )


_ADD: dict[Way, InsertRows] = {"by_webhook": _adding("by_webhook"), "by_sweep": _adding("by_sweep")}
