"""The members of an org: list, add, change role, remove."""

import uuid
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.members import (
    RoleChangedMeanwhile,
    add_member,
    change_role,
    find_member,
    members_page,
    remove_member,
)
from gitlab_links.accounts.roles import Permission, Role
from gitlab_links.errors import Conflict, Forbidden, Invalid, required
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.http.mounting import path_here
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import parsed, sent
from gitlab_links.pages.shown_once import redirect_and_show, take_shown, unless_shown
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.pages.viewer import ROLE_NAMES

PATH = "/orgs/<uuid:org_id>/members"

ROLE_HINTS = {
    Role.ADMIN: "everything, members included",
    Role.PM: "everything but changing members",
    Role.MEMBER: "tasks and their links",
    Role.CLIENT: "reads tasks, without links",
}


@pages.get(PATH)
@access(Permission.MEMBERS_READ)
def member_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """All members of the org."""
    added = take_shown(path_here())
    return unless_shown(_page(org_id, added=added, typed=typed_before() or {}), added)


@pages.post(PATH)
@access(Permission.MEMBERS_WRITE)
def invite_member(org_id: uuid.UUID) -> ResponseReturnValue:
    """Add a person; the next page shows the initial password of a new account once."""
    email, name, role = sent("email", "name", "role")
    typed = {"email": email, "name": name, "role": role}
    try:
        added = add_member(current_principal(), email, name, required(parsed(Role, role)))
    except (Conflict, Forbidden, Invalid) as refusal:
        errors = refusal.errors or {"email": [refusal.detail]}
        return _page(org_id, typed=typed, errors=errors), refusal.status
    return redirect_and_show(
        url_for("pages.member_list", org_id=org_id),
        name=added.member.name,
        email=added.member.email,
        password=added.initial_password,
    )


@pages.post(f"{PATH}/<uuid:member_id>/role")
@access(Permission.MEMBERS_WRITE)
def set_member_role(org_id: uuid.UUID, member_id: uuid.UUID) -> ResponseReturnValue:
    """Change a member's role; if somebody else changed it meanwhile, show both first."""
    role, seen = (required(parsed(Role, text)) for text in sent("role", "seen"))
    try:
        member = change_role(current_principal(), member_id, role, seen=seen)
    except RoleChangedMeanwhile as refusal:
        member = find_member(org_id, member_id)
        return _page(org_id, changed=member, chosen=role), refusal.status
    except Conflict as refusal:
        flash(refusal.detail, "error")
    else:
        flash(f"{member.name} is now: {ROLE_NAMES[member.role]}.", "success")
    return redirect(url_for("pages.member_list", org_id=org_id))


@pages.post(f"{PATH}/<uuid:member_id>/remove")
@access(Permission.MEMBERS_WRITE)
def end_membership(org_id: uuid.UUID, member_id: uuid.UUID) -> ResponseReturnValue:
    """Remove a member; their API keys of this org are revoked at once."""
    member = find_member(org_id, member_id)
    try:
        remove_member(current_principal(), member_id)
    except Conflict as refusal:
        flash(refusal.detail, "error")
    else:
        flash(f"Removed {member.name}. Their API keys of this org were revoked.", "success")
    return redirect(url_for("pages.member_list", org_id=org_id))


def _page(org_id: uuid.UUID, **shown: Any) -> str:
    principal = current_principal()
    return render_template(
        "members/list.html",
        org_id=org_id,
        members=members_page(org_id),
        roles=[(role.value, f"{ROLE_NAMES[role]}: {ROLE_HINTS[role]}") for role in Role],
        role_names=ROLE_NAMES,
        may_write=principal.may(Permission.MEMBERS_WRITE),
        own_id=principal.user_id,
        **{"typed": {}, "errors": {}, **shown},
    )
