"""Publishing an org's events: their places in the feed, and the outbox of endpoints."""

import time
import uuid

from gitlab_links.events.publishing import AT_ONCE, has_unpublished
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind, allow_triggers, trigger
from gitlab_links.outgoing.outbox import publish_and_send

SLICE_SECONDS = 1.0


def publish_events(org_id: uuid.UUID) -> None:
    """Publish for ``SLICE_SECONDS``; trigger again if more are left.

    Safe to run twice or never: positions are given under a lock, and the sweep finds what a lost
    run left behind.
    """
    ends_at, count = time.monotonic() + SLICE_SECONDS, AT_ONCE
    while count == AT_ONCE and time.monotonic() < ends_at:
        count = publish_and_send(org_id)
        db.session.commit()
    # Before the last check: events recorded meanwhile could not trigger a job.
    allow_triggers(JobKind.PUBLISH, org_id)
    if has_unpublished(org_id):
        trigger(JobKind.PUBLISH, org_id)
    db.session.rollback()
