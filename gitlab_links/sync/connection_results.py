"""What a round of calls means for the connection: it works, it pauses, how much may be called."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gitlab_links.gitlab.answers import RateLimit
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.sync.blame import Answered, Blame, Kind, kind_of
from gitlab_links.sync.pausing import note_all_failing, note_failure, note_success
from gitlab_links.sync.rate_budget import note_rate_limit
from gitlab_links.sync.unreadable_items import all_projects_fail


class Called(Answered, Protocol):
    """The result of a call that began at ``started_at``."""

    @property
    def started_at(self) -> datetime: ...
    @property
    def rate_limit(self) -> RateLimit | None: ...


def record_connection(
    integration: OrgGitLabIntegration, answers: Sequence[Called], verdict: Blame, now: datetime
) -> None:
    """Note the results of calls with the integration's current token."""
    failures = [answer.failure for answer in answers if answer.failure is not None]
    if len(failures) < len(answers):
        last = max(answer.started_at for answer in answers if answer.failure is None)
        note_success(integration, last)
    elif verdict.works and verdict.connection is None:
        integration.clear_error()
        if all_projects_fail(integration.org_id, integration.base_url):
            note_all_failing(integration, failures[0], now)
    if verdict.connection is not None:
        calls = sum(kind_of(failure) is Kind.TROUBLE for failure in failures)
        note_failure(integration, verdict.connection, now, calls=max(calls, 1))
    for answer in answers:
        if answer.rate_limit is not None:
            note_rate_limit(integration, answer.rate_limit, now)
