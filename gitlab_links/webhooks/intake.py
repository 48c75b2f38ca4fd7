"""Taking a webhook in: verify, then parse, then store. One SELECT, one INSERT.

What is authentic is kept before anything else is done with it: GitLab does not send again.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from sqlalchemy import bindparam, exists, or_, select

from gitlab_links.clock import utcnow
from gitlab_links.db import insert_unless_exists, new_id
from gitlab_links.doorbell import Bell, ring_after_commit
from gitlab_links.errors import DomainError, Forbidden
from gitlab_links.extensions import db
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

MAX_BODY_BYTES = 25 * 1024 * 1024
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
DECOY_TOKEN = TOKEN_PREFIX + "A" * 43 + "="

# Written once, and over the table: at every webhook the ORM would cost more than the answer.
_integrations = OrgGitLabIntegration.__table__.c
_hook_secrets = GitLabHookSecret.__table__.c
# One probe of a unique index, within the one SELECT: hooks that this service made have
# secrets of their own.
_OF_A_HOOK = exists().where(
    _hook_secrets.org_id == bindparam("org_id"),
    _hook_secrets.secret_hash == bindparam("given"),
    or_(_hook_secrets.ends_at.is_(None), _hook_secrets.ends_at > bindparam("now")),
)
_SECRETS = select(
    _integrations.webhook_secret_hash,
    _integrations.previous_webhook_secret_hash,
    _integrations.previous_webhook_secret_until,
    _integrations.signing_token_ciphertext,
    _OF_A_HOOK.label("of_a_hook"),
).where(_integrations.org_id == bindparam("org_id"))


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


def accept(org_id: uuid.UUID, headers: Mapping[str, str], body: bytes) -> Accepted:
    """Verify and store one request; a worker is rung for once the caller has committed.

    Raises :class:`Forbidden`, the same for every cause, unless the request is authentic;
    then :class:`InvalidJson` or :class:`JsonTooDeep`. Everything else is taken.
    """
    received_at = utcnow()
    verify(org_id, headers, body, received_at)
    event = Event.from_request(headers, body)
    status = DeliveryStatus.RECEIVED if event.relevant else DeliveryStatus.IGNORED
    row = {
        "id": new_id(),
        "org_id": org_id,
        "dedupe_key": event.dedupe_key,
        "status": status,
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
    stored = insert_unless_exists(db.session, GitLabWebhookDelivery, row, "org_id", "dedupe_key")
    if stored is None:
        return Accepted(Intake.DUPLICATE, _first_copy(org_id, event.dedupe_key))
    if not event.relevant:
        return Accepted(Intake.IGNORED, stored)
    ring_after_commit(db.session, Bell.DRAIN, org_id)
    return Accepted(Intake.ACCEPTED, stored)


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers worth keeping; the secret and the signature are not among them."""
    return {
        name: headers[name][:MAX_HEADER_LENGTH].replace("\0", "")
        for name in KEPT_HEADERS
        if name in headers
    }


def verify(org_id: uuid.UUID, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Raise :class:`Forbidden` unless the org's GitLab sent this.

    Once a signing token is set only a valid signature will do; until then the secret
    token counts: the org's present one, during a rotation the one before, or one that was
    made for a single hook.
    """
    secret = headers.get("X-Gitlab-Token", "")
    given = hash_webhook_secret(org_id, secret)
    asked = {"org_id": org_id, "given": given, "now": now}
    integration = db.session.execute(_SECRETS, asked).one_or_none()
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


def _first_copy(org_id: uuid.UUID, dedupe_key: str | None) -> uuid.UUID:
    return db.session.scalars(
        select(GitLabWebhookDelivery.id).where(
            GitLabWebhookDelivery.org_id == org_id,
            GitLabWebhookDelivery.dedupe_key == dedupe_key,
        )
    ).one()
