"""Taking a webhook in: one INSERT, which stores only what proves to be authentic.

What is authentic is kept before anything else is done with it: GitLab does not send again.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, and_, bindparam, exists, or_, select

from gitlab_links.clock import utcnow
from gitlab_links.db import insert_unless_exists, new_id, upsert
from gitlab_links.errors import DomainError, Forbidden
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.signatures import TOKEN_PREFIX, is_signed, signature_valid
from gitlab_links.hooks.models import GitLabHookSecret
from gitlab_links.integrations.credentials import SIGNING_TOKEN
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.webhook_secrets import (
    hash_webhook_secret,
    webhook_secret_matches,
)
from gitlab_links.security import SecretCipher, cipher
from gitlab_links.webhooks.models import DeliveryStatus, GitLabWebhookDelivery

# Reading a body that may be anybody's must not cost more than refusing it.
MAX_UNPROVEN_BYTES = 64 * 1024
KEPT_HEADERS = (
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
_KEPT = [(name.lower(), name) for name in KEPT_HEADERS]
DECOY_TOKEN = TOKEN_PREFIX + "A" * 43 + "="

# Written once, and over the table: at every webhook the ORM would cost more than the answer.
_integrations = OrgGitLabIntegration.__table__.c
_hook_secrets = GitLabHookSecret.__table__.c
_deliveries = GitLabWebhookDelivery.__table__.c
# One probe of a unique index, within the one statement: hooks that this service made have
# secrets of their own.
_OF_A_HOOK = exists().where(
    _hook_secrets.org_id == bindparam("org_id"),
    _hook_secrets.secret_hash == bindparam("given"),
    or_(_hook_secrets.ends_at.is_(None), _hook_secrets.ends_at > bindparam("received_at")),
)
_SECRETS = select(
    _integrations.webhook_secret_hash,
    _integrations.previous_webhook_secret_hash,
    _integrations.previous_webhook_secret_until,
    _integrations.signing_token_ciphertext,
    _OF_A_HOOK.label("of_a_hook"),
).where(_integrations.org_id == bindparam("org_id"))
# The same rule as in ``verify``. That a database compares digests byte by byte tells nobody
# anything: what they are digests of is keyed.
_PROVEN_BY_SECRET = and_(
    _integrations.org_id == bindparam("org_id"),
    _integrations.signing_token_ciphertext.is_(None),
    or_(
        _integrations.webhook_secret_hash == bindparam("given"),
        and_(
            _integrations.previous_webhook_secret_hash == bindparam("given"),
            _integrations.previous_webhook_secret_until > bindparam("received_at"),
        ),
        _OF_A_HOOK,
    ),
)
_FIRST_COPY = select(_deliveries.id).where(
    _deliveries.org_id == bindparam("org_id"), _deliveries.dedupe_key == bindparam("dedupe_key")
)
DEDUPED_BY = ("org_id", "dedupe_key")

Row = dict[str, Any]


class Intake(StrEnum):
    """What became of a webhook request, in the words of the contract."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to GitLab; ``delivery_id`` names the stored row, also of a duplicate."""

    status: Intake
    delivery_id: uuid.UUID


def accept(
    connection: Connection, org_id: uuid.UUID, headers: Mapping[str, str], body: bytes
) -> Accepted:
    """Verify and store one request; the caller commits, and rings for what was accepted.

    Header names in any case. Raises :class:`Forbidden`, the same for every cause, unless
    the request is authentic; then :class:`InvalidJson` or :class:`JsonTooDeep`. Everything
    else is taken.
    """
    received_at = utcnow()
    headers = {name.lower(): value for name, value in headers.items()}
    row = _unproven_row(org_id, headers, body, received_at)
    stored = None
    if row is not None:
        stored = _store_if_proven(connection, row, headers.get("x-gitlab-token", ""))
    if row is None or stored is None:
        verify(connection, org_id, headers, body, received_at)
        row = _row(org_id, Event.from_request(headers, body), headers, body, received_at)
        stored = insert_unless_exists(connection, GitLabWebhookDelivery, row, *DEDUPED_BY)
    if stored is None:
        return Accepted(Intake.DUPLICATE, _first_copy(connection, row))
    ignored = row["status"] is DeliveryStatus.IGNORED
    return Accepted(Intake.IGNORED if ignored else Intake.ACCEPTED, stored)


