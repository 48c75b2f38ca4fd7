"""Changing an org's connection, with what follows for its items and hook secrets."""

from sqlalchemy import select, update

from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.extensions import change_rows, db
from gitlab_links.integrations.changes import Configured, IntegrationChange, update_integration
from gitlab_links.links.models import GitLabItem
from gitlab_links.observations.hook_secrets import forget_hook_secrets


def configure(principal: Principal, change: IntegrationChange) -> Configured:
    """Change the org's integration; a new address or token makes every item due at once.

    A new token may see what the old one could not, so old failures are not waited out. When
    the org leaves a GitLab, the secrets of its hooks there are deleted. Raises what
    ``update_integration`` raises. The caller commits.
    """
    configured = update_integration(principal, change)
    if configured.left_gitlab:
        forget_hook_secrets(configured.integration)
    if configured.reconnected:
        # All code locks items in the order of their ids, which avoids deadlocks.
        ours = select(GitLabItem.id).where(GitLabItem.org_id == principal.org_id)
        db.session.execute(ours.order_by(GitLabItem.id).with_for_update())
        change_rows(
            update(GitLabItem)
            .where(GitLabItem.org_id == principal.org_id)
            .values(next_sync_at=utcnow(), changed_at=utcnow(), failures=0, pipeline_hidden=False)
        )
    return configured
