"""A person deletes their own account."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from gitlab_links.account_links.erasure import erase_account
from gitlab_links.accounts.members import LastAdmin
from gitlab_links.accounts.models import User
from gitlab_links.accounts.password_rules import MAX_PASSWORD
from gitlab_links.accounts.people import find_user
from gitlab_links.accounts.session_list import check_just_signed_in
from gitlab_links.accounts.sessions import check_current_password
from gitlab_links.audit.changes import Actor
from gitlab_links.errors import Invalid, RateLimited
from gitlab_links.http.access import signed_in
from gitlab_links.http.guard import current_caller
from gitlab_links.http.logins import end_browser_session
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent


@pages.route("/account/delete", methods=["GET", "POST"])
@signed_in
def delete_account() -> ResponseReturnValue:
    """Ask first; the address and the password must be typed.

    Whoever has no password must have signed in just now.
    """
    user = find_user(current_caller().user_id)
    if request.method == "GET":
        return _page(user)
    [typed] = sent("typed_email")
    if typed.lower() != user.email:
        return _page(user, typed, {"typed_email": [f"Type your address: {user.email}"]}), 422
    try:
        if user.password_hash is not None:
            check_current_password(user, request.form.get("current", ""))
        else:
            check_just_signed_in(current_user.session_id, "typed_email")
        erase_account(user, Actor())
    except (Invalid, LastAdmin, RateLimited) as refusal:
        errors = refusal.errors or {"typed_email": [refusal.detail]}
        return _page(user, typed, errors), refusal.status
    end_browser_session()
    flash("Your account is deleted.", "success")
    return redirect(url_for("pages.log_in"))


def _page(user: User, typed: str = "", errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "auth/delete_account.html",
        user=user,
        typed=typed,
        errors=errors or {},
        longest=MAX_PASSWORD,
    )
