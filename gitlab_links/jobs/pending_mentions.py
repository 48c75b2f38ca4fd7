"""One slice of linking an org's new tasks with what mentioned them before."""

import uuid

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind, trigger
from gitlab_links.mentions.later import BATCH_SIZE, link_pending

log = structlog.get_logger(__name__)


def pending_slice(org_id: uuid.UUID) -> None:
    """Take up a batch; trigger again if there may be more.

    Safe to run twice or never: what is taken up is deleted in the same transaction, and the sweep
    triggers what a lost run left behind.
    """
    taken, fetch_is_due = link_pending(org_id, utcnow())
    db.session.commit()
    if taken:
        log.info("mentions.taken_up", org_id=str(org_id), mentions=taken)
    if fetch_is_due:
        trigger(JobKind.SYNC, org_id)
    if taken == BATCH_SIZE:
        trigger(JobKind.LINK_PENDING, org_id)
