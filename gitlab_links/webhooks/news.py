"""What a batch of deliveries says of the way events take, gathered and written once."""

import uuid
from collections import Counter
from datetime import datetime

from sqlalchemy import select

from gitlab_links.extensions import db
from gitlab_links.gitlab.events import SYSTEM_HOOK
from gitlab_links.hooks.counting import Changes, count_changes
from gitlab_links.hooks.watching import note_events
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.sync.reconciling import Face, note_heard
from gitlab_links.webhooks.models import GitLabWebhookDelivery


class News:
    """Collects while the deliveries are applied; ``write`` comes last, in one order of rows."""

    def __init__(self) -> None:
        self._newest: dict[uuid.UUID, tuple[datetime, str]] = {}
        self._changed: list[GitLabItem] = []

    def of_project(self, project: GitLabProject, delivery: GitLabWebhookDelivery) -> None:
        """An event of a project that links point into, whichever item it is about."""
        via = "system" if delivery.event == SYSTEM_HOOK else "project"
        found = (delivery.received_at, via)
        self._newest[project.id] = max(found, self._newest.get(project.id, found))

    def of_item(self, item: GitLabItem, before: Face, delivery: GitLabWebhookDelivery) -> None:
        """An event about an item, which has been applied."""
        if note_heard(item, before, delivery.received_at):
            self._changed.append(item)

    def write(self, org_id: uuid.UUID, now: datetime, *, learned: bool) -> None:
        """Note and count; what was ``learned`` may have merged a project row into another."""
        counts = Counter(item.project_id for item in self._changed)
        named = {*self._newest, *counts}
        there = self._still_there(named) if learned else named
        newest = {project: told for project, told in self._newest.items() if project in there}
        note_events(org_id, newest, now)
        changes = {
            project: Changes(by_webhook=count)
            for project, count in counts.items()
            if project in there
        }
        count_changes(org_id, changes, now.date())

    @staticmethod
    def _still_there(projects: set[uuid.UUID]) -> set[uuid.UUID]:
        found = select(GitLabProject.id).where(GitLabProject.id.in_(projects))
        return set(db.session.scalars(found))
