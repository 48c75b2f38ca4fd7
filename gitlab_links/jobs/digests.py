"""Sending the daily mails of what waits. No transaction is open while one is sent."""

import smtplib
import time
import uuid
from datetime import datetime

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.emails.composition import PersonEmail
from gitlab_links.extensions import db, settings
from gitlab_links.mail import MailServer, mail_failure
from gitlab_links.waiting.digests import DueDigest, claim_digest, return_digest
from gitlab_links.waiting.emails import digest_email

SECONDS_EACH = 5.0
# The job is stopped after 25 s: what is left is sent by the next one.
SLICE_SECONDS = 12.0

log = structlog.get_logger(__name__)


def send_digests(now: datetime | None = None) -> None:
    """Send what is due by each member's clock. Nothing is sent to whom nothing waits on.

    Claimed before it is sent: if a worker dies, a member misses a mail and gets none twice. One
    that the server refuses is tried again until noon.
    """
    server = settings().mail_server
    if server is None:
        return
    ends_at, failed = time.monotonic() + SLICE_SECONDS, set[uuid.UUID]()
    while time.monotonic() < ends_at:
        digest = claim_digest(now or utcnow(), failed)
        db.session.commit()
        if digest is None:
            return
        email = digest_email(digest.org_id, digest.user_id)
        db.session.rollback()
        if email is not None and not _send(server, email, digest):
            failed.add(digest.membership_id)
            return_digest(digest)
            db.session.commit()


def _send(server: MailServer, email: PersonEmail, digest: DueDigest) -> bool:
    try:
        server.send(email.composed(), SECONDS_EACH)
    except (smtplib.SMTPException, OSError) as error:
        log.warning("digest.not_sent", org_id=str(digest.org_id), error=mail_failure(error))
        return False
    return True
