"""One's own account: name, e-mail address, and where one is logged in."""

import uuid
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from gitlab_links.account_links.addresses import (
    AddressLinkEnded,
    address_of_link,
    ask_for_address,
    confirm_new_address,
    pending_address,
)
from gitlab_links.accounts.mailed_links import mails_are_sent
from gitlab_links.accounts.password_rules import MAX_PASSWORD
from gitlab_links.accounts.people import find_user, rename, set_key_shortcuts
from gitlab_links.accounts.session_list import end_one, end_others, sessions_of
from gitlab_links.errors import Conflict, Invalid, RateLimited
from gitlab_links.extensions import settings
from gitlab_links.http.access import signed_in
from gitlab_links.http.guard import current_caller
from gitlab_links.pages.accounts.devices import device_words
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import pressed, sent
from gitlab_links.pages.unsent_forms import typed_before
from gitlab_links.plurals import counted
from gitlab_links.sign_in.identities import identities_of

PATH = "/account"


@pages.get(PATH)
@signed_in
def account() -> ResponseReturnValue:
    """Name, address, password and sessions."""
    return _page(typed=typed_before() or {})


@pages.post(f"{PATH}/name")
@signed_in
def change_own_name() -> ResponseReturnValue:
    """Change one's name."""
    (name,) = sent("name")
    try:
        rename(current_caller().user_id, name)
    except Invalid as refusal:
        return _page(typed={"name": name}, errors=refusal.errors), refusal.status
    flash("Your name is changed.", "success")
    return redirect(url_for("pages.account"))


@pages.post(f"{PATH}/shortcuts")
@signed_in
def switch_key_shortcuts() -> ResponseReturnValue:
    """Switch the keyboard shortcuts on or off."""
    on = pressed("on")
    set_key_shortcuts(current_caller().user_id, on=on)
    flash(f"Keyboard shortcuts are {'on' if on else 'off'}.", "success")
    return redirect(url_for("pages.account"))


@pages.post(f"{PATH}/address")
@signed_in
def change_own_address() -> ResponseReturnValue:
    """Have a link mailed to the new address."""
    (email,) = sent("email")
    current = request.form.get("current", "")
    try:
        ask_for_address(current_caller().user_id, email, current, current_user.session_id)
    except (Invalid, Conflict, RateLimited) as refusal:
        errors = refusal.errors or {"email": [refusal.detail]}
        return _page(typed={"email": email}, errors=errors), refusal.status
    flash(f"A link to confirm the address is on its way to {email}.", "success")
    return redirect(url_for("pages.account"))


@pages.get(f"{PATH}/address/<token>")
@signed_in
def new_address(token: str) -> ResponseReturnValue:
    """Ask whether to use the address. Looking changes nothing."""
    try:
        email = address_of_link(token, current_caller().user_id)
    except AddressLinkEnded as refusal:
        return render_template("auth/link_ended.html"), refusal.status
    return render_template("auth/new_address.html", email=email)


@pages.post(f"{PATH}/address/<token>")
@signed_in
def confirm_address(token: str) -> ResponseReturnValue:
    """Use the address from now on."""
    try:
        email = confirm_new_address(token, current_caller().user_id)
    except AddressLinkEnded as refusal:
        return render_template("auth/link_ended.html"), refusal.status
    except Invalid as refusal:
        return _page(typed={}, errors=refusal.errors), refusal.status
    flash(f"Your address is {email} now.", "success")
    return redirect(url_for("pages.account"))


@pages.post(f"{PATH}/sessions/<uuid:session_id>/end")
@signed_in
def end_own_session(session_id: uuid.UUID) -> ResponseReturnValue:
    """End one of one's sessions."""
    end_one(current_caller().user_id, session_id)
    flash("That session is ended.", "success")
    return redirect(url_for("pages.account"))


@pages.post(f"{PATH}/sessions/end-others")
@signed_in
def end_other_sessions() -> ResponseReturnValue:
    """End all sessions but this one."""
    ended = end_others(current_caller().user_id, current_user.session_id)
    flash(f"{counted(ended, 'other session')} ended.", "success")
    return redirect(url_for("pages.account"))


def _page(**shown: Any) -> str:
    user_id = current_caller().user_id
    sessions = sessions_of(user_id, current_user.session_id)
    return render_template(
        "auth/account.html",
        user=find_user(user_id),
        pending=pending_address(user_id),
        mails=mails_are_sent(),
        longest=MAX_PASSWORD,
        issuer=settings().issuer,
        identities=identities_of(user_id),
        sessions=[(device_words(session.device), session) for session in sessions],
        **{"typed": {}, "errors": {}, **shown},
    )
