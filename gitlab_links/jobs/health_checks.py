"""The jobs of health: checking tokens and hooks, storing problems."""

import random
import time
import uuid
from collections import deque
from functools import partial

import structlog

from gitlab_links.clock import utcnow
from gitlab_links.deltas.marks import mark_watched_projects
from gitlab_links.deltas.trust import end_broken_trust
from gitlab_links.errors import DomainError
from gitlab_links.extensions import db, settings
from gitlab_links.health.background_calls import background_client
from gitlab_links.health.due_tokens import (
    claim_due_token,
    make_decryptable_tokens_due,
    orgs_with_due_token,
)
from gitlab_links.health.hook_check import (
    DueProject,
    check_hook,
    claim_due_checks,
    note_account,
    probe_projects,
    return_checks,
    save_check,
)
from gitlab_links.health.missed_events import count_missed, orgs_with_missed_events
from gitlab_links.health.problems import (
    connected_orgs,
    forget_old_problems,
    orgs_with_changes,
    orgs_with_lasting_recoveries,
    record_recoveries,
    update_problems,
)
from gitlab_links.health.report import FRESH_ENOUGH, check_soon
from gitlab_links.health.token_check import call_gitlab, load_check, save_result
from gitlab_links.health.token_rotation import due_for_rotation
from gitlab_links.health.verdicts import store_verdicts
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.credentials import Credentials, credentials_of
from gitlab_links.integrations.summaries import webhook_url
from gitlab_links.job_triggers import (
    JobKind,
    allow_triggers,
    suppress_triggers,
    trigger,
    trigger_after_commit,
)
from gitlab_links.jobs.operations import trigger_operations
from gitlab_links.jobs.org_isolation import isolated
from gitlab_links.observations.call_counts import CallKind, count_calls, forget_old_calls
from gitlab_links.observations.hook_secrets import forget_ended_secrets
from gitlab_links.observations.project_watches import orgs_with_due_projects, watch_new_projects
from gitlab_links.observations.webhook_tallies import forget_old_counts
from gitlab_links.operations.models import OperationKind
from gitlab_links.operations.queue import ask_for_by_service, forget_old_operations
from gitlab_links.outgoing.sent_log import forget_old_deliveries
from gitlab_links.slow_gitlabs import is_slow, measured
from gitlab_links.sync.due_items import connected
from gitlab_links.sync.lease import may_call
from gitlab_links.sync.rate_budget import used_up_until

# Per run: checks that are all due at once, as after a downtime, are spread.
ORGS_A_ROUND = 20
ORGS_AT_ONCE = 200
PROJECTS_A_TIME = 20
# No call begins later in a job: the last call must end before the job's timeout.
CALLING_SECONDS = 8.0
PROBLEM_SECONDS = 8.0

log = structlog.get_logger(__name__)


def find_due_checks() -> None:
    """Trigger the checks that are due; a few queries however many orgs there are.

    An error with one org is logged, and the others go on.
    """
    missed, watched = _count_all_missed(), 0
    with isolated("mark_watched_projects"):
        mark_watched_projects(utcnow(), settings().metadata_ttl)
        db.session.commit()
    with isolated("end_broken_trust"):
        end_broken_trust(utcnow())
        db.session.commit()
    with isolated("watch_new_projects"):
        watched = watch_new_projects()
        db.session.commit()
    changes = 0
    with isolated("update_all_problems"):
        changes = _update_all_problems()
    if missed or watched or changes:
        log.info("health_checks.round", missed=missed, new_projects=watched, changes=changes)
    now = utcnow()
    due: set[uuid.UUID] = set()
    with isolated("orgs_with_due_token"):
        make_decryptable_tokens_due(now)
        db.session.commit()
        due.update(orgs_with_due_token(now, ORGS_A_ROUND))
    with isolated("orgs_with_due_projects"):
        due.update(orgs_with_due_projects(now, ORGS_A_ROUND, connected(now)))
    with isolated("orgs_with_lasting_recoveries"):
        due.update(orgs_with_lasting_recoveries(now, ORGS_A_ROUND))
    db.session.rollback()
    for org_id in due:
        trigger(JobKind.RUN_CHECKS, org_id)
    trigger_operations(now)


def _count_all_missed() -> int:
    missed = 0
    org_ids: list[uuid.UUID] = []
    with isolated("orgs_with_missed_events"):
        org_ids += orgs_with_missed_events(utcnow())
    for org_id in org_ids:
        with isolated("count_missed", org_id):
            missed += count_missed(org_id, utcnow())
            db.session.commit()
    return missed


def _update_all_problems() -> int:
    """Update every org's problems within ``PROBLEM_SECONDS``, in random order so that none is
    always left out.
    """
    ends_at, changes = time.monotonic() + PROBLEM_SECONDS, 0
    org_ids = list(connected_orgs())
    random.shuffle(org_ids)
    for start in range(0, len(org_ids), ORGS_AT_ONCE):
        for org_id in _with_changes(org_ids[start : start + ORGS_AT_ONCE]):
            with isolated("update_problems", org_id):
                changes += _judge(org_id)
                db.session.commit()
            if time.monotonic() > ends_at:
                return changes
    return changes


def _judge(org_id: uuid.UUID) -> int:
    """Store what has changed of the org's problems, and its verdict: the menu of an open page
    shows it. Returns how many problems began or ended.
    """
    changes = update_problems(org_id, utcnow())
    store_verdicts([org_id], utcnow())
    return changes


