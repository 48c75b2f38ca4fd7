"""Bringing links up to date with a batch of claimed deliveries, in one transaction."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from gitlab_links.deliveries.batch_effects import BatchEffects
from gitlab_links.deliveries.models import DeliveryStatus, Doubt, Effect, GitLabWebhookDelivery
from gitlab_links.deliveries.pipelines import ItemKey, is_at, keys_from_branches, merge_request_of
from gitlab_links.deliveries.trust import Referee, trust_in
from gitlab_links.extensions import db
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.pipelines import BranchPipeline
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.observations.tallies import add_tallies
from gitlab_links.sync.applying import Trust, apply_body
from gitlab_links.sync.compared import Changes, changes_between, compared_fields
from gitlab_links.sync.ordering import BodyVerdict
from gitlab_links.sync.projects import is_known
from gitlab_links.triggers import JobKind, trigger_after_commit


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed delivery and what it says."""

    delivery: GitLabWebhookDelivery
    event: Event


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a delivery; ``item_id`` is that of the linked item that it is about."""

    delivery_id: uuid.UUID
    effect: Effect
    doubt: Doubt | None = None
    item_id: uuid.UUID | None = None
    links: int = 0
    changes: Changes = field(default_factory=dict)
    request_id: str | None = None
    item: str | None = None

    def logged(self) -> dict[str, str]:
        """Which delivery it was, which item it named, and what it did: no content."""
        facts = {
            "delivery_id": str(self.delivery_id),
            "request_id": self.request_id,
            "item": self.item,
            "effect": self.effect.value,
            "doubt": self.doubt,
            "changed": ",".join(self.changes),
        }
        return {name: str(value) for name, value in facts.items() if value}


# Deliveries that show nothing of how events of the project arrive.
_OF_ANOTHER = frozenset({Doubt.OTHER_INSTANCE, Doubt.OTHER_PROJECT, Doubt.UNKNOWN_PROJECT})


def process(
    org_id: uuid.UUID, deliveries: Sequence[GitLabWebhookDelivery], *, now: datetime, ttl: int
) -> list[Outcome]:
    """Apply the deliveries in order and mark them done; the caller commits both at once.

    A fixed number of queries for the batch. Bodies that are newer than what is cached are
    applied, as far as they are trusted; where a body is not enough, the item is asked for,
    once however many bodies name it, and the fetching job is rung after the commit.
    """
    works = [_read(delivery) for delivery in deliveries]
    batch = _Batch(_Targets(org_id, works), Referee.of(org_id, now), BatchEffects(), now, ttl)
    outcomes = [_process_one(work, batch) for work in works]
    _mark_processed(outcomes, now)
    batch.news.write(org_id, now)
    add_tallies(db.session, org_id, batch.referee.tallies())
    if batch.targets.any_requested(now):
        trigger_after_commit(db.session, JobKind.SYNC, org_id)
    return outcomes


def _process_one(work: Work, batch: "_Batch") -> Outcome:
    delivery, event, targets = work.delivery, work.event, batch.targets
    target, project = targets.of(event), targets.project_of(event)
    doubt = batch.referee.doubt(delivery, project)
    if project is not None and doubt not in _OF_ANOTHER:
        batch.news.of_project(project, delivery)
    told = event.snapshot if target is not None else None
    if target is not None and doubt is not Doubt.OTHER_INSTANCE:
        # A pipeline of a fork is about a merge request of another project, and says nothing of it.
        doubt = None if told is None else batch.referee.doubt(delivery, target[0])
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
    effect = _apply(target, work, told, trust_in(delivery, doubt), batch)
    if doubt not in _OF_ANOTHER:
        batch.news.of_item(item, before, delivery)
    changes = changes_between(before, compared_fields(item))
    links = targets.links_of(item)
    return replace(outcome, effect=effect, item_id=item.id, links=links, changes=changes)


def _item_name(event: Event) -> str | None:
    """The item as the event names it; the project by its id where the path is not told."""
    if event.item_type is None or event.iid is None:
        return None
    return f"{event.project_path or event.project_id}{event.item_type.sigil}{event.iid}"


def _mark_processed(outcomes: Sequence[Outcome], now: datetime) -> None:
    """One statement for all of them."""
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
        # Over the quota of stored bodies: the item is fetched instead.
        named = (delivery.gitlab_type, delivery.gitlab_iid, delivery.project_path)
        return Work(delivery, Event.naming(*named))
    return Work(delivery, Event.from_request(delivery.headers, delivery.payload))


def _apply(
    target: tuple[GitLabProject, GitLabItem],
    work: Work,
    told: Snapshot | None,
    trust: Trust,
    batch: "_Batch",
) -> Effect:
    """Apply one body, or ask for the item: never for more than that one."""
    (project, item), now, received_at = target, batch.now, work.delivery.received_at
    if told is None:
        # A pipeline's body names its merge request, or its branch, and no more. Of a commit
        # that is not known here the list says whether it is the newest.
        pipeline = work.event.branch_pipeline
        request_refresh(item, now, detail=pipeline is None or is_at(pipeline, item))
        return Effect.FETCHED
    verdict = apply_body(item, told, received_at=received_at, now=now, ttl=batch.ttl, trust=trust)
    if verdict is BodyVerdict.DROP:
        return Effect.OUTDATED
    if not is_known(project, told.project_id, told.project_path):
        # What a project is called is learned from GitLab's API, which this fetch asks.
        request_refresh(item, now)
    if verdict is BodyVerdict.FETCH:
        return Effect.FETCHED
    return Effect.APPLIED_AND_FETCHED if item.refresh_requested_at == now else Effect.APPLIED


@dataclass(frozen=True, slots=True)
class _Batch:
    """What deliveries that are processed together have in common."""

    targets: "_Targets"
    referee: Referee
    news: BatchEffects
    now: datetime
    ttl: int


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

    def any_requested(self, now: datetime) -> bool:
        """Whether some item waits to be fetched now; the sweep sees to what is due later."""
        asked = (item.refresh_requested_at for item in self._items.values())
        return any(moment is not None and moment <= now for moment in asked)

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
