"""Bringing links up to date with a batch of claimed deliveries, in one transaction."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, tuple_

from gitlab_links.doorbell import Bell, ring_after_commit
from gitlab_links.extensions import db
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.sync.applying import apply_told
from gitlab_links.sync.projects import learn
from gitlab_links.webhooks.models import DeliveryStatus, GitLabWebhookDelivery

ItemKey = tuple[uuid.UUID, str, int]


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed delivery and what it says."""

    delivery: GitLabWebhookDelivery
    event: Event


def process(
    org_id: uuid.UUID, deliveries: Sequence[GitLabWebhookDelivery], *, now: datetime, ttl: int
) -> None:
    """Apply the deliveries in order and mark them done; the caller commits both at once.

    A fixed number of queries for the batch. Bodies that are newer than what is cached are
    applied; where a body is not enough, the item is asked for, once however many bodies
    name it, and the fetching job is rung after the commit.
    """
    works = [_read(delivery) for delivery in deliveries]
    projects = _Projects(org_id, [work.event for work in works])
    items = _items(projects, works)
    matched = _count_links(items.values())
    for work in works:
        project = projects.of(work.event)
        item = items.get(_key(project, work.event)) if project else None
        if project is not None and item is not None:
            _apply(item, project, work, now, ttl)
        work.delivery.links_matched = matched.get(item.id, 0) if item else 0
        work.delivery.status = DeliveryStatus.PROCESSED
        work.delivery.processed_at = now
        work.delivery.due_at = None
        work.delivery.error_code = None
    if any(item.refresh_requested_at is not None for item in items.values()):
        ring_after_commit(db.session, Bell.SYNC, org_id)


def _read(delivery: GitLabWebhookDelivery) -> Work:
    return Work(delivery, Event.from_request(delivery.headers, delivery.payload or b"{}"))


def _apply(item: GitLabItem, project: GitLabProject, work: Work, now: datetime, ttl: int) -> None:
    told: Snapshot | None = work.event.snapshot
    if told is None:
        request_refresh(item, now, detail=True)
        return
    before = item.told_at
    apply_told(
        item,
        told,
        says_all=work.event.says_all,
        received_at=work.delivery.received_at,
        now=now,
        ttl=ttl,
    )
    if item.told_at != before:
        learn(project, told.project_id, told.project_path)


def _key(project: GitLabProject, event: Event) -> ItemKey:
    return (project.id, str(event.item_type), event.iid or 0)


class _Projects:
    """The projects that a batch names, by GitLab's id or, while that is unknown, by path."""

    def __init__(self, org_id: uuid.UUID, events: Iterable[Event]) -> None:
        named = [event for event in events if event.relevant]
        ids = {event.project_id for event in named if event.project_id is not None}
        keys = {event.project_path.lower() for event in named if event.project_path}
        rows = db.session.scalars(
            select(GitLabProject)
            .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == GitLabProject.org_id)
            .where(
                GitLabProject.org_id == org_id,
                GitLabProject.base_url == OrgGitLabIntegration.base_url,
                or_(GitLabProject.gitlab_id.in_(ids), GitLabProject.path_key.in_(keys)),
            )
            .order_by(GitLabProject.id)
        ).all()
        self.rows = rows
        self._by_id = {row.gitlab_id: row for row in rows if row.gitlab_id is not None}
        self._by_path = {row.path_key: row for row in rows if row.gitlab_id is None}

    def of(self, event: Event) -> GitLabProject | None:
        """The project an event is about, if any link of the org points into it."""
        if event.project_id is not None and event.project_id in self._by_id:
            return self._by_id[event.project_id]
        key = (event.project_path or "").lower()
        if event.project_id is None:
            return next((row for row in self.rows if row.path_key == key), None)
        return self._by_path.get(key)


def _items(projects: _Projects, works: Sequence[Work]) -> dict[ItemKey, GitLabItem]:
    keys = {
        _key(project, work.event)
        for work in works
        if work.event.relevant and (project := projects.of(work.event)) is not None
    }
    if not keys:
        return {}
    rows = db.session.scalars(
        select(GitLabItem)
        .where(tuple_(GitLabItem.project_id, GitLabItem.type, GitLabItem.iid).in_(list(keys)))
        .order_by(GitLabItem.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {(row.project_id, row.type, row.iid): row for row in rows}


def _count_links(items: Iterable[GitLabItem]) -> dict[uuid.UUID, int]:
    counts = db.session.execute(
        select(TaskGitLabLink.item_id, func.count())
        .where(TaskGitLabLink.item_id.in_([item.id for item in items]))
        .group_by(TaskGitLabLink.item_id)
    )
    return dict(counts)
