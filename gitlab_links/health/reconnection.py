"""Changing an org's connection, with what follows for its items and hook secrets."""

from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.integrations.changes import Configured, IntegrationChange, update_integration
from gitlab_links.observations.hook_secrets import forget_hook_secrets


def configure(principal: Principal, change: IntegrationChange) -> Configured:
    """Change the org's integration; after a new address or token, the org's fetcher makes every
    item due, a piece at a time.

    When the org leaves a GitLab, the secrets of its hooks there are deleted. Raises what
    ``update_integration`` raises. The caller commits.
    """
    configured = update_integration(principal, change)
    if configured.left_gitlab:
        forget_hook_secrets(configured.integration)
    if configured.reconnected:
        configured.integration.items_due_since = utcnow()
    return configured
