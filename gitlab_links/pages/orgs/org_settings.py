"""The settings of an org: names of tasks and branches, confidential items, leaving it."""

import uuid
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.members import LastAdmin, leave_org
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.orgs import (
    OrgDetails,
    find_org,
    lock_org,
    update_org,
)
from gitlab_links.accounts.roles import MANAGERS, Permission, Role
from gitlab_links.accounts.task_keys import checked_task_key
from gitlab_links.clock import utcnow
from gitlab_links.errors import Invalid
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.integrations.changes import find_integration, lock_integration
from gitlab_links.integrations.policy import PolicyChange, policy_of
from gitlab_links.observations.comment_hooks import comment_hooks
from gitlab_links.org_data.deleting import MOST_NAMED, projects_left_with_hooks
from gitlab_links.outgoing.alerts import update_policy
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.edits_at_once import Values, merge, seen
from gitlab_links.pages.form_fields import pressed, sent
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.tasks.branch_names import DEFAULT_TEMPLATE, branch_name, checked_template

PATH = "/orgs/<uuid:org_id>/settings"
HIDDEN, SHOWN = "hidden", "shown"
NAMES = {"name": "Name", "task_key": "Task key"}


@pages.get(PATH)
@access(Permission.ORG_READ)
def org_settings(org_id: uuid.UUID) -> ResponseReturnValue:
    """The settings that the viewer may see, and the button to leave the org."""
    return settings_page(org_id, typed=typed_before() or {})


@pages.post(PATH)
@access(Permission.ORG_WRITE)
def change_org(org_id: uuid.UUID) -> ResponseReturnValue:
    """Change name and task key; if somebody else changed the same meanwhile, show both first."""
    name, key, version = sent("name", "task_key", "version")
    typed = {"name": name, "task_key": key}
    errors: dict[str, list[str]] = {}
    for check, text in ((checked_name, name), (checked_task_key, key)):
        try:
            check(text)
        except Invalid as refusal:
            errors |= refusal.errors
    if errors:
        return settings_page(org_id, typed={**typed, "version": version}, errors=errors), 422
    lock_org(org_id)
    stored = _named(find_org(current_principal()))
    both = merge(version, {"name": name, "task_key": checked_task_key(key)}, stored)
    if both.disputed:
        conflicts = [(NAMES[one], stored[one], both.values[one]) for one in both.disputed]
        return settings_page(org_id, typed=both.values, conflicts=conflicts), 412
    mine = {one: both.values[one] for one in both.mine}
    update_org(current_principal(), name=mine.get("name"), task_key=mine.get("task_key"))
    flash(both.saved_words(NAMES), "success")
    return redirect(url_for("pages.org_settings", org_id=org_id))


@pages.post(f"{PATH}/branches")
@access(Permission.ORG_WRITE)
def set_branch_template(org_id: uuid.UUID) -> ResponseReturnValue:
    """Set how branches of tasks are called."""
    [template] = sent("branch_template")
    try:
        checked = checked_template(template)
    except Invalid as refusal:
        typed = {"branch_template": template}
        return settings_page(org_id, typed=typed, errors=refusal.errors), Invalid.status
    update_org(current_principal(), branch_template=checked)
    flash("Saved.", "success")
    return redirect(url_for("pages.org_settings", org_id=org_id))


@pages.post(f"{PATH}/mentions")
@access(Permission.ORG_WRITE)
def set_comments_mention(org_id: uuid.UUID) -> ResponseReturnValue:
    """Set whether comments mention tasks, too."""
    update_org(current_principal(), comments_mention=pressed("comments_mention"))
    flash("Saved.", "success")
    return redirect(url_for("pages.org_settings", org_id=org_id))


@pages.post(f"{PATH}/confidential")
@access(Permission.INTEGRATION)
def set_confidential_roles(org_id: uuid.UUID) -> ResponseReturnValue:
    """Set whether members see confidential items."""
    [seen] = sent("seen_members")
    lock_integration(org_id)
    members = {Role.MEMBER} if pressed("confidential_members") else set()
    if seen != _members_see(org_id):
        flash("Somebody else has just changed who sees confidential items. Check it below.", "info")
    else:
        roles = sorted(MANAGERS | members)
        update_policy(current_principal(), PolicyChange(confidential_roles=roles))
        flash("Saved.", "success")
    return redirect(url_for("pages.org_settings", org_id=org_id))


@pages.post(f"{PATH}/leave")
@access(Permission.ORG_LEAVE)
def leave(org_id: uuid.UUID) -> ResponseReturnValue:
    """End one's own membership."""
    org = find_org(current_principal())
    try:
        leave_org(current_principal())
    except LastAdmin as refusal:
        flash(refusal.detail, "error")
        return redirect(url_for("pages.org_settings", org_id=org_id))
    flash(f"You have left {org.name}. Your API keys of that org were revoked.", "success")
    return redirect(url_for("pages.root"))


def _named(org: OrgDetails) -> Values:
    return {"name": org.name, "task_key": org.task_key}


def _members_see(org_id: uuid.UUID) -> str:
    roles = policy_of(find_integration(org_id)).confidential_roles
    return SHOWN if Role.MEMBER in roles else HIDDEN


def settings_page(org_id: uuid.UUID, **shown: Any) -> str:
    """The whole page, with what was typed and what is wrong with it."""
    principal = current_principal()
    org = find_org(principal)
    may_delete = principal.may(Permission.ORG_DELETE)
    manages = principal.may(Permission.INTEGRATION) and find_integration(org_id) is not None
    return render_template(
        "orgs/settings.html",
        org_id=org_id,
        org=org,
        version=seen(_named(org)),
        default_template=DEFAULT_TEMPLATE,
        branch_example=branch_name(org.branch_template, f"{org.task_key}-12", "Ship it"),
        may_write=principal.may(Permission.ORG_WRITE),
        sees_links=principal.may(Permission.LINK_READ),
        comments=comment_hooks(org_id, utcnow()) if principal.may(Permission.ORG_WRITE) else None,
        may_export=principal.may(Permission.ORG_EXPORT),
        may_delete=may_delete,
        left_hooks=projects_left_with_hooks(org_id) if may_delete else (),
        most_named=MOST_NAMED,
        is_connected=manages,
        members_see=_members_see(org_id) if manages else None,
        **{"typed": {}, "errors": {}, "conflicts": [], **shown},
    )
