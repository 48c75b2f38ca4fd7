"""How long at most the changes and statuses of a project wait to be read."""

from datetime import timedelta

from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.freshness import RETRY_FIRST, RETRY_LAST, TRUSTED_FOR
from gitlab_links.links.models import GitLabItem
from gitlab_links.storage.waits import Wait

_org = OrgGitLabIntegration.org_id


def waits(ttl: int) -> tuple[Wait, ...]:
    """With this TTL. Statuses that are wanted wait for a second attempt at most."""
    mark, item = GitLabDeltaMark, GitLabItem
    longest = max(TRUSTED_FOR, RETRY_LAST, timedelta(seconds=ttl))
    return (
        Wait.of_all(mark.due_at, longest, each=(mark.org_id, _org)),
        Wait.of_all(item.status_wanted_at, 2 * RETRY_FIRST, each=(item.org_id, _org)),
    )
