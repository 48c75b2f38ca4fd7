"""Changing an org's connection, with what follows for its items and hook secrets."""

from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.integrations.changes import (
    Configured,
    IntegrationChange,
    delete_integration,
    update_integration,
)
from gitlab_links.observations.hook_secrets import forget_hook_secrets
from gitlab_links.observations.project_watches import forget_proofs


def configure(principal: Principal, change: IntegrationChange) -> Configured:
    """Change the org's integration; after a new address or token, the org's fetcher makes every
    item due, a piece at a time.

    When the org leaves a GitLab, the secrets of its hooks there are deleted. Raises what
    ``update_integration`` raises. The caller commits.
    """
    configured = update_integration(principal, change)
    if configured.left_gitlab:
        forget_hook_secrets(configured.integration)
        forget_proofs(principal.org_id, utcnow())
    if configured.reconnected:
        configured.integration.items_due_since = utcnow()
    return configured


def disconnect(principal: Principal) -> None:
    """Delete address, token, and all secrets. Links stay, with the data fetched last. The caller
    commits.
    """
    delete_integration(principal)
    forget_proofs(principal.org_id, utcnow())
