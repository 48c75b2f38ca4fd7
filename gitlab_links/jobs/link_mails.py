"""Sending the mails with links that work once. No transaction is open while one is sent."""

import smtplib
import time
import uuid
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import delete, or_, select

from gitlab_links.account_links.emails import account_email
from gitlab_links.account_links.models import AccountLink
from gitlab_links.accounts.mailed_links import (
    MailedLink,
    claim_mail,
    has_mail_due,
    save_mail_result,
)
from gitlab_links.emails.composition import PersonEmail
from gitlab_links.extensions import db, settings
from gitlab_links.invitations.emails import invitation_email
from gitlab_links.invitations.models import Invitation
from gitlab_links.mail import mail_failure

SECONDS_EACH = 5.0
# The job is stopped after 25 s: what is left is sent by the next one.
SLICE_SECONDS = 12.0

KINDS: tuple[tuple[type[MailedLink], Callable[[uuid.UUID, str], PersonEmail | None]], ...] = (
    (Invitation, invitation_email),
    (AccountLink, account_email),
)
# Whether there is anything to send at the parameter ``now``.
ARE_DUE = or_(*(has_mail_due(model) for model, _ in KINDS))

log = structlog.get_logger(__name__)


def are_due(now: datetime) -> bool:
    """Whether there is anything to send."""
    return bool(db.session.scalar(select(ARE_DUE), {"now": now}))


def send_due_mails() -> None:
    """Send what is due. A mail may be sent twice if a worker dies; the later link is valid."""
    ends_at = time.monotonic() + SLICE_SECONDS
    for model, words in KINDS:
        while time.monotonic() < ends_at and _send_next(model, words):
            pass


def _send_next(
    model: type[MailedLink], words: Callable[[uuid.UUID, str], PersonEmail | None]
) -> bool:
    """Send one mail; False if none is due."""
    mail = claim_mail(model)
    db.session.commit()
    if mail is None:
        return False
    email = words(mail.link_id, mail.token)
    if email is None:  # there is no such account, or the link has ended
        db.session.execute(delete(model).where(model.id == mail.link_id))
        db.session.commit()
        return True
    db.session.rollback()
    error = _send(email)
    save_mail_result(model, mail, error)
    db.session.commit()
    if error is not None:
        log.warning("mail.not_sent", kind=model.__name__, link_id=str(mail.link_id), error=error)
    return True


def _send(email: PersonEmail) -> str | None:
    server = settings().mail_server
    if server is None:
        return "the service has no mail server (SMTP_URL)"
    try:
        server.send(email.composed(), SECONDS_EACH)
    except (smtplib.SMTPException, OSError) as error:
        return mail_failure(error)
    return None
