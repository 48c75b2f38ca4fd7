"""Requesting an operation, starting it, and saving its progress. Nothing here commits."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Subquery,
    and_,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from gitlab_links.accounts.orgs import lock_org
from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.errors import required
from gitlab_links.extensions import change_rows, db
from gitlab_links.job_triggers import JobKind, trigger_after_commit
from gitlab_links.operations.models import Operation, OperationKind, OperationStatus
from gitlab_links.storage.waits import Wait

# Longer than a job may take.
LEASE = timedelta(seconds=30)
_WAIT = Wait.of_all(Operation.leased_until, LEASE)
KEPT = timedelta(days=30)
UNFINISHED = (OperationStatus.QUEUED.value, OperationStatus.RUNNING.value)
INTERRUPTED = "interrupted"
OF_THE_TOKEN = (OperationKind.ROTATE_TOKEN, OperationKind.RENEW_TOKEN)
# They begin with what is left, however far they had come.
REPEATABLE = frozenset({OperationKind.DELETE_ORG, OperationKind.DELETE_ORG_AND_HOOKS})
# Requested for many projects at once, or by the service: they wait until GitLab may be called.
# Whoever requests another one looks on, and is told at once why it fails.
UNHURRIED = frozenset(
    {OperationKind.MAKE_HOOK, OperationKind.SET_TRACKER, OperationKind.RENEW_TOKEN}
)
_RANK = case(
    (Operation.status == OperationStatus.RUNNING.value, 0),
    (Operation.status == OperationStatus.QUEUED.value, 1),
    else_=2,
)
_MAYBE_REPLACED = (
    "The worker stopped midway, so GitLab may have replaced the token, and the new one is lost. "
    "The current token is being checked. If GitLab refuses it, make a new token in GitLab and "
    "set it here."
)
_PRESS_REPAIR = (
    "The worker stopped midway. Press Create or Repair: if the webhook exists already, it is "
    "found and repaired."
)
_INTERRUPTED = {
    OperationKind.MAKE_HOOK: _PRESS_REPAIR,
    OperationKind.REPAIR_HOOK: _PRESS_REPAIR,
    OperationKind.ROTATE_TOKEN: _MAYBE_REPLACED,
    OperationKind.RENEW_TOKEN: _MAYBE_REPLACED,
    OperationKind.REMOVE_HOOK: "The worker stopped midway. Look in GitLab for the webhook.",
    OperationKind.SET_TRACKER: "The worker stopped midway. Press the button again.",
}


def ask_for(
    principal: Principal, kind: OperationKind, *, target: uuid.UUID | None = None, subject: str = ""
) -> Operation:
    """Request an operation, which a worker starts after the commit. Returns the existing one if
    one of the same kind and target is unfinished, also for requests at the same moment.
    """
    return _asked(principal.org_id, kind, target, subject, principal)


def ask_for_by_service(org_id: uuid.UUID, kind: OperationKind) -> Operation:
    """The same for an operation that the service starts automatically."""
    return _asked(org_id, kind)


def _asked(
    org_id: uuid.UUID,
    kind: OperationKind,
    target: uuid.UUID | None = None,
    subject: str = "",
    principal: Principal | None = None,
) -> Operation:
    lock_org(org_id)
    unfinished = (
        select(Operation)
        .where(
            Operation.org_id == org_id,
            Operation.kind == kind.value,
            Operation.target_id == target if target else Operation.target_id.is_(None),
            Operation.status.in_(UNFINISHED),
        )
        .order_by(Operation.id)
        .limit(1)
    )
    operation = db.session.scalars(unfinished).one_or_none()
    if operation is None:
        operation = Operation(
            org_id=org_id,
            kind=kind.value,
            target_id=target,
            subject=subject,
            requested_by=principal and principal.user_id,
            api_key_id=principal and principal.api_key_id,
        )
        db.session.add(operation)
        db.session.flush()
    trigger_after_commit(db.session, JobKind.OPERATE, org_id)
    return operation


def withdraw(org_id: uuid.UUID, kind: OperationKind, target: uuid.UUID) -> None:
    """Delete an operation that no worker has begun."""
    lock_org(org_id)
    db.session.execute(
        delete(Operation).where(
            Operation.org_id == org_id,
            Operation.kind == kind.value,
            Operation.target_id == target,
            Operation.status == OperationStatus.QUEUED.value,
        )
    )


def counts_since(
    org_id: uuid.UUID, kind: OperationKind, moment: datetime
) -> Mapping[OperationStatus, int]:
    """How many operations of a kind are unfinished or were requested since, by status."""
    recent = or_(Operation.status.in_(UNFINISHED), Operation.created_at >= moment)
    rows = db.session.execute(
        select(Operation.status, func.count())
        .where(Operation.org_id == org_id, Operation.kind == kind.value, recent)
        .group_by(Operation.status)
    )
    return {OperationStatus(status): count for status, count in rows}


def find_operation(org_id: uuid.UUID, operation_id: uuid.UUID) -> Operation:
    """One operation; raises :class:`NotFound`, also for another org's."""
    ours = select(Operation).where(Operation.org_id == org_id, Operation.id == operation_id)
    return required(db.session.scalars(ours).one_or_none())


