"""How long a connection pauses after GitLab refused it, and ending a pause early."""

import random
import uuid
from datetime import datetime, timedelta

from sqlalchemy import update

from gitlab_links.extensions import change_rows
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.integrations.models import OrgGitLabIntegration

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
# After more than an hour of refusals, most likely only a person can end it.
FINAL_AT = 20
FINAL_PAUSE = timedelta(hours=1)
# Pressing a button again and again makes no more calls than this.
TRIED_AT_MOST_EVERY = timedelta(seconds=5)


def growing_pause(failures: int) -> timedelta:
    """How long to wait after so many refusals in a row: 5 seconds, doubling to 5 minutes, in the
    end an hour, with jitter. A refusal may end at any time, for example when an account is
    unblocked or a proxy is repaired.
    """
    if failures >= FINAL_AT:
        longest = FINAL_PAUSE
    else:
        longest = min(FIRST_PAUSE * (1 << min(max(failures, 1) - 1, 20)), LONGEST_PAUSE)
    return longest * random.uniform(0.8, 1.0)  # noqa: S311


def end_pause(org_id: uuid.UUID, now: datetime) -> bool:
    """End the org's pause, because somebody waits for GitLab; returns whether there was one.

    Does not end a pause that GitLab asked for, nor within ``TRIED_AT_MOST_EVERY`` of the last
    change. The caller commits and triggers the fetch.
    """
    integration = OrgGitLabIntegration
    ended = change_rows(
        update(integration)
        .where(
            integration.org_id == org_id,
            integration.paused_until > now,
            integration.error_code.is_distinct_from(ErrorCode.RATE_LIMITED),
            integration.updated_at <= now - TRIED_AT_MOST_EVERY,
        )
        .values(paused_until=None, updated_at=now)
    )
    return ended > 0
