"""An org's policy: who sees confidential items, where alerts go, and token rotation."""

from collections.abc import Sequence
from dataclasses import dataclass

from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import MANAGERS, STAFF, Role
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.errors import Invalid
from gitlab_links.extensions import settings
from gitlab_links.gitlab.urls import parse_base_url
from gitlab_links.gitlab.web_address import AddressError, parse_web_address
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import IntegrationMissing
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.mail import parse_mail_address
from gitlab_links.security import cipher

NOTIFY_URL = "notify-url"


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
    """What to change: None leaves a value as it is, an empty ``notify_url`` clears it."""

    confidential_roles: Sequence[Role] | None = None
    token_auto_rotate: bool | None = None
    notify_url: str | None = None


def confidential_roles(stored: Sequence[str] | None) -> frozenset[Role]:
    """Who sees confidential items: admin, pm and the roles that the org has added."""
    return MANAGERS | {Role(role) for role in stored or ()}


def policy_of(integration: OrgGitLabIntegration | None) -> Policy:
    """The policy in force; the defaults if nothing was set."""
    roles = confidential_roles(None if integration is None else integration.confidential_roles)
    return Policy(
        confidential_roles=[role for role in Role if role in roles],
        token_auto_rotate=integration is not None and integration.token_auto_rotate,
        notify_url_host=None if integration is None else integration.notify_url_host,
    )


def update_policy(principal: Principal, change: PolicyChange) -> Policy:
    """Change and audit what is given. Raises :class:`Invalid`, :class:`IntegrationMissing` and
    the ``encryption_key_*`` conflicts. The caller commits.
    """
    integration = find_integration(principal.org_id)
    if integration is None:
        raise IntegrationMissing("Connect the org to its GitLab first.")
    changed = []
    if change.confidential_roles is not None:
        roles = _checked_roles(change.confidential_roles)
        if frozenset(roles) != confidential_roles(integration.confidential_roles):
            integration.confidential_roles = [role.value for role in roles]
            changed.append("confidential_roles")
    auto = change.token_auto_rotate
    if auto is not None and auto != integration.token_auto_rotate:
        integration.token_auto_rotate = auto
        changed.append("token_auto_rotate")
    if change.notify_url is not None and _set_notify_url(integration, change.notify_url):
        changed.append("notify_url")
    policy = policy_of(integration)
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


def is_url(text: str) -> bool:
    """Whether alerts go to a URL, and not to an e-mail address."""
    return "://" in text


def _set_notify_url(integration: OrgGitLabIntegration, text: str) -> bool:
    integration.notify_failure = integration.notify_failed_at = None
    if not text:
        was_set = integration.notify_url_ciphertext is not None
        integration.notify_url_ciphertext = integration.notify_url_host = None
        return was_set
    shown = _checked_host(text) if is_url(text) or "@" not in text else _checked_mail(text)
    integration.notify_url_ciphertext = cipher().encrypt(
        text, org_id=integration.org_id, origin="", purpose=NOTIFY_URL
    )
    integration.notify_url_host = shown
    return True


def _checked_mail(text: str) -> str:
    if settings().mail_server is None:
        raise _refused("This service cannot send e-mail. Ask the operator to set SMTP_URL.")
    try:
        return parse_mail_address(text)
    except ValueError as error:
        raise _refused(f"It {error}.") from None


def _checked_host(text: str) -> str:
    try:
        address = parse_web_address(text)
        # The same rules for internal hosts as for GitLab's address.
        host = f"[{address.host}]" if ":" in address.host else address.host
        port = f":{address.port}" if address.port else ""
        parse_base_url(f"{address.scheme}://{host}{port}", settings().gitlab_allowed_hosts)
    except AddressError as error:
        raise _refused(error.message) from None
    except Invalid as refusal:
        raise _refused(" ".join(refusal.errors.get("base_url", [refusal.detail]))) from None
    return host + port


def _refused(message: str) -> Invalid:
    return Invalid("The policy was not changed.", errors={"notify_url": [message]})
