"""Webhook requests as GitLab sends them, some 6 KB each, ready for a socket."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gitlab_links.demo.gitlab.bulk import CREATED_AT, id_of

BODY_BYTES = 6 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """An issue of the simulated GitLab."""

    project_id: int
    project_path: str
    iid: int


def issue_event(item: Item, title: str, updated_at: datetime) -> bytes:
    """An update whose body says all that is shown."""
    attributes = _attributes(item, title, updated_at) | {"action": "update"}
    body = {
        "object_kind": "issue",
        "event_type": "issue",
        "user": _USER,
        "project": _project(item),
        "object_attributes": attributes,
        "labels": [],
        "changes": {"title": {"previous": "What it was before", "current": title}},
        "repository": {"name": "bench", "url": "git@example.com:bench.git"},
        "assignees": [_USER],
    }
    return _padded(body, attributes)


def note_event(item: Item, title: str, updated_at: datetime) -> bytes:
    """A comment: the body names the issue, and GitLab has to be asked for the rest."""
    attributes = _attributes(item, title, updated_at)
    body = {
        "object_kind": "note",
        "event_type": "note",
        "user": _USER,
        "project_id": item.project_id,
        "project": _project(item),
        "object_attributes": {
            "id": 1,
            "note": "A comment",
            "noteable_type": "Issue",
            "action": "create",
            "project_id": item.project_id,
        },
        "repository": {"name": "bench", "url": "git@example.com:bench.git"},
        "issue": attributes,
    }
    return _padded(body, attributes)


def request(
    org_id: uuid.UUID,
    secret: str,
    body: bytes,
    *,
    keep_alive: bool = False,
    path: str = "/api/orgs/{}/integrations/gitlab/webhook",
) -> bytes:
    """The request as bytes, with a delivery key of its own."""
    key = uuid.uuid4()
    lines = [
        f"POST {path.format(org_id)} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        "User-Agent: GitLab/18.6.0",
        "X-Gitlab-Event: Issue Hook",
        f"X-Gitlab-Event-UUID: {uuid.uuid4()}",
        f"X-Gitlab-Webhook-UUID: {uuid.uuid4()}",
        f"Idempotency-Key: {key}",
        f"X-Gitlab-Token: {secret}",
        f"Content-Length: {len(body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


_USER = {
    "id": 2,
    "name": "Bulk Author",
    "username": "bulk.author",
    "avatar_url": "https://secure.gravatar.com/avatar/0?s=80&d=identicon",
    "email": "[REDACTED]",
}


def _project(item: Item) -> dict[str, Any]:
    return {
        "id": item.project_id,
        "name": item.project_path.rpartition("/")[2],
        "web_url": f"https://gitlab.example.com/{item.project_path}",
        "namespace": "bench",
        "visibility_level": 0,
        "path_with_namespace": item.project_path,
        "default_branch": "main",
    }


def _attributes(item: Item, title: str, updated_at: datetime) -> dict[str, Any]:
    return {
        "id": id_of(item.project_id, item.iid),
        "iid": item.iid,
        "title": title,
        "description": "",
        "state": "opened",
        "state_id": 1,
        "author_id": 2,
        "project_id": item.project_id,
        "created_at": _iso(CREATED_AT),
        "updated_at": _iso(updated_at),
        "closed_at": None,
        "milestone_id": None,
        "moved_to_id": None,
        "due_date": None,
        "confidential": False,
        "assignee_ids": [2],
        "labels": [],
        "url": f"https://gitlab.example.com/{item.project_path}/-/issues/{item.iid}",
    }


def _padded(body: dict[str, Any], attributes: dict[str, Any]) -> bytes:
    missing = BODY_BYTES - len(json.dumps(body, separators=(",", ":")))
    attributes["description"] = ("Lorem ipsum dolor sit amet. " * 250)[:missing]
    return json.dumps(body, separators=(",", ":")).encode()


def _iso(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
