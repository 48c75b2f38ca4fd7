"""One slice of applying status rules for one org: a batch, commit, repeat."""

import time
import uuid

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind, allow_triggers, suppress_triggers, trigger
from gitlab_links.rules.evaluation import BATCH_SIZE, apply_rules, has_due

SLICE_SECONDS = 1.0
# In a burst, wait this long for fuller batches.
GATHER_SECONDS = 0.05

log = structlog.get_logger(__name__)


def rules_slice(org_id: uuid.UUID) -> None:
    """Look at an org's due tasks for ``SLICE_SECONDS``; trigger again if more are left.

    Safe to run twice or never: the rules of an org are locked during a batch, a task that was
    looked at again has the same result, and the sweep triggers what a lost run left behind.
    """
    ends_at = time.monotonic() + SLICE_SECONDS
    while time.monotonic() < ends_at:
        suppress_triggers(JobKind.APPLY_RULES, org_id)
        taken = apply_rules(org_id, utcnow())
        db.session.commit()
        if taken == 0:
            break
        log.info("rules.applied", org_id=str(org_id), tasks=taken)
        if 1 < taken < BATCH_SIZE:
            time.sleep(GATHER_SECONDS)
    # Before the last check: tasks that were marked meanwhile could not trigger a job.
    allow_triggers(JobKind.APPLY_RULES, org_id)
    if has_due(org_id, utcnow()):
        trigger(JobKind.APPLY_RULES, org_id)
    db.session.rollback()
