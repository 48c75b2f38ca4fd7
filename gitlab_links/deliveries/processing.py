"""Apply a batch of claimed deliveries to cached items, in one transaction."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from gitlab_links.deliveries.batch_effects import BatchEffects
from gitlab_links.deliveries.models import DeliveryStatus, Doubt, Effect, GitLabWebhookDelivery
from gitlab_links.deliveries.pipeline_events import (
    ItemKey,
    is_at,
    keys_from_branches,
    merge_request_of,
)
from gitlab_links.deliveries.trust import BodyChecks, trust_in
from gitlab_links.extensions import db
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.pipelines import BranchPipeline
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.observations.webhook_tallies import add_tallies
from gitlab_links.rules.marking import ItemMarks, note_default_branch
from gitlab_links.sync.applying import apply_body
from gitlab_links.sync.change_sources import note_webhook
from gitlab_links.sync.compared_fields import Changes, changes_between, compared_fields
from gitlab_links.sync.item_events import WEBHOOK, ItemChanges
from gitlab_links.sync.ordering import BodyVerdict, Trust
from gitlab_links.sync.projects import is_known


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed delivery and its parsed event."""

    delivery: GitLabWebhookDelivery
    event: Event


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a delivery; ``item_id`` is the linked item of the event."""

    delivery_id: uuid.UUID
    effect: Effect
    doubt: Doubt | None = None
    item_id: uuid.UUID | None = None
    links: int = 0
    changes: Changes = field(default_factory=dict)
    request_id: str | None = None
    item: str | None = None

    def logged(self) -> dict[str, str]:
        """The fields for the log: ids, the item's reference and the effect, without content."""
        facts = {
            "delivery_id": str(self.delivery_id),
            "request_id": self.request_id,
            "item": self.item,
            "effect": self.effect.value,
            "doubt": self.doubt,
            "changed": ",".join(self.changes),
        }
        return {name: str(value) for name, value in facts.items() if value}


# Deliveries that do not show whether the project's events arrive.
_OF_ANOTHER = frozenset({Doubt.OTHER_INSTANCE, Doubt.OTHER_PROJECT, Doubt.UNKNOWN_PROJECT})


def process(
    org_id: uuid.UUID, deliveries: Sequence[GitLabWebhookDelivery], *, now: datetime, ttl: int
) -> list[Outcome]:
    """Apply the deliveries in order and mark them as processed. The caller commits both at once.

    A batch costs a fixed number of queries. Bodies that are trusted and newer than the cached
    content are applied. If a body is not enough, its item is requested, once for all bodies of
    the batch, and a sync is triggered after the commit.
    """
    works = [_read(delivery) for delivery in deliveries]
    batch = _Batch(_Targets(org_id, works), BodyChecks.of(org_id, now), BatchEffects(), now, ttl)
    shown, marks = ItemChanges(batch.targets.items()), ItemMarks(batch.targets.items())
    outcomes = [_process_one(work, batch) for work in works]
    shown.record(org_id, WEBHOOK)
    marks.write(org_id, now)
    _mark_processed(outcomes, now)
    batch.effects.write(org_id, now)
    add_tallies(db.session, org_id, batch.checks.tallies())
    if batch.targets.any_requested(now):
        trigger_after_commit(db.session, JobKind.SYNC, org_id)
    return outcomes


def _process_one(work: Work, batch: "_Batch") -> Outcome:
    delivery, event, targets = work.delivery, work.event, batch.targets
    target, project = targets.of(event), targets.project_of(event)
    doubt = batch.checks.doubt(delivery, project)
    if project is not None and doubt not in _OF_ANOTHER:
        batch.effects.of_project(project, delivery)
    snapshot = event.snapshot if target is not None else None
    if target is not None and doubt is not Doubt.OTHER_INSTANCE:
        # The merge request of a fork's pipeline is in another project; the body has no content.
        doubt = None if snapshot is None else batch.checks.doubt(delivery, target[0])
    outcome = Outcome(
        delivery.id,
        Effect.NONE,
        doubt,
        request_id=delivery.request_id,
        item=_item_name(event),
    )
    if target is None:
        return outcome
    item = target[1]
    before = compared_fields(item)
    effect = _apply(target, work, snapshot, trust_in(delivery, doubt), batch)
    if doubt not in _OF_ANOTHER and note_webhook(item, before, delivery.received_at):
        batch.effects.changed.append(item)
    changes = changes_between(before, compared_fields(item))
    links = targets.links_of(item)
    return replace(outcome, effect=effect, item_id=item.id, links=links, changes=changes)


