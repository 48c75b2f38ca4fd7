"""/api/orgs/<org_id>/integrations/gitlab"""

import uuid
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import integrations, refuses
from gitlab_links.api.schemas.integrations import (
    GitLabMovedEnvelope,
    GitLabMoveSchema,
    IntegrationChangeSchema,
    IntegrationEnvelope,
    ValidationSchema,
    WebhookSecretEnvelope,
)
from gitlab_links.health import reconnection
from gitlab_links.health.connecting import (
    NoGitLabThere,
    TokenNotChecked,
    TokenRefused,
    save_connection,
)
from gitlab_links.health.relocation import (
    MoveNotVerified,
    NothingToMove,
    NotTheSameGitLab,
    move_now,
)
from gitlab_links.health.report import connection_view
from gitlab_links.health.token_check import Validation, validate_now
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks, set_version
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.integrations.changes import (
    IntegrationChange,
    begun_integration,
    generate_webhook_secret,
    lock_integration,
    settings_version,
)
from gitlab_links.integrations.credentials import IntegrationMissing
from gitlab_links.security import EncryptionKeyInvalid, EncryptionKeyMissing


@integrations.get("/api/orgs/<uuid:org_id>/integrations/gitlab")
@access(Permission.INTEGRATION)
@integrations.returns(200, IntegrationEnvelope)
def gitlab_integration_get(org_id: uuid.UUID) -> dict[str, Any]:
    """Show the org's GitLab integration

    Answers also if nothing has been set yet. Secrets are never included.
    """
    return _answer(org_id)


@integrations.patch("/api/orgs/<uuid:org_id>/integrations/gitlab")
@access(Permission.INTEGRATION)
@locks(begun_integration)
@integrations.body(IntegrationChangeSchema)
@integrations.returns(200, IntegrationEnvelope)
@refuses(
    NoGitLabThere,
    TokenRefused,
    TokenNotChecked,
    IntegrationMissing,
    EncryptionKeyMissing,
    EncryptionKeyInvalid,
    *WAITS,
)
def gitlab_integration_patch(change: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """Configure the org's GitLab

    A refused base URL has one of these codes: `base_url_scheme`, `base_url_credentials`,
    `base_url_host`, `base_url_port`, `base_url_path`, `base_url_not_ascii`,
    `base_url_invalid`, `base_url_too_long`, `base_url_blocked_address`. A new address or
    token ends any pause, and all links are fetched again.

    A new address or token is checked at once, within the time of one call to GitLab, and
    `health` has the result.

    A token that works is replaced only by one that GitLab accepts. If GitLab refuses the new
    one, or it may not read enough, the answer is 422 with `token_refused` and the field
    `token`; if GitLab gives no answer about it, 409 with `token_not_checked`. Nothing is saved
    then. While another request waits for GitLab, the answer is 429 or 503.

    A GitLab is not given up for an address where something else answers the new token: that is
    422 with `no_gitlab_there`, and nothing is saved.

    Otherwise (the first token, a token in place of one that GitLab refuses, another address)
    it is saved in any case: a token that GitLab refuses has the `error_code` `auth_error` or
    `insufficient_scope`, a GitLab that cannot be reached `network_error`, and workers try again
    automatically. If another request is already waiting for GitLab, `health.status` is
    `attention` without an `error_code` until a worker has checked.
    """
    save_connection(current_principal(), IntegrationChange(**change))
    return _answer(org_id)


@integrations.delete("/api/orgs/<uuid:org_id>/integrations/gitlab")
@access(Permission.INTEGRATION)
@locks(lock_integration)
@integrations.returns(204)
def gitlab_integration_delete(org_id: uuid.UUID) -> None:
    """Disconnect the org from its GitLab

    Address, token and secrets are deleted. Links stay, with the data last read from GitLab.
    """
    reconnection.disconnect(current_principal())


@integrations.post("/api/orgs/<uuid:org_id>/integrations/gitlab/move")
@access(Permission.INTEGRATION)
@integrations.body(GitLabMoveSchema)
@integrations.returns(200, GitLabMovedEnvelope)
@refuses(
    NothingToMove,
    NotTheSameGitLab,
    MoveNotVerified,
    IntegrationMissing,
    EncryptionKeyMissing,
    EncryptionKeyInvalid,
    *WAITS,
)
def gitlab_integration_move_post(new: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """Move the links to the new address of the same GitLab

    GitLab is called at the new address with the new token: it must be of the same version
    family, and a sample of the linked projects must have the same ids and paths there. Then
    items, projects and links are moved, and webhook secrets stay. Otherwise nothing is
    changed, and `not_the_same_gitlab` names the differences.
    """
    moved = move_now(current_principal(), new["base_url"], new["token"])
    return {
        **_answer(org_id),
        "moved_projects": moved.projects,
        "differences": list(moved.differences),
    }


@integrations.post("/api/orgs/<uuid:org_id>/integrations/gitlab/validate")
@access(Permission.INTEGRATION)
@integrations.returns(200, ValidationSchema)
@refuses(*WAITS)
def gitlab_integration_validate_post(org_id: uuid.UUID) -> Validation:
    """Check with GitLab whether the token works

    `error_code` has the problem, if any. At most one request of an org waits for its GitLab
    at a time, and only a few of all orgs: others get a 429 or 503 at once.
    """
    return validate_now(current_principal())


@integrations.post("/api/orgs/<uuid:org_id>/integrations/gitlab/webhook-secret")
@access(Permission.INTEGRATION)
@integrations.returns(200, WebhookSecretEnvelope)
def gitlab_webhook_secret_post(org_id: uuid.UUID) -> dict[str, Any]:
    """Generate a new webhook secret

    It is shown only once. The previous one stays valid for 24 hours.
    """
    return {"webhook_secret": generate_webhook_secret(current_principal())}


def _answer(org_id: uuid.UUID) -> dict[str, Any]:
    """The connection. Its ETag for ``If-Match`` depends on the settings, not on the health."""
    set_version(settings_version(org_id))
    return {"gitlab": connection_view(org_id)}
