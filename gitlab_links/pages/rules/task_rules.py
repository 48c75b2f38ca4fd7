"""What a person does about the rules on a task: undo, pin, unpin."""

import uuid

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.pages.blueprint import pages
from gitlab_links.rules.undo_and_pin import NothingToUndo, pin, undo, unpin
from gitlab_links.tasks.queries import task_at


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/undo-rule")
@access(Permission.TASK_WRITE)
def undo_rule(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Set the status back to what it was before a rule changed it."""
    task = task_at(org_id, reference)
    try:
        undo(current_principal(), task.id)
    except NothingToUndo as refusal:
        flash(refusal.detail, "warning")
    return _back(org_id, reference)


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/pin")
@access(Permission.TASK_WRITE)
def pin_task(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Keep the rules off the task."""
    pin(current_principal(), task_at(org_id, reference).id)
    return _back(org_id, reference)


@pages.post("/orgs/<uuid:org_id>/tasks/<reference>/unpin")
@access(Permission.TASK_WRITE)
def unpin_task(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    """Let the rules act on the task again."""
    unpin(current_principal(), task_at(org_id, reference).id)
    return _back(org_id, reference)


def _back(org_id: uuid.UUID, reference: str) -> ResponseReturnValue:
    return redirect(url_for("pages.show_task", org_id=org_id, reference=reference))
