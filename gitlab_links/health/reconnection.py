"""What a change of the org's connection means for its links and for the hooks made here."""

from sqlalchemy import select, update

from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.integrations.operations import (
    Configured,
    IntegrationChange,
    update_integration,
)
from gitlab_links.links.models import GitLabItem
from gitlab_links.observations.hook_secrets import forget_hook_secrets


def configure(principal: Principal, change: IntegrationChange) -> Configured:
    """Change the org's integration; with a new address or token every item is due at once.

    What a token may not see another may, so that waiting out an old failure would be
    wrong. Whoever leaves a GitLab leaves the hooks there: their secrets end. Raises what
    ``update_integration`` raises; the caller commits.
    """
    configured = update_integration(principal, change)
    if configured.left_gitlab:
        forget_hook_secrets(configured.integration)
    if configured.reconnected:
        # In the order in which everybody locks items.
        ours = select(GitLabItem.id).where(GitLabItem.org_id == principal.org_id)
        db.session.execute(ours.order_by(GitLabItem.id).with_for_update())
        db.session.execute(
            update(GitLabItem)
            .where(GitLabItem.org_id == principal.org_id)
            .values(next_sync_at=utcnow(), changed_at=utcnow(), failures=0, pipeline_hidden=False)
            .execution_options(synchronize_session=False)
        )
    return configured
