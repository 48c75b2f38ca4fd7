"""Collect what a batch of deliveries shows about a project's events, and write it once."""

import uuid
from collections import Counter
from datetime import datetime

from gitlab_links.deliveries.claims import ClaimedDelivery
from gitlab_links.gitlab.events import SYSTEM_HOOK
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.change_counts import count_changes
from gitlab_links.observations.project_watches import note_events


class BatchEffects:
    """Collects while deliveries are applied. Call ``write`` last; it locks rows in one order."""

    def __init__(self) -> None:
        self._newest: dict[uuid.UUID, tuple[datetime, str]] = {}
        self.changed: list[GitLabItem] = []

    def of_project(self, project: GitLabProject, delivery: ClaimedDelivery) -> None:
        """Record an event of a linked project, about any item."""
        via = "system" if delivery.event == SYSTEM_HOOK else "project"
        found = (delivery.received_at, via)
        self._newest[project.id] = max(found, self._newest.get(project.id, found))

    def write(self, org_id: uuid.UUID, now: datetime) -> None:
        """Write the newest events and the counts of changes."""
        note_events(org_id, self._newest, now)
        counts = Counter(item.project_id for item in self.changed)
        count_changes(org_id, "by_webhook", counts, now.date())
