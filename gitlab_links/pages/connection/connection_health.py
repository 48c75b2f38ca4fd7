"""The buttons of the GitLab page: check, repair webhooks, rotate the token, move, policy."""

import uuid
from datetime import timedelta

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.roles import Permission
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict, DomainError, Invalid
from gitlab_links.gitlab.error_codes import in_words
from gitlab_links.health.hook_check import check_now
from gitlab_links.health.hook_repair import ask_for_repair
from gitlab_links.health.relocation import move_now
from gitlab_links.health.report import check_soon
from gitlab_links.health.token_rotation import ask_for_rotation
from gitlab_links.http.access import access
from gitlab_links.http.gitlab_waits import WAITS
from gitlab_links.http.guard import current_principal
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.outgoing.alerts import alert_endpoint, update_policy
from gitlab_links.outgoing.trial import try_endpoint
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.connection.integration import PATH, integration_page, page_with_errors
from gitlab_links.pages.connection.settings_versions import (
    ALERTS,
    ROTATE,
    YES,
    both_policies,
    merged_policy,
)
from gitlab_links.pages.form_fields import pressed, sent
from gitlab_links.plurals import counted


@pages.post(f"{PATH}/check")
@access(Permission.INTEGRATION)
def check_health(org_id: uuid.UUID) -> ResponseReturnValue:
    """Have workers check the token and all webhooks now, without waiting for the schedule."""
    count = check_soon(org_id, utcnow(), fresh=timedelta(seconds=5))
    flash("Checking with GitLab." if count else "Checked with GitLab just now.", "info")
    return _back(org_id)


@pages.post(f"{PATH}/projects/<uuid:project_id>/hook")
@access(Permission.INTEGRATION)
def repair_hook(org_id: uuid.UUID, project_id: uuid.UUID) -> ResponseReturnValue:
    """Have a worker create or repair a project's webhook; the page shows each step."""
    try:
        ask_for_repair(current_principal(), project_id)
    except Conflict as refusal:
        flash(refusal.detail, "error")
    return _back(org_id)


@pages.post(f"{PATH}/projects/<uuid:project_id>/hook/check")
@access(Permission.INTEGRATION)
def check_hook(org_id: uuid.UUID, project_id: uuid.UUID) -> ResponseReturnValue:
    """Check a project's webhook in GitLab now."""
    try:
        check = check_now(current_principal(), project_id)
    except (Conflict, *WAITS) as refusal:
        flash(refusal.detail, "error")
        return _back(org_id)
    failure = check.failure
    if failure is not None and failure.code in {"http_403", "not_found"} and not check.of_account:
        words = (
            "The token cannot see the webhooks of this project. The first event that arrives "
            "shows that its webhook works."
        )
        flash(words, "warning")
    elif failure is not None:
        flash(in_words(failure.code, failure.reason), "error")
    else:
        flash("Webhook checked in GitLab.", "success")
    return _back(org_id)


@pages.post(f"{PATH}/token/rotate")
@access(Permission.INTEGRATION)
def rotate_token(org_id: uuid.UUID) -> ResponseReturnValue:
    """Have a worker rotate the token through GitLab's API; the page shows each step."""
    try:
        ask_for_rotation(current_principal())
    except Conflict as refusal:
        flash(refusal.detail, "error")
    return _back(org_id)


@pages.post(f"{PATH}/move")
@access(Permission.INTEGRATION)
def move_gitlab(org_id: uuid.UUID) -> ResponseReturnValue:
    """Move the links to the new address of the same GitLab, after comparing the two."""
    base_url, token = sent("new_base_url", "new_token")
    try:
        moved = move_now(current_principal(), base_url, token)
    except DomainError as refusal:
        if refusal.status >= 500:
            raise
        errors = {f"new_{name}": messages for name, messages in refusal.errors.items()}
        typed = {"new_base_url": base_url}
        return page_with_errors(org_id, errors or {"new_base_url": [refusal.detail]}, typed)
    projects = counted(moved.projects, "project")
    flash(f"Same GitLab confirmed. The links of {projects} now point to {base_url}.", "success")
    for difference in moved.differences:
        flash(f"Some links were not changed: {difference}", "warning")
    return _back(org_id)


@pages.post(f"{PATH}/policy")
@access(Permission.INTEGRATION)
def set_policy(org_id: uuid.UUID) -> ResponseReturnValue:
    """Set whether the token rotates automatically, and where alerts go."""
    clear = pressed("clear_notify_url")
    [typed] = [""] if clear else sent("notify_url")
    merged = merged_policy(org_id, rotate=pressed(ROTATE), alerts=clear or bool(typed))
    if merged.disputed:
        both = both_policies(org_id, merged, typed or "nobody")
        shown = {ALERTS: typed, **({ROTATE: "1"} if merged.values[ROTATE] == YES else {})}
        return integration_page(org_id, policy_conflict=both, typed=shown), 412
    change = PolicyChange(token_auto_rotate=merged.values[ROTATE] == YES)
    try:
        update_policy(current_principal(), change, "" if clear else typed or None)
    except (Invalid, Conflict) as refusal:
        errors = refusal.errors or {"notify_url": [refusal.detail]}
        return page_with_errors(org_id, errors, request.form)
    flash(merged.saved_words({ROTATE: "Whether the token is replaced automatically"}), "success")
    return _back(org_id)


@pages.post(f"{PATH}/policy/test-alert")
@access(Permission.INTEGRATION)
def test_alert(org_id: uuid.UUID) -> ResponseReturnValue:
    """Send a test alert to the saved address; a typed address must be saved first."""
    if request.form.get("notify_url", "").strip():
        words = "Save this address first. Test alerts go to the saved address."
        return page_with_errors(org_id, {"notify_url": [words]}, request.form)
    endpoint = alert_endpoint(org_id)
    if endpoint is None:
        flash("No address for health alerts is stored.", "error")
        return _back(org_id)
    try:
        failure = try_endpoint(current_principal(), endpoint.id).failure
    except (Conflict, *WAITS) as refusal:
        flash(refusal.detail, "error")
        return _back(org_id)
    if failure is None:
        flash("The test alert was delivered.", "success")
    else:
        flash(f"The test alert was not delivered. {failure}", "error")
    return _back(org_id)


def _back(org_id: uuid.UUID) -> ResponseReturnValue:
    return redirect(url_for("pages.integration", org_id=org_id))
