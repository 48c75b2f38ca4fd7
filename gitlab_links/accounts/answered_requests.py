"""Answers stored by Idempotency-Key, for requests that are sent again. Nothing here commits."""

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import and_, delete, or_, select, update

from gitlab_links.accounts.models import AnsweredRequest
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, Invalid
from gitlab_links.extensions import db
from gitlab_links.security import digest, fernet_for
from gitlab_links.storage.database import insert_unless_exists

KEPT = timedelta(hours=24)
# A request that takes longer has failed without an answer: it may be sent again.
LONGEST_REQUEST = timedelta(minutes=1)


class KeyReused(Invalid, code="idempotency_key_reused"):
    """The key was used for another request (422)."""


class RequestInProgress(Conflict, code="request_in_progress"):
    """The request with this key is being processed (409)."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The caller, and the Idempotency-Key of the request."""

    org_id: uuid.UUID
    caller: str
    key: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A new request; :func:`save_answer` stores its answer."""

    id: uuid.UUID
    sender: Sender


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered before, with the stored answer."""

    answer: dict[str, Any]


def begin(sender: Sender, fingerprint: str) -> Begun | Answered:
    """Begin to answer a request, or return its stored answer.

    Of two equal requests at once the second waits for the first, if that one is a single
    transaction. Raises :class:`KeyReused` and :class:`RequestInProgress`.
    """
    _forget_ended(sender)
    begun = insert_unless_exists(
        db.session,
        AnsweredRequest,
        {
            "org_id": sender.org_id,
            "caller": sender.caller,
            "key_hash": _hash(sender),
            "fingerprint": fingerprint,
            "created_at": utcnow(),
            "expires_at": utcnow() + KEPT,
        },
        "org_id",
        "caller",
        "key_hash",
    )
    if begun is not None:
        return Begun(begun, sender)
    known = db.session.execute(
        select(AnsweredRequest.fingerprint, AnsweredRequest.answer).where(*_of(sender))
    ).one_or_none()
    if known is not None and known.fingerprint != fingerprint:
        raise KeyReused(
            "This Idempotency-Key was used for another request. Use a new key for each request.",
            errors={"Idempotency-Key": ["It was used for another request."]},
        )
    if known is None or known.answer is None:
        raise RequestInProgress(
            "The request with this Idempotency-Key is being processed. Try again.", retry_after=1
        )
    return Answered(_open(sender, known.answer))


def save_answer(begun: Begun, answer: dict[str, Any]) -> None:
    """Store the answer, encrypted: it may contain secrets that are shown once."""
    sealed = _cipher(begun.sender).encrypt(json.dumps(answer).encode()).decode("ascii")
    db.session.execute(
        update(AnsweredRequest).where(AnsweredRequest.id == begun.id).values(answer=sealed)
    )


def forget(begun: Begun) -> None:
    """Delete a request that failed: it may be sent again with its key."""
    db.session.execute(delete(AnsweredRequest).where(AnsweredRequest.id == begun.id))


def _forget_ended(sender: Sender) -> None:
    now, request = utcnow(), AnsweredRequest
    died = and_(request.answer.is_(None), request.created_at < now - LONGEST_REQUEST)
    db.session.execute(delete(request).where(*_of(sender), or_(request.expires_at <= now, died)))


def _of(sender: Sender) -> tuple[Any, ...]:
    request = AnsweredRequest
    return (
        request.org_id == sender.org_id,
        request.caller == sender.caller,
        request.key_hash == _hash(sender),
    )


def _hash(sender: Sender) -> str:
    return digest("idempotency-key", sender.key)


def _cipher(sender: Sender) -> Fernet:
    """Decrypts the answer to one request. The key is needed: the database stores only its hash."""
    return fernet_for("answered-request", str(sender.org_id), sender.caller, sender.key)


def _open(sender: Sender, sealed: str) -> dict[str, Any]:
    try:
        opened: dict[str, Any] = json.loads(_cipher(sender).decrypt(sealed.encode()))
    except InvalidToken:
        raise RequestInProgress("The stored answer cannot be read. Use a new key.") from None
    return opened
