"""/api/orgs/<org_id>/integrations/gitlab/health, and the repairs"""

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
from gitlab_links.deltas.call_costs import call_costs_of
from gitlab_links.errors import required
from gitlab_links.extensions import settings
from gitlab_links.health.hook_check import check_now
from gitlab_links.health.hook_repair import ask_for_repair
from gitlab_links.health.report import check_soon, report_of
from gitlab_links.health.token_rotation import RotationNotAllowed, ask_for_rotation
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.integrations.changes import lock_integration
from gitlab_links.integrations.credentials import BlockedAddress, IntegrationMissing, MissingToken
from gitlab_links.integrations.policy import Policy, PolicyChange
from gitlab_links.observations.watched_projects import watched_projects
from gitlab_links.operations.models import Operation
from gitlab_links.outgoing.alerts import NoAlertAddress, alert_endpoint, policy_of, update_policy
from gitlab_links.outgoing.trial import try_endpoint
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
    """Show the health of the connection

    Answers at once with what is known. If the last check is more than half a minute old, a
    worker checks with GitLab, at most every 40 seconds: a caller that polls sees a state that
    is at most a minute old. `health/check` has it checked without waiting for that. `calls` says
    what calls to GitLab were for, and how and why each project is read.
    """
    now = utcnow()
    report = report_of(org_id, now)
    calls = call_costs_of(org_id, report.integration, now, settings().metadata_ttl)
    return {"health": report, "calls": calls}


@integrations.post(f"{BASE}/health/check")
@access(Permission.INTEGRATION)
@integrations.returns(202, CheckingEnvelope)
def gitlab_health_check_post(org_id: uuid.UUID) -> dict[str, Any]:
    """Have the token and all webhooks checked with GitLab

    Workers do it within seconds; what was checked in the last 5 seconds is left out.
    """
    return {"checking": check_soon(org_id, utcnow(), fresh=timedelta(seconds=5))}


@integrations.post(f"{BASE}/token/rotate")
@access(Permission.INTEGRATION)
@integrations.returns(202, OperationEnvelope)
@refuses(RotationNotAllowed, *NO_CREDENTIALS)
def gitlab_token_rotate_post(org_id: uuid.UUID) -> Any:
    """Have the token rotated through GitLab's API

    Needs a token with the scope `api` or `self_rotate`, or the permission to rotate. A worker
    does it, and the operation shows its progress. The new token is valid for 90 days, or as
    long as GitLab allows. It is stored and never shown. The previous token is revoked.
    """
    return _accepted(ask_for_rotation(current_principal()))


@integrations.post(f"{BASE}/projects/<uuid:project_id>/hook")
@access(Permission.INTEGRATION)
@integrations.returns(202, OperationEnvelope)
@refuses(*NO_CREDENTIALS)
def gitlab_project_hook_post(org_id: uuid.UUID, project_id: uuid.UUID) -> Any:
    """Have the webhook of a project created or repaired

    Sets its address, a secret of its own and the events; tests it, which enables a disabled
    webhook; has failed events sent again. Needs a maintainer's token with the scope `api`. A
    worker does it, and the operation shows its progress.
    """
    return _accepted(ask_for_repair(current_principal(), project_id))


@integrations.post(f"{BASE}/projects/<uuid:project_id>/hook/check")
@access(Permission.INTEGRATION)
@integrations.returns(200, WatchedProjectEnvelope)
@refuses(*NO_CREDENTIALS, *WAITS)
def gitlab_project_hook_check_post(org_id: uuid.UUID, project_id: uuid.UUID) -> dict[str, Any]:
    """Check the webhook of a project in GitLab now"""
    check_now(current_principal(), project_id)
    return {"project": required(next(iter(watched_projects(org_id, utcnow(), project_id)), None))}


@integrations.get(f"{BASE}/policy")
@access(Permission.INTEGRATION)
@integrations.returns(200, PolicyEnvelope)
def gitlab_policy_get(org_id: uuid.UUID) -> dict[str, Policy]:
    """Show the org's settings for privacy and alerts"""
    return {"policy": policy_of(org_id)}


@integrations.patch(f"{BASE}/policy")
@access(Permission.INTEGRATION)
@locks(lock_integration)
@integrations.body(PolicyChangeSchema)
@integrations.returns(200, PolicyEnvelope)
@refuses(IntegrationMissing, EncryptionKeyMissing, EncryptionKeyInvalid)
def gitlab_policy_patch(change: dict[str, Any], org_id: uuid.UUID) -> dict[str, Policy]:
    """Set who sees confidential items, automatic rotation of the token, and alerts"""
    notify_url = change.pop("notify_url", None)
    return {"policy": update_policy(current_principal(), PolicyChange(**change), notify_url)}


@integrations.post(f"{BASE}/policy/test-alert")
@access(Permission.INTEGRATION)
@integrations.returns(200, TestAlertEnvelope)
@refuses(NoAlertAddress, CiphertextInvalid, *WAITS)
def gitlab_test_alert_post(org_id: uuid.UUID) -> dict[str, Any]:
    """Send a test alert to the address for health alerts"""
    endpoint = alert_endpoint(org_id)
    if endpoint is None:
        raise NoAlertAddress("No address for health alerts is stored.")
    failure = try_endpoint(current_principal(), endpoint.id).failure
    return {"alert": {"sent": failure is None, "reason": failure}}


def _accepted(operation: Operation) -> Any:
    where = location(
        "integrations.operation_get", org_id=operation.org_id, operation_id=operation.id
    )
    return {"operation": operation}, 202, where
