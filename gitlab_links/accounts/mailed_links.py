"""Links that work once: mailed if there is a mail server, else handed over by who made them.

Only a keyed digest of the token is stored. A worker makes the token of a mailed link when it
sends the mail, so that nobody but the owner of the mailbox ever has it. Nothing here commits.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import BindParameter, Exists, String, bindparam, exists, select, update
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.accounts.models import User
from gitlab_links.clock import utcnow
from gitlab_links.extensions import change_rows, db, settings
from gitlab_links.mail import LONGEST_ADDRESS, LONGEST_REASON
from gitlab_links.security import digest, new_secret
from gitlab_links.storage.database import Identified
from gitlab_links.storage.waits import Wait

# Longer than sending takes: a worker that dies delays the mail by this.
LEASE = timedelta(minutes=1)
PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20), timedelta(hours=1))


class MailedLink(Identified):
    """Mixin: who gets the link, until when it is valid, and the state of its mail.

    ``mail_due_at`` is set while a mail is to be sent. ``mailed_at`` is set if the token is known
    only from a mail: whoever has it reads the mailbox.
    """

    email: Mapped[str] = mapped_column(String(LONGEST_ADDRESS))
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime]
    mail_due_at: Mapped[datetime | None]
    mail_attempts: Mapped[int] = mapped_column(default=0)
    mailed_at: Mapped[datetime | None]
    mail_error: Mapped[str | None] = mapped_column(String(LONGEST_REASON))


Link = TypeVar("Link", bound=MailedLink)


def wait(model: type[MailedLink]) -> Wait:
    """How long a mail waits at most."""
    attempted = (
        (model.mail_attempts == attempts, max(LEASE, pause))
        for attempts, pause in enumerate((*PAUSES, LEASE), start=1)
    )
    return Wait(model.mail_due_at, ((model.mail_attempts == 0, timedelta()), *attempted))


@dataclass(frozen=True, slots=True)
class ToMail:
    """A mail to send now; ``token`` is new."""

    link_id: uuid.UUID
    token: str


def mails_are_sent() -> bool:
    """Whether links are mailed. If not, whoever makes one hands it over."""
    return settings().mail_server is not None


def start_link(link: MailedLink, lasts: timedelta) -> str | None:
    """Make the link valid from now on, and every earlier one invalid.

    Returns its token to hand over, or None if a worker mails it.
    """
    now = utcnow()
    link.expires_at = now + lasts
    link.mailed_at = link.mail_error = None
    link.mail_attempts = 0
    if mails_are_sent():
        link.token_hash, link.mail_due_at = None, now
        return None
    token = new_secret()
    link.token_hash, link.mail_due_at = link_token_hash(token), None
    return token


def find_link(model: type[Link], token: str) -> Link | None:
    """The link with this token; None if it is unknown, used, replaced or expired."""
    if not token.isascii() or not token.isprintable():
        return None
    found = select(model).where(
        model.token_hash == link_token_hash(token), model.expires_at > utcnow()
    )
    return db.session.scalars(found).one_or_none()


def has_mail_due(model: type[MailedLink]) -> Exists:
    """Whether a mail is due at the parameter ``now``, as a condition."""
    now: BindParameter[datetime] = bindparam("now")
    return exists().where(model.mail_due_at <= now, model.expires_at > now)


def claim_mail(model: type[MailedLink]) -> ToMail | None:
    """Lease the mail that is due longest, with a new token; None if none is due."""
    now = utcnow()
    due = (model.mail_due_at <= now, model.expires_at > now)
    found = select(model.id).where(*due).order_by(model.mail_due_at).limit(1)
    link_id = db.session.scalar(found)
    if link_id is None:
        return None
    token = new_secret()
    taken = change_rows(
        update(model)
        .where(model.id == link_id, *due)
        .values(
            mail_due_at=now + LEASE,
            mail_attempts=model.mail_attempts + 1,
            token_hash=link_token_hash(token),
        )
    )
    return ToMail(link_id, token) if taken else None


def save_mail_result(model: type[MailedLink], mail: ToMail, error: str | None) -> None:
    """Save that the server accepted the mail, or why not; after five attempts it stays unsent."""
    now = utcnow()
    same_token = (model.id == mail.link_id, model.token_hash == link_token_hash(mail.token))
    attempts = db.session.scalar(select(model.mail_attempts).where(*same_token))
    if attempts is None:
        return  # used, revoked or started again meanwhile
    tried_often = attempts > len(PAUSES)
    due = None if error is None or tried_often else now + PAUSES[attempts - 1]
    mailed = now if error is None else None
    change_rows(
        update(model).where(*same_token).values(mail_due_at=due, mail_error=error, mailed_at=mailed)
    )


def confirm_address(user: User) -> None:
    """Save that the account's owner reads its mailbox."""
    user.email_confirmed_at = user.email_confirmed_at or utcnow()


def link_token_hash(token: str) -> str:
    """The digest by which a link is stored and found."""
    return digest("mailed-link", token)
