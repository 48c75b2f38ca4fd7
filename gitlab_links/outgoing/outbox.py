"""Publish events and put those that go out into the outbox, in one transaction."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, or_, select

from gitlab_links.clock import utcnow
from gitlab_links.events.models import EventType
from gitlab_links.events.publishing import AT_ONCE, Published, publish
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.outgoing.highlights import is_highlight
from gitlab_links.outgoing.models import Format, OutgoingDelivery, OutgoingEndpoint, OutgoingStatus
from gitlab_links.storage.database import new_id
from gitlab_links.storage.many_rows import InsertRows

EndpointRow = Row[*tuple[Any, ...]]


def publish_and_send(org_id: uuid.UUID, limit: int = AT_ONCE) -> int:
    """Publish the oldest events of an org, and put them into the outbox of each endpoint that
    wants them. Returns how many were published.

    One that the service has turned off gets them, too: they wait until it is turned on, or are
    forgotten with the log. The caller commits; a job that sends is triggered after that.
    """
    events = publish(org_id, limit)
    rows = _wanted(org_id, events) if events else []
    if rows:
        _INSERT.run(db.session, rows)
        trigger_after_commit(db.session, JobKind.SEND, org_id)
    return len(events)


_INSERT = InsertRows(OutgoingDelivery)


def _wanted(org_id: uuid.UUID, events: Sequence[Published]) -> list[dict[str, Any]]:
    endpoint = OutgoingEndpoint
    # Locked, so that none is turned on or off between this and the rows for it.
    endpoints = db.session.execute(
        select(
            endpoint.id,
            endpoint.format,
            endpoint.types,
            endpoint.projects,
            endpoint.highlights_only,
        )
        .where(endpoint.org_id == org_id, or_(endpoint.enabled, endpoint.disabled_at.is_not(None)))
        .order_by(endpoint.id)
        .with_for_update(read=True, key_share=True)
    ).all()
    now = utcnow()
    return [
        {
            "id": new_id(),
            "org_id": org_id,
            "endpoint_id": one.id,
            "event_id": event.id,
            "event_type": event.type,
            "position": event.position,
            "subject_id": event.item_id or event.task_id,
            "status": OutgoingStatus.WAITING.value,
            "attempts": 0,
            "is_replay": False,
            "due_at": now,
            "history": [],
            "created_at": now,
        }
        for event in events
        for one in endpoints
        if wants(one, event)
    ]


def wants(endpoint: EndpointRow, event: Published) -> bool:
    """Whether an event is sent to an endpoint. Of confidential items, chats get nothing: that
    one was linked, and when it changed, are hints too.
    """
    if endpoint.types and event.type not in endpoint.types:
        return False
    project = None if event.project_id is None else str(event.project_id)
    if endpoint.projects and project is not None and project not in endpoint.projects:
        return False
    if endpoint.format == Format.EMAIL and event.type != EventType.CONNECTION_HEALTH_CHANGED:
        return False
    if endpoint.format == Format.CHAT and event.confidential:
        return False
    return not endpoint.highlights_only or is_highlight(event.type, event.changes, event.actor_kind)
