"""No time in the future is left out of what a clock that is set back makes due."""

import re

from sqlalchemy import inspect
from sqlalchemy.orm import DeclarativeBase

from gitlab_links.jobs.long_waits import all_waits
from gitlab_links.storage.database import Base

_AHEAD = re.compile(r"(due_at|_until|_wanted_at|next_sync_at|ends_at|expires_at|reset_at)$")
ELSEWHERE = {
    # Repaired with the org's connection, by sync/clock_changes.py.
    "OrgGitLabIntegration.paused_until",
    "OrgGitLabIntegration.token_check_due_at",
    "OrgGitLabIntegration.rate_limit_reset_at",
    "GitLabItem.next_sync_at",
    # Their own conditions notice a wait that is too long.
    "OrgGitLabIntegration.sync_leased_until",
    "Operation.leased_until",
    "TaskRuleState.due_at",
    # Repaired by deliveries/claims.py and outgoing/waiting.py, by how often each was tried.
    "GitLabWebhookDelivery.due_at",
    "OutgoingDelivery.due_at",
    "OutgoingEndpoint.paused_until",
    "OutgoingEndpoint.leased_until",
    # Written again with each reading, which is due once its proof is in the future.
    "GitLabProject.trusted_until",
    # GitLab's own time, and how far its changes are known.
    "GitLabProjectWatch.disabled_until",
    "GitLabDeltaMark.seen_until",
    "OrgGitLabIntegration.token_expires_at",
}
# What ends then is only valid for longer: nothing waits for it.
VALID_UNTIL = re.compile(r"(secret_until|ends_at|\.expires_at)$")


def models(base: type[DeclarativeBase]) -> list[type[DeclarativeBase]]:
    return [mapper.class_ for mapper in base.registry.mappers]


def test_every_wait_is_known() -> None:
    ahead = {
        f"{model.__name__}.{column.key}"
        for model in models(Base)
        for column in inspect(model).column_attrs
        if _AHEAD.search(column.key)
    }
    known = {str(wait.column) for wait in all_waits(300)} | ELSEWHERE
    left = {name for name in ahead - known if not VALID_UNTIL.search(name)}
    assert left == set()
    assert ahead >= known
