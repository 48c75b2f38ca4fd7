"""The requests that this service sends to endpoints, as ``webhooks`` of the contract.

The examples are made by the code that makes the bodies.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Flask

from gitlab_links.audit.models import ActorKind
from gitlab_links.events.models import Event, EventType
from gitlab_links.outgoing.bodies import event_body

Json = dict[str, Any]

_IDS = [uuid.UUID(f"01a2077a-4f08-7063-8e6a-{number:012}") for number in range(1, 8)]
_LINK_URL = "https://gitlab.example.com/acme/app/-/merge_requests/12"
# The values before and after, the cause and the details of an example of each type.
_EXAMPLES: dict[EventType, Json] = {
    EventType.TASK_CREATED: {"changes": {"title": [None, "Ship it"], "status": [None, "open"]}},
    EventType.TASK_EDITED: {
        "changes": {"title": ["Ship it", "Ship it in May"]},
        "detail": {"edited": ["title"]},
    },
    EventType.TASK_STATUS_CHANGED: {"changes": {"status": ["open", "in_progress"]}},
    EventType.TASK_PINNED: {},
    EventType.TASK_UNPINNED: {},
    EventType.TASK_DELETED: {"changes": {"title": ["Ship it", None]}},
    EventType.LINK_CREATED: {},
    EventType.LINK_REMOVED: {},
    EventType.LINK_CHANGED: {
        "changes": {"state": ["opened", "merged"]},
        "cause": {"kind": "webhook"},
        "detail": {"merged_by": {"username": "ann", "name": "Ann"}},
    },
    EventType.CONNECTION_HEALTH_CHANGED: {
        "changes": {"open": [False, True]},
        "detail": {
            "code": "auth_error",
            "severity": "critical",
            "summary": "GitLab refuses the access token.",
        },
    },
}
_SUMMARIES = {
    EventType.TASK_CREATED: "A task was created",
    EventType.TASK_EDITED: "Fields of a task changed",
    EventType.TASK_STATUS_CHANGED: "The status of a task changed",
    EventType.TASK_PINNED: "The status of a task was pinned: rules leave it alone",
    EventType.TASK_UNPINNED: "Rules may set the status of a task again",
    EventType.TASK_DELETED: "A task was deleted",
    EventType.LINK_CREATED: "An item was linked to a task",
    EventType.LINK_REMOVED: "An item was unlinked from a task",
    EventType.LINK_CHANGED: "What a link shows changed",
    EventType.CONNECTION_HEALTH_CHANGED: "The connection to GitLab has a problem, or is over one",
}
_HEADERS = {
    "webhook-id": ("The event's id: the same in each attempt and replay.", str(_IDS[0])),
    "webhook-timestamp": ("When it was sent, in Unix seconds.", "1764144985"),
    "webhook-signature": (
        "Signatures by Standard Webhooks; two while a secret is being replaced.",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
}


def webhooks(app: Flask) -> Json:
    """One entry for each type of event."""
    with app.app_context():
        return {kind.value: {"post": _operation(kind)} for kind in EventType}


def _operation(kind: EventType) -> Json:
    schema = {"$ref": "#/components/schemas/Event"}
    return {
        "operationId": f"sent__{kind.value.replace('.', '_')}",
        "summary": _SUMMARIES[kind],
        "description": "Sent to each endpoint of the format `standard` that wants this type.",
        "tags": ["events"],
        "security": [],
        "parameters": [
            {
                "in": "header",
                "name": name,
                "required": True,
                "description": text,
                "schema": {"type": "string"},
                "example": example,
            }
            for name, (text, example) in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example_of(kind)}},
        },
        "responses": {
            "2XX": {"description": "Received. Anything else is tried again for about a day."},
            "410": {"description": "The endpoint is turned off at once."},
        },
    }


def example_of(kind: EventType) -> Json:
    """The body of an event of this type."""
    of_link = kind.value.startswith("link.")
    of_task = kind is not EventType.CONNECTION_HEALTH_CHANGED
    by_service = kind in {EventType.LINK_CHANGED, EventType.CONNECTION_HEALTH_CHANGED}
    event = Event(
        id=_IDS[0],
        org_id=_IDS[1],
        position=412,
        type=kind.value,
        task_id=_IDS[2] if of_task else None,
        task_reference="ACME-12" if of_task else None,
        link_id=_IDS[3] if of_link else None,
        item_id=_IDS[4] if of_link else None,
        item_type="merge_request" if of_link else None,
        reference="acme/app!12" if of_link else None,
        url=_LINK_URL if of_link else None,
        confidential=False,
        actor_kind=(ActorKind.SERVICE if by_service else ActorKind.PERSON).value,
        actor_user_id=None if by_service else _IDS[5],
        created_at=datetime(2026, 11, 26, 8, 16, 25, tzinfo=UTC),
        **{"changes": {}, "cause": None, "detail": None, **_EXAMPLES[kind]},
    )
    body: Json = orjson.loads(
        orjson.dumps(event_body(event, withheld=False), option=orjson.OPT_UTC_Z)
    )
    if of_task:  # not the address of this installation
        body["data"]["task"]["url"] = f"https://links.example.com/orgs/{_IDS[1]}/tasks/{_IDS[2]}"
    return body
