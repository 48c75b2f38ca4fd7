"""Configuring an org's GitLab. Nothing here commits."""

import re
import uuid
from dataclasses import dataclass

from sqlalchemy import delete, select

from gitlab_links.accounts.principal import Principal
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, Invalid
from gitlab_links.extensions import db, settings
from gitlab_links.gitlab.signatures import signing_token_problem
from gitlab_links.gitlab.urls import parse_base_url
from gitlab_links.integrations.credentials import SIGNING_TOKEN, IntegrationMissing, encrypt_token
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.webhook_secrets import replace_webhook_secret
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.plurals import listed
from gitlab_links.security import WEBHOOK_SECRET_PREFIX, cipher, digest, new_secret
from gitlab_links.storage.database import insert_and_lock

_HEADER_SAFE = re.compile(r"[!-~]{1,255}")


class LeavesGitLab(Conflict, code="leaves_gitlab"):
    """The new address would delete the token and secrets of the current GitLab."""


@dataclass(frozen=True, slots=True)
class IntegrationChange:
    """What to change: None leaves a value as it is, an empty string clears it.

    ``may_forget``: whether a new address may delete the token and secrets of the old one.
    ``same_gitlab``: the GitLab at the new address was verified to be the same, so the secrets
    stay.
    """

    base_url: str | None = None
    token: str | None = None
    webhook_secret: str | None = None
    signing_token: str | None = None
    may_forget: bool = True
    same_gitlab: bool = False


@dataclass(frozen=True, slots=True)
class Configured:
    """The integration after a change.

    ``reconnected``: address or token are new. ``left_gitlab``: the org was connected to
    another GitLab before, whose token and secrets are deleted.
    """

    integration: OrgGitLabIntegration
    reconnected: bool
    left_gitlab: bool


def find_integration(org_id: uuid.UUID) -> OrgGitLabIntegration | None:
    """The org's integration; None if nothing was ever set."""
    return db.session.scalars(
        select(OrgGitLabIntegration).where(OrgGitLabIntegration.org_id == org_id)
    ).one_or_none()


