"""What the calls to GitLab are for, and how a project's changes are read, in words."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gitlab_links.deltas.call_costs import CallCosts, ProjectReading, ReadBy, call_costs_of
from gitlab_links.deltas.trust import ENOUGH_CHANGES, Because
from gitlab_links.extensions import settings
from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.observations.call_counts import CallKind
from gitlab_links.plurals import counted

_PURPOSES = {
    CallKind.CHANGES: "what changed in many projects",
    CallKind.LISTS: "lists of changes",
    CallKind.STATUSES: "statuses of merge requests",
    CallKind.ITEMS: "items",
    CallKind.HOOKS: "webhooks",
}
_BECAUSE = {
    Because.PROVEN: "its webhook is proven to arrive",
    Because.NOT_WORKING: "it has no working webhook",
    Because.SILENT: "no event of it arrived within a week",
    Because.MISSED: "a change came without an event within a week",
    Because.FEW: f"its webhook counts as proven only after {ENOUGH_CHANGES} changes within a week",
}
# What the codes say of an item, or do not say, when it is the project that is not shown.
_UNREAD = dict.fromkeys(
    ("not_shown", "not_found"), "It does not show the project to the owner of the access token."
)


@dataclass(frozen=True, slots=True)
class ShownCallCosts:
    """The calls of the last 24 hours by purpose, and sentences for each project's row."""

    calls: Mapping[str, int]
    total: int
    an_hour: int
    readings: Mapping[uuid.UUID, str]


def call_costs(
    org_id: uuid.UUID, row: OrgGitLabIntegration | None, now: datetime
) -> ShownCallCosts:
    """What the page shows."""
    found: CallCosts = call_costs_of(org_id, row, now, settings().metadata_ttl)
    return ShownCallCosts(
        {_PURPOSES[kind]: count for kind, count in found.last_24_hours.items() if count},
        found.total,
        found.an_hour,
        {one.project_id: " ".join(sentences(one)) for one in found.projects},
    )


def sentences(reading: ProjectReading) -> Iterator[str]:
    """How a project is read, why, and what that has cost."""
    every = _duration(reading.every_seconds)
    if reading.error_code is not None:
        yield f"GitLab does not say what changed, so each item is fetched every {every}."
        yield _UNREAD.get(reading.error_code) or facts_of(reading.error_code).summary
    elif reading.by is ReadBy.ITEMS:
        yield f"Each item is fetched every {every}, until GitLab has said what changed."
    else:
        together = reading.by is ReadBy.TOGETHER
        how = "in one call for many projects" if together else "by its own list"
        yield f"What changed is read every {every}, {how}, because {_BECAUSE[reading.because]}."
    yesterday, today = reading.calls_yesterday, reading.calls_today
    calls = counted(yesterday, "call", form=",")
    yield f"{calls} for it alone yesterday, {today:,} today."


def _duration(seconds: float) -> str:
    if seconds == 3600:
        return "hour"
    if seconds >= 7200:
        return f"{seconds / 3600:.0f} hours"
    if seconds >= 120:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds:.0f} seconds"
