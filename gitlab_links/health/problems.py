"""Comparing the findings with the stored problems: each change is audited, and
recorded as an event, once.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from gitlab_links.audit.changes import SERVICE, Action, write_audit_event
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import NewEvent, record
from gitlab_links.extensions import db
from gitlab_links.gitlab.error_codes import Severity
from gitlab_links.health.findings import Finding, findings, is_notified
from gitlab_links.health.messages import remedy, summary
from gitlab_links.health.models import HealthProblem
from gitlab_links.health.signals import load_many
from gitlab_links.integrations.changes import lock_integration
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.storage.waits import Wait

# A problem that returns within this time was not over. A recovery is sent only after it.
FLAPPING = timedelta(minutes=2)
KEPT = timedelta(days=90)
WAIT = Wait.of_all(HealthProblem.notice_due_at, FLAPPING)

# What began, and what is over.
Changes = tuple[Sequence[Finding], Sequence[HealthProblem]]


def orgs_with_changes(org_ids: Sequence[uuid.UUID], now: datetime) -> list[uuid.UUID]:
    """The orgs that need :func:`update_problems`; as many statements for hundreds as for one."""
    return list(_changes(org_ids, now))


def update_problems(org_id: uuid.UUID, now: datetime) -> int:
    """Store what has changed, and return how many changes. The caller commits."""
    if not _changes([org_id], now):
        return 0
    # Without the lock, two workers would record everything twice.
    lock_integration(org_id)
    opened, closed = _changes([org_id], now).get(org_id, ([], []))
    for finding in opened:
        _open_problem(org_id, finding, now)
    for problem in closed:
        _close_problem(problem, now)
    return len(opened) + len(closed)


def connected_orgs() -> Sequence[uuid.UUID]:
    """Every org that is connected or has an open problem."""
    integration = OrgGitLabIntegration
    connected = select(integration.org_id).where(integration.token_ciphertext.is_not(None))
    troubled = select(HealthProblem.org_id).where(HealthProblem.closed_at.is_(None))
    return db.session.scalars(connected.union(troubled)).all()


def forget_old_problems(now: datetime) -> None:
    """Delete problems closed more than ``KEPT`` ago; the audit log still has them."""
    over = HealthProblem.closed_at < now - KEPT
    db.session.execute(delete(HealthProblem).where(over))


def finding_of(problem: HealthProblem) -> Finding:
    """The finding as it was when the problem opened."""
    return Finding(problem.code, Severity(problem.severity), problem.subject, dict(problem.detail))


def _changes(org_ids: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, Changes]:
    """New findings, and stored problems that are no longer found."""
    changes = {}
    # No finding about deliveries is notified yet, so they need not be loaded.
    for org_id, signals in load_many(org_ids, now, with_deliveries=False).items():
        found = {(one.code, one.subject): one for one in findings(signals) if is_notified(one)}
        known = {(row.code, row.subject): row for row in signals.problems}
        change = _change(found, known)
        if any(change):
            changes[org_id] = change
    return changes


def _change(
    found: Mapping[tuple[str, str], Finding], known: Mapping[tuple[str, str], HealthProblem]
) -> Changes:
    opened = [found[key] for key in found.keys() - known.keys()]
    closed = [known[key] for key in known.keys() - found.keys()]
    return (
        sorted(opened, key=lambda one: (one.code, one.subject)),
        sorted(closed, key=lambda row: row.id),
    )


def _open_problem(org_id: uuid.UUID, finding: Finding, now: datetime) -> None:
    back = db.session.scalars(
        select(HealthProblem)
        .where(
            HealthProblem.org_id == org_id,
            HealthProblem.code == finding.code,
            HealthProblem.subject == finding.subject,
            HealthProblem.closed_at > now - FLAPPING,
        )
        .order_by(HealthProblem.id.desc())
        .limit(1)
    ).one_or_none()
    if back is not None and back.notice_due_at is not None:
        # Its recovery was not recorded, so it opens again.
        back.closed_at = back.notice_due_at = None
        return
    problem = HealthProblem(
        org_id=org_id,
        code=finding.code,
        subject=finding.subject,
        severity=finding.severity.value,
        detail=finding.detail,
        opened_at=now,
    )
    db.session.add(problem)
    db.session.flush()
    audit_problem(problem, Action.HEALTH_PROBLEM)


def _close_problem(problem: HealthProblem, now: datetime) -> None:
    """The recovery is recorded after ``FLAPPING``, if it lasts."""
    problem.closed_at = now
    problem.notice_due_at = now + FLAPPING


def orgs_with_lasting_recoveries(now: datetime, limit: int) -> Sequence[uuid.UUID]:
    """Orgs whose problems have been over for ``FLAPPING``."""
    due = select(HealthProblem.org_id).where(HealthProblem.notice_due_at <= now)
    return db.session.scalars(due.distinct().limit(limit)).all()


def record_recoveries(org_id: uuid.UUID, now: datetime) -> None:
    """Audit the recoveries that have lasted, and record their events; the caller commits."""
    problems = db.session.scalars(
        select(HealthProblem)
        .where(HealthProblem.org_id == org_id, HealthProblem.notice_due_at <= now)
        .order_by(HealthProblem.id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for problem in problems:
        problem.notice_due_at = None
        if problem.closed_at is not None:
            audit_problem(problem, Action.HEALTH_RECOVERED)


def audit_problem(problem: HealthProblem, action: Action) -> None:
    """Write a change to the org's audit log and to its events."""
    said = {
        "code": problem.code,
        "severity": problem.severity,
        "summary": summary(finding_of(problem)),
        **({"subject": problem.subject} if problem.subject else {}),
    }
    write_audit_event(problem.org_id, SERVICE, action, problem.id, said)
    is_open = action is Action.HEALTH_PROBLEM
    event = NewEvent(
        EventType.CONNECTION_HEALTH_CHANGED,
        changes={"open": [not is_open, is_open]},
        detail=said | _for_alerts(problem),
    )
    record(problem.org_id, SERVICE, event)


def _for_alerts(problem: HealthProblem) -> dict[str, str | None]:
    closed = problem.closed_at
    return {
        "problem_id": str(problem.id),
        "remedy": remedy(finding_of(problem)),
        "opened_at": problem.opened_at.isoformat(),
        "closed_at": None if closed is None else closed.isoformat(),
    }
