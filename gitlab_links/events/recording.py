"""Recording events in the transaction of the change. Nothing here commits."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from gitlab_links.audit.changes import Actor
from gitlab_links.clock import utcnow
from gitlab_links.events.models import Event, EventType
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.storage.database import new_id
from gitlab_links.storage.many_rows import InsertRows

# A list in ``changes``, as of labels, is cut after so many entries.
LONGEST_LIST = 50
LONGEST_TEXT = 500
AT_ONCE = 1000

Changes = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What an event says of a link: ids, and the reference and address of its item.

    Of an item that is withheld from some roles, the reference is the one that the link was made
    with: its present one may be secret.
    """

    link_id: uuid.UUID
    item_id: uuid.UUID
    project_id: uuid.UUID
    item_type: str
    reference: str
    url: str
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to record; ``Event`` explains the fields."""

    type: EventType
    task_id: uuid.UUID | None = None
    task_reference: str | None = None
    link: LinkFacts | None = None
    changes: Changes = field(default_factory=dict)
    cause: Mapping[str, Any] | None = None
    detail: Mapping[str, Any] | None = None


def record(org_id: uuid.UUID, actor: Actor, *events: NewEvent) -> None:
    """Add events to the caller's transaction, in their order, so that they commit with the
    change or not at all. One statement for a thousand.

    A job publishes the events after the caller's commit. ``changes``, ``cause`` and ``detail``
    must be JSON, small, and without any secret; values in ``changes`` may also be ids and days.
    What an item shows is only in ``changes`` and ``detail``, because only they are withheld
    with it.
    """
    now = utcnow()
    rows = [_row(org_id, actor, event, now) for event in events]
    for start in range(0, len(rows), AT_ONCE):
        _INSERT.run(db.session, rows[start : start + AT_ONCE])
    if rows:
        trigger_after_commit(db.session, JobKind.PUBLISH, org_id)


_INSERT = InsertRows(Event)


def _row(org_id: uuid.UUID, actor: Actor, event: NewEvent, now: datetime) -> dict[str, Any]:
    link = event.link
    return {
        "id": new_id(),
        "org_id": org_id,
        "type": event.type.value,
        "task_id": event.task_id,
        "task_reference": event.task_reference,
        "link_id": link and link.link_id,
        "item_id": link and link.item_id,
        "project_id": link and link.project_id,
        "item_type": link and link.item_type,
        "reference": link and link.reference,
        "url": link and link.url,
        "confidential": link is not None and link.confidential,
        "actor_kind": actor.kind.value,
        "actor_user_id": actor.user_id,
        "actor_api_key_id": actor.api_key_id,
        "cause": None if event.cause is None else dict(event.cause),
        "changes": {name: [_short(v) for v in pair] for name, pair in event.changes.items()},
        "detail": None if event.detail is None else dict(event.detail),
        "created_at": now,
    }


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, list):
        return value[:LONGEST_LIST]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value
