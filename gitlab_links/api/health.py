"""/api/orgs/<org_id>/integrations/gitlab/health, and what repairs it"""

import uuid
from datetime import timedelta
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.answers import location
from gitlab_links.api.blueprints import integrations, refuses
from gitlab_links.api.schemas.health import (
    CheckingEnvelope,
    ConnectionHealthEnvelope,
    PolicyChangeSchema,
    PolicyEnvelope,
    TestAlertEnvelope,
    WatchedProjectEnvelope,
)
from gitlab_links.api.schemas.operations import OperationEnvelope
from gitlab_links.clock import utcnow
from gitlab_links.errors import required
from gitlab_links.health.hook_check import check_now
from gitlab_links.health.hook_repair import ask_for_repair
from gitlab_links.health.notifications import NoAlertAddress, send_test_alert
from gitlab_links.health.report import check_soon, report_of
from gitlab_links.health.token_rotation import RotationNotAllowed, ask_for_rotation
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.integrations.credentials import BlockedAddress, IntegrationMissing, MissingToken
from gitlab_links.integrations.operations import (
    find_integration,
    lock_integration,
)
from gitlab_links.integrations.policy import (
    Policy,
    PolicyChange,
    policy_of,
    update_policy,
)
from gitlab_links.observations.watched import watched_projects
from gitlab_links.operations.models import Operation
from gitlab_links.security import CiphertextInvalid, EncryptionKeyInvalid, EncryptionKeyMissing

BASE = "/api/orgs/<uuid:org_id>/integrations/gitlab"
NO_CREDENTIALS = (
    IntegrationMissing,
    MissingToken,
    BlockedAddress,
    EncryptionKeyMissing,
    EncryptionKeyInvalid,
    CiphertextInvalid,
)


@integrations.get(f"{BASE}/health")
@access(Permission.INTEGRATION)
@integrations.returns(200, ConnectionHealthEnvelope)
def gitlab_health_get(org_id: uuid.UUID) -> dict[str, Any]:
    """Show how the connection fares, in words

    What is known is answered at once. Where that is more than half a minute old a worker asks
    GitLab anew, every 40 seconds at most: whoever asks on sees what is so within a minute.
    `health/check` does not wait for that.
    """
    return {"health": report_of(org_id, utcnow())}


@integrations.post(f"{BASE}/health/check")
@access(Permission.INTEGRATION)
@integrations.returns(202, CheckingEnvelope)
def gitlab_health_check_post(org_id: uuid.UUID) -> dict[str, Any]:
    """Have GitLab asked about the token and all hooks

    Workers do it within seconds; what was asked a few seconds ago is not asked again.
    """
    return {"checking": check_soon(org_id, utcnow(), fresh=timedelta(seconds=5))}


@integrations.post(f"{BASE}/token/rotate")
@access(Permission.INTEGRATION)
@integrations.returns(202, OperationEnvelope)
@refuses(RotationNotAllowed, *NO_CREDENTIALS)
def gitlab_token_rotate_post(org_id: uuid.UUID) -> Any:
    """Have the token replaced through GitLab's own API

    Takes a token with the scope `api` or `self_rotate`, or the permission to rotate. A worker
    does it, and the operation tells how far it has come. The new one lasts 90 days, or as long
    as GitLab allows; it is stored and never shown. The former one is void.
    """
    return _accepted(ask_for_rotation(current_principal()))


@integrations.post(f"{BASE}/projects/<uuid:project_id>/hook")
@access(Permission.INTEGRATION)
@integrations.returns(202, OperationEnvelope)
@refuses(*NO_CREDENTIALS)
def gitlab_project_hook_post(org_id: uuid.UUID, project_id: uuid.UUID) -> Any:
    """Have the webhook of a project made, or repaired

    Sets its address, a secret of its own and the events; tests it, which enables a disabled
    one; has failed events sent once more. Takes a maintainer's token with the scope `api`. A
    worker does it, and the operation tells how far it has come.
    """
    return _accepted(ask_for_repair(current_principal(), project_id))


@integrations.post(f"{BASE}/projects/<uuid:project_id>/hook/check")
@access(Permission.INTEGRATION)
@integrations.returns(200, WatchedProjectEnvelope)
@refuses(*NO_CREDENTIALS, *WAITS)
def gitlab_project_hook_check_post(org_id: uuid.UUID, project_id: uuid.UUID) -> dict[str, Any]:
    """Look at the webhook of a project in GitLab now"""
    check_now(current_principal(), project_id)
    return {"project": required(next(iter(watched_projects(org_id, utcnow(), project_id)), None))}


@integrations.get(f"{BASE}/policy")
@access(Permission.INTEGRATION)
@integrations.returns(200, PolicyEnvelope)
def gitlab_policy_get(org_id: uuid.UUID) -> dict[str, Policy]:
    """Show what the org has decided about its connection"""
    return {"policy": policy_of(find_integration(org_id))}


@integrations.patch(f"{BASE}/policy")
@access(Permission.INTEGRATION)
@locks(lock_integration)
@integrations.body(PolicyChangeSchema)
@integrations.returns(200, PolicyEnvelope)
@refuses(IntegrationMissing, EncryptionKeyMissing, EncryptionKeyInvalid)
def gitlab_policy_patch(change: dict[str, Any], org_id: uuid.UUID) -> dict[str, Policy]:
    """Decide who sees confidential items, whether the token renews itself, who is told"""
    return {"policy": update_policy(current_principal(), PolicyChange(**change))}


@integrations.post(f"{BASE}/policy/test-alert")
@access(Permission.INTEGRATION)
@integrations.returns(200, TestAlertEnvelope)
@refuses(NoAlertAddress, *WAITS)
def gitlab_test_alert_post(org_id: uuid.UUID) -> dict[str, Any]:
    """Send a test to where health alerts go, and say what came of it"""
    failure = send_test_alert(org_id)
    return {"alert": {"sent": failure is None, "reason": failure}}


def _accepted(operation: Operation) -> Any:
    where = location(
        "integrations.operation_get", org_id=operation.org_id, operation_id=operation.id
    )
    return {"operation": operation}, 202, where
