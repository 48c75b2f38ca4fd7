"""For how long a connection that GitLab refuses is left alone, and who may cut that short."""

import random
import uuid
from datetime import datetime, timedelta

from sqlalchemy import update

from gitlab_links.extensions import change_rows
from gitlab_links.gitlab.error_codes import ErrorCode
from gitlab_links.integrations.models import OrgGitLabIntegration

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
# Refused for more than an hour without a break: nothing but a person ends it, most likely.
FINAL_AT = 20
FINAL_PAUSE = timedelta(hours=1)
# People who press a button again and again do not make more calls than this.
TRIED_AT_MOST_EVERY = timedelta(seconds=5)


def growing_pause(failures: int) -> timedelta:
    """How long to wait after so many refusals in a row: from 5 seconds to 5 minutes, doubling
    and spread, and an hour at last. A refusal may be over at any time: the account is
    unblocked, the proxy before GitLab is mended.
    """
    if failures >= FINAL_AT:
        longest = FINAL_PAUSE
    else:
        longest = min(FIRST_PAUSE * (1 << min(max(failures, 1) - 1, 20)), LONGEST_PAUSE)
    return longest * random.uniform(0.8, 1.0)  # noqa: S311


def end_pause(org_id: uuid.UUID, now: datetime) -> bool:
    """Have GitLab asked now, as somebody waits for it; says whether there was a pause to end.

    Not one that GitLab itself asked for, and not within seconds of the last try. The caller
    commits, and enqueues what is to be fetched.
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