def lock_integration(org_id: uuid.UUID) -> OrgGitLabIntegration | None:
    """The org's integration, reloaded and locked until the commit; None if there is none."""
    return db.session.scalars(
        select(OrgGitLabIntegration)
        .where(OrgGitLabIntegration.org_id == org_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def begun_integration(org_id: uuid.UUID) -> OrgGitLabIntegration:
    """The org's integration, locked until the commit; inserted empty if there is none.

    If two requests connect the org for the first time, the second one waits here.
    """
    return insert_and_lock(db.session, OrgGitLabIntegration, {"org_id": org_id})


def settings_version(org_id: uuid.UUID) -> str:
    """A digest of the connection's settings; the state reported by GitLab does not change it."""
    found = find_integration(org_id)
    if found is None:
        return ""
    facts = (
        found.base_url,
        found.token_set_at,
        found.token_ciphertext is not None,
        found.webhook_secret_hash,
        found.signing_token_ciphertext,
        found.confidential_roles,
        found.token_auto_rotate,
    )
    return digest("settings-version", repr(facts)) if any(facts) else ""


def update_integration(principal: Principal, change: IntegrationChange) -> Configured:
    """Change what is given and nothing else; pages and API call
    ``health.reconnection.configure``.

    Another base URL is another GitLab: the token, signing token and webhook secrets of the old
    one are deleted, unless the change sets new ones. So a token is never sent to another host,
    and the old GitLab's webhooks are no longer accepted. A new address or token clears error
    and pause. Raises :class:`Invalid` with the field at fault, :class:`LeavesGitLab`,
    :class:`IntegrationMissing`, and the ``encryption_key_*`` conflicts.
    """
    integration = begun_integration(principal.org_id)
    left_gitlab = not change.same_gitlab and leaves_gitlab(integration, change.base_url)
    if left_gitlab and not change.may_forget:
        _ask_before_forgetting(integration)
    changed = _forget_gitlab(integration) if left_gitlab else set()
    changed |= _change_base_url(integration, change.base_url)
    changed |= _change_token(integration, change.token)
    reconnected = bool(changed & {"base_url", "token"})
    changed |= _change_signing_token(integration, change.signing_token)
    if change.webhook_secret is not None:
        secret = checked_secret("webhook_secret", change.webhook_secret)
        if replace_webhook_secret(integration, secret, utcnow()):
            changed.add("webhook_secret")
    if reconnected:
        integration.clear_error()
        integration.slashes_decoded_at = None
        trigger_after_commit(db.session, JobKind.SYNC, principal.org_id)
    if changed:
        _audit(principal, Action.INTEGRATION_UPDATED, integration, changed=sorted(changed))
    return Configured(integration, reconnected, left_gitlab)


def generate_webhook_secret(principal: Principal) -> str:
    """Replace the webhook secret; returns the new one, which cannot be shown again."""
    integration = begun_integration(principal.org_id)
    secret = new_secret(WEBHOOK_SECRET_PREFIX)
    replace_webhook_secret(integration, secret, utcnow())
    _audit(principal, Action.WEBHOOK_SECRET_GENERATED, integration)
    return secret


def delete_integration(principal: Principal) -> None:
    """Delete address, token and secrets. Links stay, with the data fetched last."""
    integration = find_integration(principal.org_id)
    if integration is None:
        return
    _audit(principal, Action.INTEGRATION_DELETED, integration)
    db.session.execute(
        delete(OrgGitLabIntegration).where(OrgGitLabIntegration.org_id == principal.org_id)
    )


def leaves_gitlab(integration: OrgGitLabIntegration, text: str | None) -> bool:
    """Whether a change of the base URL leads to another GitLab, or to none."""
    if text is None or integration.base_url is None:
        return False
    new = parse_base_url(text, settings().gitlab_allowed_hosts) if text else None
    return new is None or str(new) != integration.base_url


def _agreed(integration: OrgGitLabIntegration) -> set[str]:
    """Which of the secrets that belong to one GitLab are set."""
    stored = {
        "token": integration.token_ciphertext,
        "signing_token": integration.signing_token_ciphertext,
        "webhook_secret": integration.webhook_secret_hash,
    }
    return {name for name, value in stored.items() if value is not None}


def _ask_before_forgetting(integration: OrgGitLabIntegration) -> None:
    names = {"token": "the access token", "signing_token": "the signing token"}
    names["webhook_secret"] = "the webhook secret"
    lost = [names[name] for name in sorted(_agreed(integration))]
    if lost:
        raise LeavesGitLab(
            f"This is another address than {integration.base_url}. Saving it deletes "
            f"{listed(lost)} of the GitLab there, and the secrets of webhooks created here."
        )


def _forget_gitlab(integration: OrgGitLabIntegration) -> set[str]:
    """Clear the secrets of the old GitLab; returns the names of those that were set."""
    agreed = _agreed(integration)
    _clear_token(integration)
    integration.signing_token_ciphertext = None
    replace_webhook_secret(integration, None, utcnow())
    return agreed


def _change_base_url(integration: OrgGitLabIntegration, text: str | None) -> set[str]:
    if text is None:
        return set()
    new = str(parse_base_url(text, settings().gitlab_allowed_hosts)) if text else None
    if new == integration.base_url:
        return set()
    integration.base_url = new
    return {"base_url"}


def _change_token(integration: OrgGitLabIntegration, text: str | None) -> set[str]:
    if text is None or (text == "" and integration.token_ciphertext is None):
        return set()
    token = checked_secret("token", text)
    _clear_token(integration)
    if token is not None:
        if integration.base_url is None:
            raise IntegrationMissing("Set the base URL first: a token belongs to one GitLab.")
        base = parse_base_url(integration.base_url, settings().gitlab_allowed_hosts)
        integration.token_ciphertext = encrypt_token(token, org_id=integration.org_id, base=base)
        integration.token_set_at = integration.token_check_due_at = utcnow()
    return {"token"}


def _change_signing_token(integration: OrgGitLabIntegration, text: str | None) -> set[str]:
    if text is None or (text == "" and integration.signing_token_ciphertext is None):
        return set()
    token = checked_secret("signing_token", text)
    integration.signing_token_ciphertext = None
    if token is not None:
        problem = signing_token_problem(token)
        if problem is not None:
            raise _invalid("signing_token", problem)
        # Not bound to an origin: intake decrypts it before it has read anything else.
        integration.signing_token_ciphertext = cipher().encrypt(
            token, org_id=integration.org_id, origin="", purpose=SIGNING_TOKEN
        )
    return {"signing_token"}


def _clear_token(integration: OrgGitLabIntegration) -> None:
    integration.token_ciphertext = None
    integration.token_set_at = None
    integration.token_expires_at = None
    integration.token_scopes = None
    integration.token_username = None
    integration.token_checked_at = None
    integration.token_check_due_at = None


def checked_secret(field: str, text: str, *, required: bool = False) -> str | None:
    """The secret, or None to clear it; raises :class:`Invalid`."""
    if text == "" and not required:
        return None
    if _HEADER_SAFE.fullmatch(text) is None:
        raise _invalid(field, "Use 1 to 255 visible ASCII characters without spaces.")
    return text


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("The integration was not changed.", errors={field: [message]})


def _audit(
    principal: Principal,
    action: Action,
    integration: OrgGitLabIntegration,
    changed: list[str] | None = None,
) -> None:
    write_audit_event(
        principal.org_id,
        principal.actor,
        action,
        integration.id,
        {"base_url": integration.base_url, **({"changed": changed} if changed else {})},
    )
