"""The members of an org and those who are invited: list, invite, change role, remove."""

import uuid
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.mailed_links import mails_are_sent
from gitlab_links.accounts.members import (
    RoleChangedMeanwhile,
    change_role,
    find_member,
    members_page,
    remove_member,
)
from gitlab_links.accounts.roles import Permission, Role
from gitlab_links.errors import Conflict, Forbidden, Invalid, RateLimited, required
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.http.mounting import path_here
from gitlab_links.invitations.changes import LASTS, Invited, invite, resend, revoke
from gitlab_links.invitations.queries import invitations_page
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import parsed, sent
from gitlab_links.pages.shown_once import redirect_and_show, take_shown, unless_shown
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.pages.viewer import ROLE_NAMES

PATH = "/orgs/<uuid:org_id>/members"
INVITATIONS = f"{PATH}/invitations/<uuid:invitation_id>"

ROLE_HINTS = {
    Role.ADMIN: "everything, members included",
    Role.PM: "everything but changing members",
    Role.MEMBER: "tasks and their links",
    Role.CLIENT: "reads tasks, without links",
}


@pages.get(PATH)
@access(Permission.MEMBERS_READ)
def member_list(org_id: uuid.UUID) -> ResponseReturnValue:
    """All members of the org, and who is invited."""
    made = take_shown(path_here())
    return unless_shown(_page(org_id, made=made, typed=typed_before() or {}), made)


@pages.post(PATH)
@access(Permission.MEMBERS_WRITE)
def invite_member(org_id: uuid.UUID) -> ResponseReturnValue:
    """Invite a person by mail; without a mail server the next page shows the link once."""
    email, name, role = sent("email", "name", "role")
    typed = {"email": email, "name": name, "role": role}
    try:
        invited = invite(current_principal(), email, name, required(parsed(Role, role)))
    except (Conflict, Forbidden, Invalid, RateLimited) as refusal:
        errors = refusal.errors or {"email": [refusal.detail]}
        return _page(org_id, typed=typed, errors=errors), refusal.status
    return _to_list(org_id, invited)


@pages.post(f"{INVITATIONS}/resend")
@access(Permission.MEMBERS_WRITE)
def resend_invitation(org_id: uuid.UUID, invitation_id: uuid.UUID) -> ResponseReturnValue:
    """Mail a new link, or show it once; the earlier link no longer works."""
    return _to_list(org_id, resend(current_principal(), invitation_id))


@pages.post(f"{INVITATIONS}/revoke")
@access(Permission.MEMBERS_WRITE)
def revoke_invitation(org_id: uuid.UUID, invitation_id: uuid.UUID) -> ResponseReturnValue:
    """End an invitation."""
    ended = revoke(current_principal(), invitation_id)
    flash(f"The invitation of {ended.email} is revoked. Its link no longer works.", "success")
    return redirect(url_for("pages.member_list", org_id=org_id))


def _to_list(org_id: uuid.UUID, invited: Invited) -> ResponseReturnValue:
    target, email = url_for("pages.member_list", org_id=org_id), invited.invitation.email
    if invited.link is not None:
        return redirect_and_show(target, email=email, link=invited.link)
    flash(f"An invitation is on its way to {email}.", "success")
    return redirect(target)


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
        invitations=invitations_page(org_id),
        mails=mails_are_sent(),
        days=LASTS.days,
        roles=[(role.value, f"{ROLE_NAMES[role]}: {ROLE_HINTS[role]}") for role in Role],
        role_names=ROLE_NAMES,
        may_write=principal.may(Permission.MEMBERS_WRITE),
        own_id=principal.user_id,
        **{"typed": {}, "errors": {}, **shown},
    )
