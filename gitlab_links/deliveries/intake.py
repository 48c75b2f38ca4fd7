"""Store a webhook with one INSERT that accepts only authentic requests.

An authentic request is stored before anything else is done, because GitLab does not resend it.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, case, null, select

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.authenticity import HOOK_PROJECT, PROVEN_BY_SECRET, verify
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.deliveries.quota import OVER_QUOTA, quota_parameters
from gitlab_links.errors import DomainError
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.signatures import is_signed
from gitlab_links.integrations.webhook_secrets import hash_webhook_secret
from gitlab_links.storage.database import insert_unless_exists, new_id, upsert

# Parsing an unauthenticated body must not cost more than refusing it.
MAX_UNPROVEN_BYTES = 64 * 1024
STORED_HEADERS = (
    "Content-Type",
    "User-Agent",
    "Idempotency-Key",
    "X-Gitlab-Event",
    "X-Gitlab-Event-UUID",
    "X-Gitlab-Webhook-UUID",
    "X-Gitlab-Instance",
    "webhook-id",
    "webhook-timestamp",
)
MAX_HEADER_LENGTH = 500
MAX_ID_LENGTH = 100
_STORED = [(name.lower(), name) for name in STORED_HEADERS]

# On table columns: for each webhook the ORM would cost more than the answer.
_deliveries = GitLabWebhookDelivery.__table__.c
_FIRST_COPY = select(_deliveries.id).where(
    _deliveries.org_id == bindparam("org_id"), _deliveries.dedupe_key == bindparam("dedupe_key")
)
DEDUPED_BY = ("org_id", "dedupe_key")

Row = dict[str, Any]


class Intake(StrEnum):
    """The result of a webhook request, in the API's terms."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to GitLab; ``delivery_id`` is the stored row, also for a duplicate."""

    status: Intake
    delivery_id: uuid.UUID


def accept(
    connection: Connection,
    org_id: uuid.UUID,
    headers: Mapping[str, str],
    body: bytes,
    request_id: str | None = None,
) -> Accepted:
    """Verify and store one request. The caller commits, and triggers a job if it was accepted.

    Header names are case-insensitive; ``request_id`` is our own id of the request.
    Raises :class:`Unproven` unless the request is authentic. An authentic request raises only
    for an unusable body: :class:`InvalidJson`, :class:`JsonTooDeep` or ``BodyTooLarge``.
    """
    received_at = utcnow()
    headers = {name.lower(): value for name, value in headers.items()}
    row = _unproven_row(org_id, headers, body, received_at)
    stored, ids = None, _ids(headers, request_id)
    if row is not None:
        row |= ids
        stored = _store_if_proven(connection, row, headers.get("x-gitlab-token", ""))
    if row is None or stored is None:
        proven = verify(connection, org_id, headers, body, received_at)
        row = _row(org_id, Event.from_request(headers, body), headers, body, received_at)
        row |= ids | {"hook_project_id": proven.hook_project_id, "signed": proven.signed}
        if connection.scalar(
            select(OVER_QUOTA), {"org_id": org_id, **quota_parameters(received_at)}
        ):
            row["payload"] = None
        stored = insert_unless_exists(connection, GitLabWebhookDelivery, row, *DEDUPED_BY)
    if stored is None:
        first_copy = connection.execute(_FIRST_COPY, row).scalar_one()
        return Accepted(Intake.DUPLICATE, first_copy)
    ignored = row["status"] is DeliveryStatus.IGNORED
    return Accepted(Intake.IGNORED if ignored else Intake.ACCEPTED, stored)


def _unproven_row(
    org_id: uuid.UUID, headers: Mapping[str, str], body: bytes, received_at: datetime
) -> Row | None:
    """The row of a request that a secret may prove; None if a full check is needed."""
    if len(body) > MAX_UNPROVEN_BYTES or is_signed(headers):
        return None
    try:
        event = Event.from_request(headers, body)
    except DomainError:
        return None  # the sender is not authenticated yet, so the error is not reported
    return _row(org_id, event, headers, body, received_at)


def _row(
    org_id: uuid.UUID, event: Event, headers: Mapping[str, str], body: bytes, received_at: datetime
) -> Row:
    return {
        "id": new_id(),
        "org_id": org_id,
        "dedupe_key": event.dedupe_key,
        "status": DeliveryStatus.RECEIVED if event.relevant else DeliveryStatus.IGNORED,
        "due_at": received_at if event.relevant else None,
        "processed_at": None if event.relevant else received_at,
        "event": event.name,
        "object_kind": event.object_kind,
        "action": event.action,
        "project_path": event.project_path,
        "gitlab_type": event.item_type,
        "gitlab_iid": event.iid,
        "received_at": received_at,
        "size_bytes": len(body),
        "payload_sha256": hashlib.sha256(body).hexdigest(),
        "headers": stored_headers(headers),
        "payload": body,
    }


def _ids(headers: Mapping[str, str], request_id: str | None) -> Row:
    """The ids of a request: ours, and GitLab's from its log of recent events."""
    return {
        "request_id": request_id,
        "event_uuid": _cut(headers.get("x-gitlab-event-uuid"), MAX_ID_LENGTH),
        "webhook_uuid": _cut(headers.get("x-gitlab-webhook-uuid"), MAX_ID_LENGTH),
    }


def _cut(value: str | None, length: int) -> str | None:
    return None if value is None else value[:length].replace("\0", "")


def _store_if_proven(connection: Connection, row: Row, secret: str) -> uuid.UUID | None:
    """Insert the row if the secret is one of the org's. None if it is not, or for a duplicate.

    An empty secret is always wrong, and takes as long as a wrong one.
    """
    given = hash_webhook_secret(row["org_id"], secret) if secret else ""
    statement = _insert_if_proven(connection.dialect.name, tuple(row))
    stored: uuid.UUID | None = connection.execute(
        statement, {**row, **quota_parameters(row["received_at"]), "given": given}
    ).scalar_one_or_none()
    return stored


@cache
def _insert_if_proven(dialect: str, names: tuple[str, ...]) -> Executable:
    given = {name: bindparam(name, type_=_deliveries[name].type) for name in names}
    given["payload"] = case((OVER_QUOTA, null()), else_=given["payload"])  # type: ignore[assignment]
    values = select(*given.values(), HOOK_PROJECT)
    insert = upsert(dialect, GitLabWebhookDelivery).from_select(
        [*names, "hook_project_id"], values.where(PROVEN_BY_SECRET)
    )
    statement: Executable = insert.on_conflict_do_nothing(index_elements=DEDUPED_BY).returning(
        _deliveries.id
    )
    return statement


def stored_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers to store, without secret and signature; ``headers`` has lower-case names."""
    return {
        name: headers[key][:MAX_HEADER_LENGTH].replace("\0", "")
        for key, name in _STORED
        if key in headers
    }
