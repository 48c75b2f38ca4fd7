"""An org's policy: who sees confidential items, where alerts go, and token rotation."""

from collections.abc import Sequence
from dataclasses import dataclass

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import MANAGERS, STAFF, Role
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.errors import Invalid
from gitlab_links.integrations.models import OrgGitLabIntegration


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy in force. Of a URL for alerts only the host is shown, because the rest often
    contains a secret. An e-mail address is shown whole.
    """

    confidential_roles: Sequence[Role]
    token_auto_rotate: bool
    notify_url_host: str | None


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What to change: None leaves a value as it is."""

    confidential_roles: Sequence[Role] | None = None
    token_auto_rotate: bool | None = None


def confidential_roles(stored: Sequence[str] | None) -> frozenset[Role]:
    """Who sees confidential items: admin, pm and the roles that the org has added."""
    return MANAGERS | {Role(role) for role in stored or ()}


def policy_of(
    integration: OrgGitLabIntegration | None, notify_url_host: str | None = None
) -> Policy:
    """The policy in force; the defaults if nothing was set. ``outgoing.alerts`` knows where alerts
    go.
    """
    roles = confidential_roles(None if integration is None else integration.confidential_roles)
    return Policy(
        confidential_roles=[role for role in Role if role in roles],
        token_auto_rotate=integration is not None and integration.token_auto_rotate,
        notify_url_host=notify_url_host,
    )


def change_policy(
    principal: Principal,
    integration: OrgGitLabIntegration,
    change: PolicyChange,
    also: Sequence[str] = (),
    notify_url_host: str | None = None,
) -> Policy:
    """Change and audit what is given; ``also`` are names of what the caller has changed. Pages and
    API call ``outgoing.alerts.update_policy``. Raises :class:`Invalid`. The caller commits.
    """
    changed: list[str] = []
    if change.confidential_roles is not None:
        roles = _checked_roles(change.confidential_roles)
        if frozenset(roles) != confidential_roles(integration.confidential_roles):
            integration.confidential_roles = [role.value for role in roles]
            changed.append("confidential_roles")
    auto = change.token_auto_rotate
    if auto is not None and auto != integration.token_auto_rotate:
        integration.token_auto_rotate = auto
        changed.append("token_auto_rotate")
    changed += also
    policy = policy_of(integration, notify_url_host)
    if changed:
        write_audit_event(
            principal.org_id,
            principal.actor,
            Action.POLICY_UPDATED,
            integration.id,
            {
                "changed": changed,
                "confidential_roles": [role.value for role in policy.confidential_roles],
                "token_auto_rotate": policy.token_auto_rotate,
                "notify_url_host": policy.notify_url_host,
            },
        )
    return policy


def _checked_roles(roles: Sequence[Role]) -> list[Role]:
    """The roles in order. Managers are required, because they can read every delivery's body;
    clients are refused, because they see no links.
    """
    chosen = set(roles)
    if not chosen >= MANAGERS or not chosen <= STAFF:
        raise Invalid(
            "The policy was not changed.",
            errors={
                "confidential_roles": [
                    "Admin and pm always see confidential items, because they see what GitLab "
                    "sends. You can add member. A client sees no links."
                ]
            },
        )
    return [role for role in Role if role in chosen]
