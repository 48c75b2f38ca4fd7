"""Running operations: one after the other, within the time of a job."""

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import exists

from gitlab_links.accounts.key_logins import is_in_force
from gitlab_links.accounts.members import standing_in_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Permission
from gitlab_links.audit.changes import SERVICE
from gitlab_links.clock import utcnow
from gitlab_links.errors import DomainError, Forbidden
from gitlab_links.extensions import db
from gitlab_links.health.due_tokens import make_token_check_due
from gitlab_links.health.hook_removal import remove_hook_now
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.health.issue_tracker import set_tracker_now
from gitlab_links.health.token_rotation import rotate_now, set_since
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.job_triggers import JobKind, allow_triggers, trigger, trigger_after_commit
from gitlab_links.jobs.org_deletions import Ending, delete_org
from gitlab_links.jobs.org_isolation import isolated
from gitlab_links.operations.models import Operation, OperationKind
from gitlab_links.operations.queue import (
    REPEATABLE,
    UNHURRIED,
    begin_step,
    fail,
    fail_interrupted,
    finish,
    put_back,
    take_next,
    unattended,
)
from gitlab_links.operations.steps import OnStep, PutOff
from gitlab_links.slow_gitlabs import charge
from gitlab_links.sync.due_items import connected
from gitlab_links.sync.lease import may_call

ORGS_A_ROUND = 20
# No operation begins later: each must end within the job's timeout.
SLICE_SECONDS = 3.0

log = structlog.get_logger(__name__)


def run_operations(org_id: uuid.UUID) -> None:
    """Run an org's waiting operations; trigger again if time is up.

    Safe to run twice or never: each is started once, and the schedule triggers those that
    wait.
    """
    ends_at = time.monotonic() + SLICE_SECONDS
    allow_triggers(JobKind.OPERATE, org_id)
    while (operation := _taken(org_id)) is not None:
        _run(operation)
        if time.monotonic() > ends_at:
            trigger(JobKind.OPERATE, org_id)
            break
    db.session.rollback()


def _taken(org_id: uuid.UUID) -> Operation | None:
    now = utcnow()
    waiting = () if may_call(org_id, now) else UNHURRIED
    operation = take_next(org_id, now, but=waiting)
    db.session.commit()
    return operation


def _run(operation: Operation) -> None:
    began = time.monotonic()

    def on_step(step: str) -> None:
        nonlocal began
        charge(operation.org_id, time.monotonic() - began)
        begin_step(operation, step)
        db.session.commit()
        began = time.monotonic()

    if operation.kind in REPEATABLE:
        _run_slice(operation)
        return
    try:
        result = _WORK[OperationKind(operation.kind)](operation, on_step)
    except DomainError as refusal:
        db.session.rollback()
        _refuse(operation, refusal)
    else:
        finish(operation, result)
    db.session.commit()
    charge(operation.org_id, time.monotonic() - began)
    log.info(
        "operation.ended",
        org_id=str(operation.org_id),
        operation_id=str(operation.id),
        kind=operation.kind,
        status=operation.status,
        error_code=operation.error_code,
    )


def _refuse(operation: Operation, refusal: DomainError) -> None:
    """Save that it failed; one that waits for pauses anyhow begins anew after this one."""
    if isinstance(refusal, PutOff) and operation.kind in UNHURRIED:
        put_back(operation)
        operation.steps = []
    else:
        fail(operation, refusal.code, refusal.detail)


def _run_slice(operation: Operation) -> None:
    """A piece of an operation that goes on in other jobs."""
    org_id = operation.org_id
    try:
        _principal(operation, Permission.ORG_DELETE)
        ending = delete_org(operation)
    except DomainError as refusal:
        db.session.rollback()
        fail(operation, refusal.code, refusal.detail)
    else:
        if ending is Ending.GONE:
            return
        put_back(operation)
        trigger_after_commit(db.session, JobKind.OPERATE, org_id)
    db.session.commit()


def _principal(operation: Operation, permission: Permission = Permission.INTEGRATION) -> Principal:
    """The requester, with their current role; raises :class:`Forbidden` if no longer allowed."""
    user_id, key_id = operation.requested_by, operation.api_key_id
    if key_id is not None and not is_in_force(key_id, utcnow()):
        raise Forbidden("The API key that requested it has expired or was revoked.")
    standing = None if user_id is None else standing_in_org(operation.org_id, user_id)
    if user_id is None or standing is None or standing.role not in permission.roles:
        raise Forbidden("The member who requested it no longer has the permission.")
    return Principal(operation.org_id, user_id, standing.role, api_key_id=key_id)


def _repair(operation: Operation, on_step: OnStep) -> dict[str, Any]:
    assert operation.target_id is not None  # noqa: S101 - always requested with a project
    done = repair_now(_principal(operation), operation.target_id, on_step)
    return {"created": done.created, "tested": done.tested, "resent": done.resent}


def _remove(operation: Operation, on_step: OnStep) -> dict[str, Any]:
    assert operation.target_id is not None  # noqa: S101 - always requested with a project
    return {"removed": remove_hook_now(_principal(operation), operation.target_id, on_step)}


def _set_tracker(operation: Operation, on_step: OnStep) -> dict[str, Any]:
    assert operation.target_id is not None  # noqa: S101 - always requested with a project
    changed = set_tracker_now(_principal(operation), operation.target_id, on_step)
    return {"changed": changed}


def _rotate(operation: Operation, on_step: OnStep) -> dict[str, Any]:
    """A person's, or the automatic one, see ``due_for_rotation``: that is about the token of then,
    and may have waited while somebody set another.
    """
    renewing = operation.kind == OperationKind.RENEW_TOKEN
    if renewing and set_since(operation.org_id, operation.created_at):
        return {"rotated": False, "token_expires_at": None}
    actor = SERVICE if renewing else _principal(operation).actor
    expires_at = rotate_now(operation.org_id, actor, on_step)
    until = None if expires_at is None else expires_at.isoformat()
    return {"rotated": True, "token_expires_at": until}


_WORK: dict[OperationKind, Callable[[Operation, OnStep], dict[str, Any]]] = {
    OperationKind.MAKE_HOOK: _repair,
    OperationKind.REPAIR_HOOK: _repair,
    OperationKind.ROTATE_TOKEN: _rotate,
    OperationKind.RENEW_TOKEN: _rotate,
    OperationKind.SET_TRACKER: _set_tracker,
    OperationKind.REMOVE_HOOK: _remove,
}


def trigger_operations(now: datetime) -> None:
    """Fail the operations of dead workers, and trigger those that wait."""
    found: Sequence[tuple[uuid.UUID, bool]] = []
    with isolated("operations"):
        integration = OrgGitLabIntegration
        may_call = exists().where(integration.org_id == Operation.org_id, connected(now))
        found = unattended(now, ORGS_A_ROUND, may_call)
        if any(is_dead for _, is_dead in found):
            for org_id in fail_interrupted(now):
                make_token_check_due(org_id, now, now)
        db.session.commit()
    db.session.rollback()
    for org_id in {org_id for org_id, _ in found}:
        trigger(JobKind.OPERATE, org_id)
