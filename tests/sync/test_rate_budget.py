"""The part of GitLab's rate limit that scheduled fetches may use."""

from datetime import timedelta

import pytest

from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.sync.rate_budget import used_up_until
from tests.sync.conftest import NOON


@pytest.mark.parametrize(
    ("limit", "remaining", "seconds", "waits"),
    [
        (2000, 1500, 40, False),
        (2000, 1000, 40, True),
        (2000, 0, 40, True),
        (2000, 0, -1, False),
        (None, 0, 40, False),
        (2000, None, 40, False),
    ],
)
def test_scheduled_fetches_leave_half_of_the_rate_limit(limit, remaining, seconds, waits):
    reset_at = NOON + timedelta(seconds=seconds)
    integration = OrgGitLabIntegration(
        rate_limit=limit, rate_limit_remaining=remaining, rate_limit_reset_at=reset_at
    )
    assert used_up_until(integration, NOON) == (reset_at if waits else None)
