"""A person's login sessions: where they are, when they were last used, and ending them.

Nothing here commits.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from gitlab_links.accounts.models import LoginSession
from gitlab_links.accounts.noted_uses import is_due_in
from gitlab_links.accounts.sessions import session_token_hash
from gitlab_links.clock import utcnow
from gitlab_links.errors import Invalid, required
from gitlab_links.extensions import change_rows, db

# For what needs the password of those who have one.
JUST_NOW = timedelta(minutes=10)
LONGEST_DEVICE, LONGEST_ADDRESS = 200, 64


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session. ``device`` is what the browser calls itself, ``address`` where it logged in."""

    id: uuid.UUID
    device: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    is_current: bool


def check_just_signed_in(session_id: uuid.UUID, field: str) -> None:
    """Raise :class:`Invalid` for a session that is not new: a person without a password proves by
    signing in again that the session is theirs.
    """
    began = db.session.scalar(select(LoginSession.created_at).where(LoginSession.id == session_id))
    if began is None or began < utcnow() - JUST_NOW:
        words = "Log out, sign in again, and come back within ten minutes. Nothing was changed."
        raise Invalid(words, errors={field: [words]})


def sessions_of(user_id: uuid.UUID, current: uuid.UUID) -> Sequence[SessionView]:
    """The person's sessions: the current one, then those used last."""
    rows = db.session.scalars(
        select(LoginSession).where(
            LoginSession.user_id == user_id, LoginSession.expires_at > utcnow()
        )
    )
    views = [
        SessionView(
            id=row.id,
            device=row.device or "",
            address=row.address or "",
            created_at=row.created_at,
            last_seen_at=row.last_seen_at or row.created_at,
            is_current=row.id == current,
        )
        for row in rows
    ]
    return sorted(views, key=lambda view: (view.is_current, view.last_seen_at), reverse=True)


def end_one(user_id: uuid.UUID, session_id: uuid.UUID) -> None:
    """End one of the person's sessions; raises :class:`NotFound`, also for another person's."""
    mine = (LoginSession.user_id == user_id, LoginSession.id == session_id)
    required(change_rows(delete(LoginSession).where(*mine)) or None)


def end_others(user_id: uuid.UUID, current: uuid.UUID) -> int:
    """End all sessions but the current one; returns how many."""
    others = (LoginSession.user_id == user_id, LoginSession.id != current)
    return change_rows(delete(LoginSession).where(*others))


def note_origin(token: str, device: str, address: str) -> None:
    """Save which browser a new session is of, and its IP address."""
    change_rows(
        update(LoginSession)
        .where(LoginSession.token_hash == session_token_hash(token))
        .values(device=device[:LONGEST_DEVICE], address=address[:LONGEST_ADDRESS])
    )


def note_use(session_id: uuid.UUID) -> None:
    """Save that a session is used now, unless another request has just done so."""
    now = utcnow()
    change_rows(
        update(LoginSession)
        .where(
            LoginSession.id == session_id,
            is_due_in(LoginSession.last_seen_at, now),
        )
        .values(last_seen_at=now)
    )