def store_all_verdicts() -> None:
    """Store each connection's verdict for metrics and menu; if a group fails, org by org."""
    ends_at = time.monotonic() + PROBLEM_SECONDS
    org_ids = list(connected_orgs())
    random.shuffle(org_ids)
    for start in range(0, len(org_ids), ORGS_AT_ONCE):
        together = org_ids[start : start + ORGS_AT_ONCE]
        stored = False
        with isolated("store_verdicts"):
            store_verdicts(together, utcnow())
            db.session.commit()
            stored = True
        for org_id in [] if stored else together:
            with isolated("store_verdict", org_id):
                store_verdicts([org_id], utcnow())
                db.session.commit()
        if time.monotonic() > ends_at:
            return


def _with_changes(org_ids: list[uuid.UUID]) -> list[uuid.UUID]:
    """The orgs to update; all of them if they cannot be read together."""
    found = org_ids
    with isolated("orgs_with_changes"):
        found = orgs_with_changes(org_ids, utcnow())
    db.session.rollback()
    return found


def request_check(org_id: uuid.UUID) -> None:
    """Make what was not checked just now due: the token, hooks, an item of each project.

    Does nothing while the rate budget is used up. Safe to run twice or never: the next viewer
    triggers it again.
    """
    now = utcnow()
    integration = find_integration(org_id)
    if integration is not None and used_up_until(integration, now) is None:
        check_soon(org_id, now)
        if probe_projects(org_id, now, now - FRESH_ENOUGH):
            trigger_after_commit(db.session, JobKind.SYNC, org_id)
    db.session.commit()


def run_checks(org_id: uuid.UUID) -> None:
    """Run an org's due checks and record lasting recoveries; trigger again if more are left.

    Safe to run twice or never: each check is claimed.
    """
    suppress_triggers(JobKind.RUN_CHECKS, org_id)
    ends_at, more = time.monotonic() + CALLING_SECONDS, False
    try:
        more = _call_gitlab(org_id, ends_at)
        _judge(org_id)
        record_recoveries(org_id, utcnow())
        db.session.commit()
    finally:
        db.session.rollback()
        allow_triggers(JobKind.RUN_CHECKS, org_id)
    if more:
        trigger(JobKind.RUN_CHECKS, org_id)


def _call_gitlab(org_id: uuid.UUID, ends_at: float) -> bool:
    """Check the token and hooks; returns whether any are left. A slow GitLab gets one check a
    job.
    """
    if _check_token(org_id) and is_slow(org_id):
        return True
    return _check_hooks(org_id, ends_at)


def _check_token(org_id: uuid.UUID) -> bool:
    """Check the token if due; returns whether it was."""
    claimed = claim_due_token(org_id, utcnow())
    db.session.commit()
    if not claimed:
        return False
    question = load_check(org_id)
    db.session.rollback()
    with measured(org_id):
        result = call_gitlab(question, partial(background_client, org_id))
    integration = save_result(org_id, question, result)
    rotating = integration is not None and due_for_rotation(integration, result, utcnow())
    db.session.commit()
    log.info("token.checked", org_id=str(org_id), status=result.status, error=result.error_code)
    if rotating:
        ask_for_by_service(org_id, OperationKind.RENEW_TOKEN)
        db.session.commit()
    return True


def _check_hooks(org_id: uuid.UUID, ends_at: float) -> bool:
    """Check due hooks until ``ends_at``; returns whether there may be more."""
    from gitlab_links.gitlab.hook_client import MaintainingClient

    found = _claim_hooks(org_id)
    if found is None:
        return False
    credentials, projects = found
    waiting = deque(projects)
    with background_client(org_id, credentials, MaintainingClient) as client:
        while waiting and time.monotonic() < ends_at:
            project = waiting.popleft()
            with measured(org_id):
                seen = check_hook(client, project.project, webhook_url(org_id))
            note_account(org_id, seen)
            save_check(project.watch_id, seen, utcnow())
            db.session.commit()
            if seen.of_account or is_slow(org_id):
                break
    return_checks(waiting, utcnow())
    count_calls(org_id, CallKind.HOOKS, client.calls, utcnow())
    db.session.commit()
    log.info("hooks.checked", org_id=str(org_id), projects=len(projects) - len(waiting))
    return bool(waiting) or len(projects) == PROJECTS_A_TIME


def _claim_hooks(org_id: uuid.UUID) -> tuple[Credentials, list[DueProject]] | None:
    """What to check and with which token; None if nothing is due or GitLab may not be called."""
    integration = find_integration(org_id)
    if integration is None or not may_call(org_id, utcnow()):
        db.session.rollback()
        return None
    try:
        credentials = credentials_of(integration)
    except DomainError:
        db.session.rollback()
        return None
    base_url = integration.base_url or ""
    projects = claim_due_checks(org_id, base_url, utcnow(), PROJECTS_A_TIME)
    db.session.commit()
    return (credentials, projects) if projects else None


def forget_old() -> None:
    """Delete ended hook secrets, counts that are no longer shown, and old problems."""
    for forget in (
        forget_ended_secrets,
        forget_old_counts,
        forget_old_calls,
        forget_old_problems,
        forget_old_operations,
        forget_old_deliveries,
    ):
        with isolated(forget.__name__):
            forget(utcnow())
            db.session.commit()