def _item_name(event: Event) -> str | None:
    """The item's reference in the event, with the project's id if it has no path."""
    if event.item_type is None or event.iid is None:
        return None
    return f"{event.project_path or event.project_id}{event.item_type.sigil}{event.iid}"


def _mark_processed(outcomes: Sequence[Outcome], now: datetime) -> None:
    """Mark all of them in one statement."""
    db.session.execute(
        update(GitLabWebhookDelivery),
        [
            {
                "id": one.delivery_id,
                "status": DeliveryStatus.PROCESSED,
                "processed_at": now,
                "due_at": None,
                "error_code": None,
                "links_matched": one.links,
                "item_id": one.item_id,
                "effect": one.effect,
                "doubt": one.doubt,
                "changes": one.changes or None,
            }
            for one in outcomes
        ],
    )


def _read(delivery: GitLabWebhookDelivery) -> Work:
    if delivery.payload is None:
        # The body was not stored because of the quota, so the item is fetched.
        named = (delivery.gitlab_type, delivery.gitlab_iid, delivery.project_path)
        return Work(delivery, Event.naming(*named))
    return Work(delivery, Event.from_request(delivery.headers, delivery.payload))


def _apply(
    target: tuple[GitLabProject, GitLabItem],
    work: Work,
    snapshot: Snapshot | None,
    trust: Trust,
    batch: "_Batch",
) -> Effect:
    """Apply one body, or request its item; never more than that one."""
    (project, item), now, received_at = target, batch.now, work.delivery.received_at
    if snapshot is None:
        # A pipeline's body only names its merge request or branch. If its commit is not the
        # cached one, the list shows whether it is the newest.
        pipeline = work.event.branch_pipeline
        request_refresh(item, now, detail=pipeline is None or is_at(pipeline, item))
        return Effect.FETCHED
    if trust is Trust.PROVEN:
        note_default_branch(project, work.event.default_branch, now)
    verdict = apply_body(
        item, snapshot, received_at=received_at, now=now, ttl=batch.ttl, trust=trust
    )
    if verdict is BodyVerdict.DROP:
        return Effect.OUTDATED
    if not is_known(project, snapshot.project_id, snapshot.project_path):
        # The path of a project is accepted only from GitLab's API, so this requests a fetch.
        request_refresh(item, now)
    if verdict is BodyVerdict.FETCH:
        return Effect.FETCHED
    return Effect.APPLIED_AND_FETCHED if item.refresh_requested_at == now else Effect.APPLIED


@dataclass(frozen=True, slots=True)
class _Batch:
    """The state shared by the deliveries of a batch."""

    targets: "_Targets"
    checks: BodyChecks
    effects: BatchEffects
    now: datetime
    ttl: int


class _Targets:
    """The linked items of a batch of events."""

    def __init__(self, org_id: uuid.UUID, works: Sequence[Work]) -> None:
        events = [work.event for work in works if work.event.relevant]
        self._projects = _projects(org_id, events)
        pipelines = {event.branch_pipeline for event in events if event.branch_pipeline}
        named = {key for event in events if event.iid for _, key in self._candidates(event)}
        self._items = _items(named | keys_from_branches(org_id, pipelines))
        self._links = _count_links(self._items.values())

    def of(self, event: Event) -> tuple[GitLabProject, GitLabItem] | None:
        """The item of an event with its project; None if the item is not linked."""
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
        """The project of an event, if it is linked."""
        if not event.relevant:
            return None
        return next((project for project, _ in self._candidates(event)), None)

    def items(self) -> Iterable[GitLabItem]:
        """The items, which are locked."""
        return self._items.values()

    def links_of(self, item: GitLabItem) -> int:
        """The number of links to the item."""
        return self._links.get(item.id, 0)

    def any_requested(self, now: datetime) -> bool:
        """Whether an item is requested for now; the sweep finds items that are due later."""
        requested = (item.refresh_requested_at for item in self._items.values())
        return any(moment is not None and moment <= now for moment in requested)

    def _candidates(self, event: Event) -> list[tuple[GitLabProject, ItemKey]]:
        """The project with GitLab's id first, then one with the path whose id is unknown.

        After a rename there may be both for one project: a link with the new path has its own
        row until the first fetch.
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
    """One index range per project and type: SQLite scans the whole table for row values."""
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
