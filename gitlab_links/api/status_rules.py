"""/api/orgs/<org_id>/status-rules"""

import uuid
from dataclasses import replace
from functools import partial
from typing import Any

from gitlab_links.accounts.roles import Permission
from gitlab_links.api.blueprints import refuses, rules
from gitlab_links.api.paging import listed
from gitlab_links.api.schemas.rules import (
    DryRunEnvelope,
    DryRunQuery,
    ExplanationEnvelope,
    RulesChangeSchema,
    RulesEnvelope,
)
from gitlab_links.api.schemas.tasks import TaskEnvelope
from gitlab_links.http.access import access
from gitlab_links.http.conditional import locks, set_version
from gitlab_links.http.guard import current_principal
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.rules.changes import (
    DryRunRunning,
    RulesChange,
    RulesNotStopped,
    RulesNotTried,
    apply_held,
    change_rules,
    lock_rules,
    switch_off,
    switch_on,
    try_rules,
)
from gitlab_links.rules.dry_run import dry_run_page, outcome_counts
from gitlab_links.rules.explanations import explain
from gitlab_links.rules.summaries import rules_view
from gitlab_links.rules.undo_and_pin import NothingToUndo, pin, undo, unpin
from gitlab_links.tasks.queries import find_task

BASE = "/api/orgs/<uuid:org_id>/status-rules"
TASK = "/api/orgs/<uuid:org_id>/tasks/<uuid:task_id>"


@rules.get(BASE)
@access(Permission.RULES_READ)
@rules.returns(200, RulesEnvelope)
def status_rules_get(org_id: uuid.UUID) -> dict[str, Any]:
    """Show the status rules"""
    return _shown(org_id)


@rules.patch(BASE)
@access(Permission.RULES_WRITE)
@rules.body(RulesChangeSchema)
@rules.returns(200, RulesEnvelope)
@locks(lock_rules)
def status_rules_patch(change: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """Change what the rules do

    No task changes by this alone: what the new rules want of each is computed first, and a task
    changes when that changes.
    """
    change_rules(current_principal(), RulesChange(**change))
    return _shown(org_id)


@rules.post(f"{BASE}/dry-run")
@access(Permission.RULES_WRITE)
@rules.returns(200, RulesEnvelope)
def status_rules_try(org_id: uuid.UUID) -> dict[str, Any]:
    """Begin the dry run

    What the rules want of every task is computed and kept up to date; no task is changed. It
    is complete when `dry_run_complete` is true. Nothing happens unless the rules are off.
    """
    try_rules(current_principal())
    return _shown(org_id)


@rules.get(f"{BASE}/dry-run")
@access(Permission.RULES_READ)
@rules.query(DryRunQuery)
@rules.returns(200, DryRunEnvelope)
def status_rules_dry_run(query: dict[str, Any], org_id: uuid.UUID) -> dict[str, Any]:
    """List what the rules would do with each task

    While the rules are on or stopped, these are the tasks whose status differs from what their
    links call for.
    """
    visibility = Visibility.of(current_principal())
    read = partial(dry_run_page, visibility, query["outcome"], query["q"])
    page = listed("tasks", query, read)
    return {**page, "counts": outcome_counts(org_id)}


@rules.post(f"{BASE}/switch-on")
@access(Permission.RULES_WRITE)
@rules.returns(200, RulesEnvelope)
@refuses(RulesNotTried, DryRunRunning)
def status_rules_switch_on(org_id: uuid.UUID) -> dict[str, Any]:
    """Switch the rules on, or on again after they stopped

    Only after a dry run. No task changes by this alone; what the rules kept back when they
    stopped is given up.
    """
    switch_on(current_principal())
    return _shown(org_id)


@rules.post(f"{BASE}/apply-held")
@access(Permission.RULES_WRITE)
@rules.returns(200, RulesEnvelope)
@refuses(RulesNotStopped)
def status_rules_apply_held(org_id: uuid.UUID) -> dict[str, Any]:
    """Apply what the rules kept back when they stopped, and switch them on again

    These are the tasks with the outcome `held` in the dry run. A worker changes them, however
    many they are: those whose links still call for it, and whose status nobody has set since.
    """
    apply_held(current_principal())
    return _shown(org_id)


@rules.post(f"{BASE}/switch-off")
@access(Permission.RULES_WRITE)
@rules.returns(200, RulesEnvelope)
def status_rules_switch_off(org_id: uuid.UUID) -> dict[str, Any]:
    """Switch the rules off, or end the dry run

    Tasks keep their status.
    """
    switch_off(current_principal())
    return _shown(org_id)


@rules.get(f"{TASK}/status-explanation")
@access(Permission.LINK_READ)
@rules.returns(200, ExplanationEnvelope)
def task_status_explanation(org_id: uuid.UUID, task_id: uuid.UUID) -> dict[str, Any]:
    """Explain the status of a task"""
    task = find_task(org_id, task_id)
    return {"explanation": explain(Visibility.of(current_principal()), task)}


@rules.post(f"{TASK}/undo-rule")
@access(Permission.TASK_WRITE)
@rules.returns(200, TaskEnvelope)
@refuses(NothingToUndo)
def task_rule_undo(org_id: uuid.UUID, task_id: uuid.UUID) -> dict[str, Any]:
    """Undo what a rule did to a task

    The former status is set as by hand, and holds until the links call for something else.
    """
    return {"task": undo(current_principal(), task_id)}


@rules.post(f"{TASK}/pin")
@access(Permission.TASK_WRITE)
@rules.returns(204)
def task_pin(org_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """Keep the rules off a task"""
    pin(current_principal(), task_id)


@rules.delete(f"{TASK}/pin")
@access(Permission.TASK_WRITE)
@rules.returns(204)
def task_unpin(org_id: uuid.UUID, task_id: uuid.UUID) -> None:
    """Let the rules act on a task again

    They act on what changes from then on.
    """
    unpin(current_principal(), task_id)


def _shown(org_id: uuid.UUID) -> dict[str, Any]:
    """The rules. The dry run goes on without a user: If-Match compares what people choose."""
    view = rules_view(org_id)
    set_version(replace(view, dry_run_complete=False, stopped_at=None))
    return {"rules": view}
