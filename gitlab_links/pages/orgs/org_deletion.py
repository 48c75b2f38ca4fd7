"""Deleting an org: the request, and its progress."""

import uuid

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.members import standing_in_org
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Conflict, Invalid
from gitlab_links.http.access import access, signed_in
from gitlab_links.http.guard import current_caller, current_principal
from gitlab_links.operations.models import Operation, OperationStatus
from gitlab_links.operations.queue import REPEATABLE, newest_of
from gitlab_links.org_data.deleting import ask_to_delete
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import pressed, sent
from gitlab_links.pages.live_parts import Live, answer_part, is_part
from gitlab_links.pages.orgs.org_settings import PATH, settings_page

PART = "deletion"
_STEPS = {
    "removing_webhooks": "removing our webhooks in GitLab",
    "closing_the_org": "ending the access of members and keys",
    "deleting_tasks": "deleting tasks",
    "deleting_task_gitlab_links": "deleting links",
    "deleting_gitlab_items": "deleting what GitLab said",
    "deleting_audit_events": "deleting the audit log",
}


@pages.post(f"{PATH}/delete")
@access(Permission.ORG_DELETE)
def delete_org(org_id: uuid.UUID) -> ResponseReturnValue:
    """Have a worker delete the org, if its name was typed."""
    [typed] = sent("typed_name")
    try:
        ask_to_delete(current_principal(), typed, with_hooks=pressed("remove_hooks"))
    except (Invalid, Conflict) as refusal:
        errors = refusal.errors or {"typed_name": [refusal.detail]}
        return settings_page(org_id, typed={"typed_name": typed}, errors=errors), refusal.status
    return redirect(url_for("pages.org_deletion", deleted_id=org_id))


@pages.get("/org-deletions/<uuid:deleted_id>")
@signed_in
def org_deletion(deleted_id: uuid.UUID) -> ResponseReturnValue:
    """How far the deletion is. The org may be gone: then, as for a stranger, nothing is known."""
    operation = None
    if standing_in_org(deleted_id, current_caller().user_id) is not None:
        operation = newest_of(deleted_id, REPEATABLE)
    failed = operation is not None and operation.status == OperationStatus.FAILED
    subject, steps = "" if operation is None else operation.subject, _steps(operation)
    here = url_for("pages.org_deletion", deleted_id=deleted_id)
    shown = {
        "org_id": deleted_id,
        "live": Live.of(here, "", subject, steps, failed),
        "operation": operation,
        "running": operation is not None and not failed,
        "failed": failed,
        "steps": steps,
    }
    if is_part(PART):
        return answer_part("orgs/deletion_state.html", shown)
    return render_template("orgs/deletion.html", **shown, part=PART)


def _steps(operation: Operation | None) -> list[str]:
    known = [] if operation is None else [_STEPS.get(one["step"]) for one in operation.steps]
    return [words for words in known if words is not None]
