"""Bringing links up to date with a batch of claimed deliveries, in one transaction."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from gitlab_links.doorbell import Bell, ring_after_commit
from gitlab_links.extensions import db
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.pipelines import BranchPipeline
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.sync.applying import apply_told
from gitlab_links.sync.projects import is_known, learn
from gitlab_links.sync.reconciling import face
from gitlab_links.webhooks.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.webhooks.news import News
from gitlab_links.webhooks.pipelines import ItemKey, is_at, keys_from_branches, merge_request_of


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
    targets, news, learned = _Targets(org_id, works), News(), False
    done: defaultdict[int, list[uuid.UUID]] = defaultdict(list)
    for work in works:
        project, target = targets.project_of(work.event), targets.of(work.event)
        if project is not None:
            news.of_project(project, work.delivery)
        before = face(target[1]) if target is not None else ()
        if target is not None and _apply(*target, work, now, ttl):
            # What was learned of the project may have moved items from one row to another.
            targets, learned = _Targets(org_id, works), True
            target = targets.of(work.event)
        if target is not None:
            news.of_item(target[1], before, work.delivery)
        done[targets.links_of(target[1]) if target else 0].append(work.delivery.id)
    _mark_processed(done, now)
    news.write(org_id, now, learned=learned)
    if targets.any_requested():
        ring_after_commit(db.session, Bell.SYNC, org_id)


def _mark_processed(by_links: Mapping[int, Sequence[uuid.UUID]], now: datetime) -> None:
    """A statement for each number of links, of which there are few, not for each delivery."""
    for links, ids in by_links.items():
        db.session.execute(
            update(GitLabWebhookDelivery)
            .where(GitLabWebhookDelivery.id.in_(ids))
            .values(
                status=DeliveryStatus.PROCESSED,
                processed_at=now,
                due_at=None,
                error_code=None,
                links_matched=links,
            )
        )


def _read(delivery: GitLabWebhookDelivery) -> Work:
    return Work(delivery, Event.from_request(delivery.headers, delivery.payload or b"{}"))


def _apply(project: GitLabProject, item: GitLabItem, work: Work, now: datetime, ttl: int) -> bool:
    """Apply one body; True where something was learned of the project."""
    told: Snapshot | None = work.event.snapshot
    if told is None:
        # A pipeline's body names its merge request, or its branch, and no more. Of a commit
        # that is not known here the list says whether it is the newest.
        pipeline = work.event.branch_pipeline
        request_refresh(item, now, detail=pipeline is None or is_at(pipeline, item))
        return False
    before = item.told_at
    apply_told(
        item,
        told,
        received_at=work.delivery.received_at,
        now=now,
        ttl=ttl,
    )
    if item.told_at == before or is_known(project, told.project_id, told.project_path):
        return False
    db.session.refresh(project, with_for_update=True)
    learn(project, told.project_id, told.project_path)
    return True


class _Targets:
    """The items that a batch of events names, as far as links of the org have them."""

    def __init__(self, org_id: uuid.UUID, works: Sequence[Work]) -> None:
        events = [work.event for work in works if work.event.relevant]
        self._projects = _projects(org_id, events)
        pipelines = {event.branch_pipeline for event in events if event.branch_pipeline}
        named = {key for event in events if event.iid for _, key in self._candidates(event)}
        self._items = _items(named | keys_from_branches(org_id, pipelines))
        self._links = _count_links(self._items.values())

    def of(self, event: Event) -> tuple[GitLabProject, GitLabItem] | None:
        """The item an event is about, with its project; None if no link has it."""
        if not event.relevant:
            return None
        if event.branch_pipeline is not None:
            return self._of_branch(event.branch_pipeline)
        found = ((project, self._items.get(key)) for project, key in self._candidates(event))
        return next(((project, item) for project, item in found if item is not None), None)

    def _of_branch(self, pipeline: BranchPipeline) -> tuple[GitLabProject, GitLabItem] | None:
        item = merge_request_of(pipeline, self._items.values())
        return None if item is None else (db.session.get_one(GitLabProject, item.project_id), item)

    def project_of(self, event: Event) -> GitLabProject | None:
        """The project an event is of, if links of the org point into it."""
        if not event.relevant:
            return None
        return next((project for project, _ in self._candidates(event)), None)

    def links_of(self, item: GitLabItem) -> int:
        """How many links have the item."""
        return self._links.get(item.id, 0)

    def any_requested(self) -> bool:
        """Whether some item waits to be fetched."""
        return any(item.refresh_requested_at is not None for item in self._items.values())

    def _candidates(self, event: Event) -> list[tuple[GitLabProject, ItemKey]]:
        """The project by GitLab's id first; then one of that path whose id is not known yet.

        After a rename both may stand for the same project until the first fetch: a link
        made by the new path has a row of its own until then.
        """
        path_key = (event.project_path or "").lower()
        by_id = [p for p in self._projects if p.gitlab_id == event.project_id is not None]
        by_path = [
            p
            for p in self._projects
            if p.path_key == path_key and None in (p.gitlab_id, event.project_id)
        ]
        return [(p, (p.id, str(event.item_type), event.iid or 0)) for p in by_id + by_path]


def _projects(org_id: uuid.UUID, events: Iterable[Event]) -> Sequence[GitLabProject]:
    ids = {event.project_id for event in events if event.project_id is not None}
    keys = {event.project_path.lower() for event in events if event.project_path}
    return db.session.scalars(
        select(GitLabProject)
        .join(OrgGitLabIntegration, OrgGitLabIntegration.org_id == GitLabProject.org_id)
        .where(
            GitLabProject.org_id == org_id,
            GitLabProject.base_url == OrgGitLabIntegration.base_url,
            or_(GitLabProject.gitlab_id.in_(ids), GitLabProject.path_key.in_(keys)),
        )
        .order_by(GitLabProject.id)
        .execution_options(populate_existing=True)
    ).all()


def _items(keys: set[ItemKey]) -> dict[ItemKey, GitLabItem]:
    if not keys:
        return {}
    rows = db.session.scalars(
        select(GitLabItem)
        .where(or_(*_named(keys)))
        .order_by(GitLabItem.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {(row.project_id, row.type, row.iid): row for row in rows}


def _named(keys: set[ItemKey]) -> Iterator[ColumnElement[bool]]:
    """One index range for each project and type: SQLite reads a whole table for row values."""
    iids: defaultdict[tuple[uuid.UUID, str], list[int]] = defaultdict(list)
    for project_id, item_type, iid in keys:
        iids[project_id, item_type].append(iid)
    for (project_id, item_type), some in iids.items():
        yield and_(
            GitLabItem.project_id == project_id,
            GitLabItem.type == item_type,
            GitLabItem.iid.in_(some),
        )


def _count_links(items: Iterable[GitLabItem]) -> dict[uuid.UUID, int]:
    counts = db.session.execute(
        select(TaskGitLabLink.item_id, func.count().label("links"))
        .where(TaskGitLabLink.item_id.in_([item.id for item in items]))
        .group_by(TaskGitLabLink.item_id)
    )
    return {row.item_id: row.links for row in counts}
