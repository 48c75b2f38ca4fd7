"""Apply a batch of claimed deliveries to cached items, in one transaction."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from gitlab_links.deliveries.batch_effects import BatchEffects
from gitlab_links.deliveries.claims import ClaimedDelivery
from gitlab_links.deliveries.mentioning_events import UnlinkedEvent, items_mentioning
from gitlab_links.deliveries.models import DeliveryStatus, Doubt, Effect, GitLabWebhookDelivery
from gitlab_links.deliveries.pipeline_events import is_at
from gitlab_links.deliveries.targets import Targets, count_links
from gitlab_links.deliveries.trust import BodyChecks, trust_in
from gitlab_links.extensions import db
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.links.freshness import request_refresh
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.mentions.attaching import MentionChanges
from gitlab_links.mentions.comments import store_comment
from gitlab_links.mentions.org_patterns import org_pattern
from gitlab_links.mentions.pattern import KeyPattern
from gitlab_links.observations.webhook_tallies import add_tallies
from gitlab_links.rules.marking import ItemMarks, note_default_branch
from gitlab_links.storage.many_rows import UpdateRows
from gitlab_links.sync.applying import apply_body
from gitlab_links.sync.change_sources import note_webhook
from gitlab_links.sync.compared_fields import Changes, changes_between, compared_fields
from gitlab_links.sync.item_events import WEBHOOK, ItemChanges
from gitlab_links.sync.ordering import BodyVerdict, Trust
from gitlab_links.sync.pipeline_statuses import apply_reported
from gitlab_links.sync.projects import is_known
from gitlab_links.sync.same_branch import request_siblings


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed delivery and its parsed event."""

    delivery: ClaimedDelivery
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
    org_id: uuid.UUID, deliveries: Sequence[ClaimedDelivery], *, now: datetime, ttl: int
) -> list[Outcome]:
    """Apply the deliveries in order and mark them as processed. The caller commits both at once.

    A batch costs a fixed number of queries. Bodies that are trusted and newer than the cached
    content are applied. If a body is not enough, its item is requested, once for all bodies of
    the batch, and a sync is triggered after the commit.
    """
    works = [_read(delivery) for delivery in deliveries]
    targets, pattern = Targets(org_id, [work.event for work in works]), org_pattern(org_id)
    batch = _Batch(targets, BodyChecks.of(org_id, now), BatchEffects(), pattern, now, ttl)
    _add_mentioning(org_id, works, batch)
    mentions, shown = MentionChanges(targets.items()), ItemChanges(targets.items())
    marks = ItemMarks(targets.items())
    outcomes = [_process_one(work, batch) for work in works]
    request_siblings(org_id, batch.of_pipelines, now)
    shown.record(org_id, WEBHOOK)
    marks.write(org_id, now)
    linked = mentions.attach(org_id)
    _mark_processed(_with_links(outcomes, linked), now)
    batch.effects.write(org_id, now)
    add_tallies(db.session, org_id, batch.checks.tallies())
    if batch.targets.any_requested(now):
        trigger_after_commit(db.session, JobKind.SYNC, org_id)
    return outcomes


def _add_mentioning(org_id: uuid.UUID, works: Sequence[Work], batch: "_Batch") -> None:
    """Add items that no task links yet, if an event shows that they mention one."""
    checks = batch.checks
    if checks.base_url is None:
        return
    unlinked = (
        _unlinked(work, batch)
        for work in works
        if work.event.relevant
        and batch.targets.of(work.event) is None
        and not checks.is_of_another_instance(work.delivery)
    )
    for item in items_mentioning(org_id, checks.base_url, unlinked, batch.pattern):
        batch.targets.add(item)


def _unlinked(work: Work, batch: "_Batch") -> UnlinkedEvent:
    project = batch.targets.project_of(work.event)
    by_own_hook = batch.checks.is_of_own_hook(work.delivery, project)
    return UnlinkedEvent(work.event, project, by_own_hook)


