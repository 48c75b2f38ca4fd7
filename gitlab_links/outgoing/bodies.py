"""An event as programs get it, from the feed and from endpoints alike."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitlab_links.events.models import Event
from gitlab_links.extensions import settings

# Changes when programs have to change; fields may be added without.
VERSION = 1


@dataclass(frozen=True, slots=True)
class TaskPart:
    """The task of an event. A deleted task's address answers 404."""

    id: uuid.UUID
    reference: str | None
    url: str


@dataclass(frozen=True, slots=True)
class LinkPart:
    """The link of an event, and its item."""

    id: uuid.UUID
    item_id: uuid.UUID | None
    gitlab_type: str | None
    reference: str | None
    url: str | None
    confidential: bool


@dataclass(frozen=True, slots=True)
class ActorPart:
    """Who made the change."""

    kind: str
    user_id: uuid.UUID | None
    api_key_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Data:
    """What happened. ``withheld``: the item is confidential, so its changes are left out."""

    task: TaskPart | None
    link: LinkPart | None
    actor: ActorPart
    cause: dict[str, Any] | None
    changes: dict[str, list[Any]]
    detail: dict[str, Any] | None
    withheld: bool


@dataclass(frozen=True, slots=True)
class EventBody:
    """One event. ``id`` is the same in the feed, in each attempt and in each replay;
    ``position`` orders the events of an org.
    """

    id: uuid.UUID
    type: str
    timestamp: datetime
    version: int
    org_id: uuid.UUID
    position: int
    data: Data


def event_body(event: Event, *, withheld: bool) -> EventBody:
    """The body of a published event; ``withheld`` leaves out what an item showed."""
    data = Data(
        task=_task(event),
        link=_link(event, withheld=withheld),
        actor=ActorPart(event.actor_kind, event.actor_user_id, event.actor_api_key_id),
        cause=event.cause,
        changes={} if withheld else event.changes,
        detail=None if withheld else event.detail,
        withheld=withheld,
    )
    return EventBody(
        event.id, event.type, event.created_at, VERSION, event.org_id, event.position or 0, data
    )


def _task(event: Event) -> TaskPart | None:
    if event.task_id is None:
        return None
    url = f"{settings().public_base_url}/orgs/{event.org_id}/tasks/{event.task_id}"
    return TaskPart(event.task_id, event.task_reference, url)


def _link(event: Event, *, withheld: bool) -> LinkPart | None:
    if event.link_id is None:
        return None
    return LinkPart(
        event.link_id,
        event.item_id,
        event.item_type,
        event.reference,
        event.url,
        event.confidential or withheld,
    )