def _unproven_row(
    org_id: uuid.UUID, headers: Mapping[str, str], body: bytes, received_at: datetime
) -> Row | None:
    """The row of a request that a secret may prove; None where more has to be looked at."""
    if len(body) > MAX_UNPROVEN_BYTES or is_signed(headers):
        return None
    try:
        event = Event.from_request(headers, body)
    except DomainError:
        return None  # whether it may be told so is not known yet
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
        "headers": kept_headers(headers),
        "payload": body,
    }


def _store_if_proven(connection: Connection, row: Row, secret: str) -> uuid.UUID | None:
    """Insert the row if the secret is one of the org's; None if not, or if it is there.

    An empty secret is never right, and takes as long as a wrong one.
    """
    given = hash_webhook_secret(row["org_id"], secret) if secret else ""
    statement = _insert_if_proven(connection.dialect.name, tuple(row))
    stored: uuid.UUID | None = connection.execute(
        statement, {**row, "given": given}
    ).scalar_one_or_none()
    return stored


@cache
def _insert_if_proven(dialect: str, names: tuple[str, ...]) -> Executable:
    values = select(*(bindparam(name, type_=_deliveries[name].type) for name in names))
    insert = upsert(dialect, GitLabWebhookDelivery).from_select(
        names, values.where(_PROVEN_BY_SECRET)
    )
    statement: Executable = insert.on_conflict_do_nothing(index_elements=DEDUPED_BY).returning(
        _deliveries.id
    )
    return statement


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Of headers in lower case those worth keeping, neither the secret nor the signature."""
    return {
        name: headers[key][:MAX_HEADER_LENGTH].replace("\0", "")
        for key, name in _KEPT
        if key in headers
    }


def verify(
    connection: Connection,
    org_id: uuid.UUID,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> None:
    """Raise :class:`Forbidden` unless the org's GitLab sent this.

    Once a signing token is set only a valid signature will do; until then the secret
    token counts: the org's present one, during a rotation the one before, or one that was
    made for a single hook. Header names in lower case.
    """
    secret = headers.get("x-gitlab-token", "")
    given = hash_webhook_secret(org_id, secret)
    asked = {"org_id": org_id, "given": given, "received_at": now}
    integration = connection.execute(_SECRETS, asked).one_or_none()
    ciphertext = None if integration is None else integration.signing_token_ciphertext
    authentic = webhook_secret_matches(org_id, integration, secret, now)
    if secret and integration is not None and integration.of_a_hook:
        authentic = True
    signed = _signed(org_id, ciphertext, headers, body, now)
    if ciphertext is not None:
        authentic = signed
    if not authentic:
        raise Forbidden("This request does not prove that it comes from the org's GitLab.")


def _signed(
    org_id: uuid.UUID,
    ciphertext: str | None,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> bool:
    """Whether the org's signing token made the signature, where the request has one.

    The same work without a signing token: how long it takes tells nobody which org has one.
    """
    if not is_signed(headers):
        return False
    try:
        token = cipher().decrypt(
            ciphertext or _decoy(cipher()), org_id=org_id, origin="", purpose=SIGNING_TOKEN
        )
    except DomainError:
        signature_valid(headers, body, DECOY_TOKEN, now)
        return False
    return signature_valid(headers, body, token, now)


@lru_cache(maxsize=4)
def _decoy(made_by: SecretCipher) -> str:
    """A ciphertext that opens for no org."""
    return made_by.encrypt(DECOY_TOKEN, org_id=uuid.UUID(int=0), origin="", purpose="decoy")


def _first_copy(connection: Connection, row: Row) -> uuid.UUID:
    found: uuid.UUID = connection.execute(_FIRST_COPY, row).scalar_one()
    return found
