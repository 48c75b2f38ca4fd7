"""What the calls to GitLab are for, and how a project's changes are read, in words."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gitlab_links.deltas.economy import ProjectReading, project_readings
from gitlab_links.deltas.probing import is_refused
from gitlab_links.extensions import settings
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import REFRESH_AT, TRUSTED_FOR
from gitlab_links.observations.call_counts import CallKind, calls_since

SHOWN = timedelta(hours=24)
_PURPOSES = {
    CallKind.CHANGES: "what changed in many projects",
    CallKind.LISTS: "lists of changes",
    CallKind.STATUSES: "statuses of merge requests",
    CallKind.ITEMS: "items",
    CallKind.HOOKS: "webhooks",
}


@dataclass(frozen=True, slots=True)
class Economy:
    """The calls of the last 24 hours by purpose, and a sentence for each project's row."""

    calls: Mapping[str, int]
    readings: Mapping[uuid.UUID, str]

    @property
    def total(self) -> int:
        """All calls of the last 24 hours."""
        return sum(self.calls.values())

    @property
    def an_hour(self) -> int:
        """Calls an hour, on average."""
        return round(self.total / (SHOWN.total_seconds() / 3600))


def economy(org_id: uuid.UUID, row: OrgGitLabIntegration | None, now: datetime) -> Economy:
    """What is shown, in two SELECTs."""
    calls = calls_since(org_id, now - SHOWN)
    refused = row is not None and is_refused(row.changes_refused_at, now)
    readings = project_readings(org_id, now)
    ttl = settings().metadata_ttl
    return Economy(
        {_PURPOSES[kind]: count for kind, count in calls.items() if count},
        {
            project: " ".join(_sentences(reading, ttl, one_by_one=refused))
            for project, reading in readings.items()
        },
    )


def _sentences(reading: ProjectReading, ttl: int, *, one_by_one: bool) -> Iterator[str]:
    if reading.error_code is not None:
        yield (
            f"GitLab does not say what changed ({reading.error_code}), so each item is fetched "
            f"every {_duration(ttl)}."
        )
        return
    if not reading.begun:
        yield f"Each item is fetched every {_duration(ttl)}, until GitLab has said what changed."
        return
    if reading.trusted:
        every = _duration(TRUSTED_FOR.total_seconds())
        yield f"Up to date by its webhooks, which are proven to arrive; checked every {every}."
        return
    how = "by its own list" if one_by_one else "together with other projects"
    yield f"What changed is read every {_duration(ttl * REFRESH_AT)}, {how}."


def _duration(seconds: float) -> str:
    if seconds >= 7200:
        return f"{seconds / 3600:.0f} hours"
    if seconds >= 120:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds:.0f} seconds"