def _with_links(outcomes: Sequence[Outcome], changed: Sequence[GitLabItem]) -> list[Outcome]:
    """The outcomes, with the present number of links of items whose links have changed."""
    ids = {item.id for item in changed}
    links = count_links(changed) if changed else {}
    return [
        replace(one, links=links.get(one.item_id, 0)) if one.item_id in ids else one
        for one in outcomes
    ]


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
    done = partial(Outcome, delivery.id, request_id=delivery.request_id, item=_item_name(event))
    if target is None:
        return done(effect=Effect.NONE, doubt=doubt)
    item = target[1]
    before = compared_fields(item)
    effect = _apply(target, work, snapshot, trust_in(delivery, doubt), batch)
    changes = changes_between(before, compared_fields(item))
    if doubt not in _OF_ANOTHER and note_webhook(item, delivery.received_at, changed=bool(changes)):
        batch.effects.changed.append(item)
    links = targets.links_of(item)
    return done(effect=effect, doubt=doubt, item_id=item.id, links=links, changes=changes)


def _item_name(event: Event) -> str | None:
    """The item's reference in the event, with the project's id if it has no path."""
    if event.item_type is None or event.iid is None:
        return None
    return f"{event.project_path or event.project_id}{event.item_type.sigil}{event.iid}"


def _mark_processed(outcomes: Sequence[Outcome], now: datetime) -> None:
    """Mark all of them in one statement."""
    rows = [
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
    ]
    _PROCESSED.run(db.session, rows)


_PROCESSED = UpdateRows(GitLabWebhookDelivery)


def _read(delivery: ClaimedDelivery) -> Work:
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
        return _apply_pipeline(target, work, batch)
    if trust is Trust.PROVEN:
        note_default_branch(project, work.event.default_branch, now)
    if trust is Trust.PROVEN and work.event.comment is not None:
        store_comment(item, work.event.comment, batch.pattern)
    verdict = apply_body(
        item,
        snapshot,
        received_at=received_at,
        now=now,
        ttl=batch.ttl,
        trust=trust,
        pattern=batch.pattern,
    )
    if verdict is BodyVerdict.DROP:
        return Effect.OUTDATED
    if not is_known(project, snapshot.project_id, snapshot.project_path):
        # The path of a project is accepted only from GitLab's API, so this requests a fetch.
        request_refresh(item, now)
    if verdict is BodyVerdict.FETCH:
        return Effect.FETCHED
    return Effect.APPLIED_AND_FETCHED if item.refresh_requested_at == now else Effect.APPLIED


def _apply_pipeline(
    target: tuple[GitLabProject, GitLabItem], work: Work, batch: "_Batch"
) -> Effect:
    """Apply the status in a pipeline's body, or request its merge request.

    Its body only names its merge request or branch. If its commit is not the cached one, the
    list shows whether it is the newest.
    """
    (project, item), now = target, batch.now
    reported, of_branch = work.event.pipeline, work.event.branch_pipeline
    if (
        reported is not None
        and reported.project_id == project.gitlab_id
        and batch.checks.is_of_own_hook(work.delivery, project)
        and apply_reported(item, reported, work.delivery.received_at, now)
    ):
        batch.of_pipelines.append(item)
        return Effect.APPLIED
    of_head = of_branch is None or is_at(of_branch, item)
    is_pipeline = work.event.object_kind == "pipeline"
    if of_head and is_pipeline and item.fetched_at is not None and item.error_code is None:
        item.status_wanted_at = now
    else:
        request_refresh(item, now, detail=of_head)
    return Effect.FETCHED


@dataclass(frozen=True, slots=True)
class _Batch:
    """The state shared by the deliveries of a batch. ``of_pipelines`` are the merge requests
    whose pipeline's status a body has brought.
    """

    targets: Targets
    checks: BodyChecks
    effects: BatchEffects
    pattern: KeyPattern
    now: datetime
    ttl: int
    of_pipelines: list[GitLabItem] = field(default_factory=list)