def operations_since(org_id: uuid.UUID, moment: datetime, limit: int) -> Sequence[Operation]:
    """Operations that are unfinished or finished since ``moment``: running, queued, finished."""
    recent = (Operation.finished_at.is_(None)) | (Operation.finished_at >= moment)
    return db.session.scalars(
        select(Operation)
        .where(Operation.org_id == org_id, recent)
        .order_by(_RANK, Operation.finished_at.desc(), Operation.id)
        .limit(limit)
    ).all()


def newest_of(org_id: uuid.UUID, kinds: Collection[OperationKind]) -> Operation | None:
    """The newest operation of these kinds, finished or not."""
    return db.session.scalars(
        select(Operation)
        .where(Operation.org_id == org_id, Operation.kind.in_([kind.value for kind in kinds]))
        .order_by(Operation.id.desc())
        .limit(1)
    ).one_or_none()


def take_next(
    org_id: uuid.UUID, now: datetime, *, but: Collection[OperationKind] = ()
) -> Operation | None:
    """Start the oldest queued operation, except of the kinds in ``but``; the caller has it until
    the lease ends. None if there is none, or one is running.

    One at a time for an org: of two rotations at once, GitLab would revoke the new token too.
    """
    lock_org(org_id)
    other = aliased(Operation)
    running = exists().where(other.org_id == org_id, other.status == OperationStatus.RUNNING.value)
    oldest = (
        select(Operation.id)
        .where(
            Operation.org_id == org_id,
            Operation.status == OperationStatus.QUEUED.value,
            Operation.kind.not_in([kind.value for kind in but]),
        )
        .order_by(Operation.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return db.session.scalars(
        update(Operation)
        .where(Operation.id == oldest.scalar_subquery(), ~running)
        .values(status=OperationStatus.RUNNING.value, started_at=now, leased_until=now + LEASE)
        .returning(Operation)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()


def begin_step(operation: Operation, step: str) -> None:
    """Save that a step begins now."""
    operation.steps = [
        *operation.steps,
        {"step": step, "at": utcnow().isoformat().replace("+00:00", "Z")},
    ]


def finish(operation: Operation, result: dict[str, Any]) -> None:
    """Save that the operation is done."""
    operation.status, operation.result = OperationStatus.DONE.value, result
    operation.finished_at, operation.leased_until = utcnow(), None


def fail(operation: Operation, code: str, detail: str) -> None:
    """Save that the operation failed, and why."""
    operation.status = OperationStatus.FAILED.value
    operation.error_code, operation.error_detail = code, detail
    operation.finished_at, operation.leased_until = utcnow(), None


def put_back(operation: Operation) -> None:
    """Let a worker take the operation up again: there is more to do."""
    operation.status, operation.leased_until = OperationStatus.QUEUED.value, None


def fail_interrupted(now: datetime) -> Sequence[uuid.UUID]:
    """Fail the operations of dead workers. They are not retried, because it is not known what
    the worker has done in GitLab; ``REPEATABLE`` ones wait for another worker.

    Returns the orgs whose token was being replaced.
    """
    orgs: list[uuid.UUID] = []
    change_rows(
        update(Operation)
        .where(_is_dead(now), Operation.kind.in_([kind.value for kind in REPEATABLE]))
        .values(status=OperationStatus.QUEUED.value, leased_until=None)
    )
    for kind in set(OperationKind) - REPEATABLE:
        ended = db.session.scalars(
            update(Operation)
            .where(_is_dead(now), Operation.kind == kind.value)
            .values(
                status=OperationStatus.FAILED.value,
                error_code=INTERRUPTED,
                error_detail=_INTERRUPTED[kind],
                finished_at=now,
                leased_until=None,
            )
            .returning(Operation.org_id)
            .execution_options(synchronize_session=False)
        ).all()
        orgs += ended if kind in OF_THE_TOKEN else []
    return orgs


def targets(org_ids: Collection[uuid.UUID], kind: OperationKind) -> Subquery:
    """The targets of unfinished operations of a kind, as a column ``target_id``."""
    return (
        select(Operation.target_id)
        .where(
            Operation.status.in_(UNFINISHED),
            Operation.org_id.in_(org_ids),
            Operation.kind == kind.value,
        )
        .distinct()
        .subquery()
    )


def unattended(
    now: datetime, limit: int, may_call: ColumnElement[bool]
) -> Sequence[tuple[uuid.UUID, bool]]:
    """Orgs with an operation that no worker runs, and whether its worker has died; if not, its
    trigger may have been lost. ``may_call`` is whether the org's GitLab may be called.
    """
    hurried = Operation.kind.not_in([kind.value for kind in UNHURRIED])
    is_for_now = or_(hurried, may_call)
    queued = and_(Operation.status == OperationStatus.QUEUED.value, is_for_now)
    rows = db.session.execute(
        select(Operation.org_id, Operation.status)
        .where(or_(queued, _is_dead(now)))
        .distinct()
        .limit(limit)
    )
    return [(row.org_id, row.status == OperationStatus.RUNNING.value) for row in rows]


def _is_dead(now: datetime) -> ColumnElement[bool]:
    """Whether the lease is over, or too long because the clock was set back."""
    return and_(Operation.status == OperationStatus.RUNNING.value, _WAIT.is_over(now))


def forget_old_operations(now: datetime) -> None:
    """Delete operations requested more than ``KEPT`` ago."""
    db.session.execute(delete(Operation).where(Operation.created_at < now - KEPT))
