"""The page of an invitation's link, for the invited person: with an account or without."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from gitlab_links.accounts.password_rules import MAX_PASSWORD, MIN_PASSWORD
from gitlab_links.accounts.sessions import may_use_password, open_session
from gitlab_links.errors import Forbidden, Invalid
from gitlab_links.extensions import settings
from gitlab_links.http.access import public, signed_in
from gitlab_links.http.guard import current_caller
from gitlab_links.http.logins import start_browser_session
from gitlab_links.invitations.acceptance import (
    InvitationEnded,
    InvitedSomebodyElse,
    OpenInvitation,
    accept,
    open_invitation,
    register,
)
from gitlab_links.pages.accounts.passwords_typed import typed_password_errors
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent
from gitlab_links.pages.unsent_forms import Typed, typed_before
from gitlab_links.pages.viewer import ROLE_NAMES

PATH = "/invitations/<token>"


@pages.get(PATH)
@public("the link is the credential, and the invited person may have no account yet")
def invitation(token: str) -> ResponseReturnValue:
    """What the invitation is for, and how to accept it. Looking changes nothing."""
    try:
        opened = open_invitation(token)
    except InvitationEnded as refusal:
        return render_template("auth/invitation_ended.html"), refusal.status
    typed = typed_before() or Typed()
    return _page(token, opened, name=typed.get("name", opened.name))


@pages.post(f"{PATH}/register")
@public("the link is the credential of a person who has no account yet")
def register_invited(token: str) -> ResponseReturnValue:
    """Create the account and open its first session."""
    (name,) = sent("name")
    try:
        opened = open_invitation(token)
        errors = typed_password_errors(request.form)
        if errors:
            return _page(token, opened, name=name, errors=errors), 422
        user_id = register(token, name, request.form["password"])
    except InvitationEnded as refusal:
        return render_template("auth/invitation_ended.html"), refusal.status
    except (Invalid, Forbidden) as refusal:
        errors = refusal.errors or {"password": [refusal.detail]}
        return _page(token, opened, name=name, errors=errors), refusal.status
    start_browser_session(open_session(user_id))
    return _welcome(opened)


@pages.post(f"{PATH}/accept")
@signed_in
def accept_invitation(token: str) -> ResponseReturnValue:
    """Join with the account that is logged in."""
    try:
        opened = open_invitation(token)
        accept(token, current_caller().user_id)
    except InvitationEnded as refusal:
        return render_template("auth/invitation_ended.html"), refusal.status
    except InvitedSomebodyElse as refusal:
        return _page(token, opened, name=opened.name), refusal.status
    return _welcome(opened)


def _welcome(opened: OpenInvitation) -> ResponseReturnValue:
    flash(f"Welcome to {opened.org_name}.", "success")
    return redirect(url_for("pages.task_list", org_id=opened.org_id))


def _page(token: str, opened: OpenInvitation, **shown: Any) -> str:
    here = current_user if current_user.is_authenticated else None
    return render_template(
        "auth/invitation.html",
        token=token,
        invitation=opened,
        role=ROLE_NAMES[opened.role],
        here=here,
        path=url_for("pages.invitation", token=token),
        shortest=MIN_PASSWORD,
        longest=MAX_PASSWORD,
        issuer=settings().issuer,
        by_password=may_use_password(opened.email),
        **{"errors": {}, **shown},
    )
