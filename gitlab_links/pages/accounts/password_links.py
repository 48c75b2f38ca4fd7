"""A forgotten password: asking for a link by mail, and setting a new password by a link."""

import uuid

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.account_links.passwords import (
    NoLinkForThem,
    PasswordLinkEnded,
    account_of_link,
    ask_for_password_link,
    link_for_member,
    use_password_link,
)
from gitlab_links.accounts.mailed_links import mails_are_sent
from gitlab_links.accounts.password_rules import MAX_PASSWORD, MIN_PASSWORD
from gitlab_links.accounts.roles import Permission
from gitlab_links.errors import Conflict, Invalid, RateLimited
from gitlab_links.extensions import settings
from gitlab_links.http.access import access, public
from gitlab_links.http.guard import current_principal
from gitlab_links.http.logins import end_browser_session
from gitlab_links.pages.accounts.passwords_typed import typed_password_errors
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent
from gitlab_links.pages.shown_once import redirect_and_show
from gitlab_links.sign_in.identities import unlink_all

FORGOTTEN = "/password/forgotten"
PATH = "/password/<token>"
MEMBER = "/orgs/<uuid:org_id>/members/<uuid:member_id>/password-link"


@pages.get(FORGOTTEN)
@public("people who cannot log in open it")
def forgotten_password() -> ResponseReturnValue:
    """Where to ask for a link, or whom to ask if the service sends no mail."""
    return render_template("auth/forgotten.html", mails=_mails(), issuer=settings().issuer)


@pages.post(FORGOTTEN)
@public("people who cannot log in use it; every address gets the same answer")
def ask_for_link() -> ResponseReturnValue:
    """Have a link mailed."""
    (email,) = sent("email")
    try:
        ask_for_password_link(email, request.remote_addr or "")
    except (RateLimited, Conflict) as refusal:
        page = render_template(
            "auth/forgotten.html", mails=_mails(), email=email, failure=refusal.detail
        )
        headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
        return page, refusal.status, headers
    return render_template("auth/forgotten.html", mails=True, asked=email)


@pages.get(PATH)
@public("the link is the credential of a person who cannot log in")
def new_password(token: str) -> ResponseReturnValue:
    """The form for a new password. Looking changes nothing."""
    try:
        return _page(account_of_link(token).email, {})
    except PasswordLinkEnded as refusal:
        return render_template("auth/link_ended.html"), refusal.status


@pages.post(PATH)
@public("the link is the credential of a person who cannot log in")
def set_new_password(token: str) -> ResponseReturnValue:
    """Set it, and end all sessions. If nobody had confirmed the address, whoever created the
    account may be somebody else, and may have linked an account of theirs: that ends, too.
    """
    try:
        user = account_of_link(token)
        email, is_proven = user.email, user.email_confirmed_at is not None
        errors = typed_password_errors(request.form)
        if errors:
            return _page(email, errors), 422
        use_password_link(token, request.form["password"])
        if not is_proven:
            unlink_all(user)
    except PasswordLinkEnded as refusal:
        return render_template("auth/link_ended.html"), refusal.status
    except Invalid as refusal:
        return _page(email, refusal.errors), refusal.status
    end_browser_session()
    flash("Your new password is set. Log in with it.", "success")
    return redirect(url_for("pages.log_in"))


@pages.post(MEMBER)
@access(Permission.MEMBERS_WRITE)
def make_password_link(org_id: uuid.UUID, member_id: uuid.UUID) -> ResponseReturnValue:
    """Mail a link to a member who cannot log in, or show it once to be handed over."""
    target = url_for("pages.member_list", org_id=org_id)
    try:
        made = link_for_member(current_principal(), member_id)
    except (NoLinkForThem, RateLimited) as refusal:
        flash(refusal.detail, "error")
        return redirect(target)
    if made.link is not None:
        return redirect_and_show(target, email=made.email, password_link=made.link)
    flash(f"A link to set a new password is on its way to {made.email}.", "success")
    return redirect(target)


def _mails() -> bool:
    """Whether a link can be asked for: not if passwords open nobody's account."""
    issuer = settings().issuer
    return mails_are_sent() and (issuer is None or issuer.passwords)


def _page(email: str, errors: dict[str, list[str]]) -> str:
    return render_template(
        "auth/new_password.html",
        email=email,
        errors=errors,
        shortest=MIN_PASSWORD,
        longest=MAX_PASSWORD,
    )
