"""The account of the person logged in: their password."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from gitlab_links.account_links.models import AccountLinkKind
from gitlab_links.account_links.notices import notify
from gitlab_links.accounts.password_rules import MAX_PASSWORD, MIN_PASSWORD
from gitlab_links.accounts.people import find_user
from gitlab_links.accounts.sessions import change_password, open_session
from gitlab_links.errors import Invalid, RateLimited
from gitlab_links.http.access import signed_in
from gitlab_links.http.guard import current_caller
from gitlab_links.http.logins import start_browser_session
from gitlab_links.pages.accounts.passwords_typed import typed_password_errors
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent


@pages.route("/account/password", methods=["GET", "POST"])
@signed_in
def account_password() -> ResponseReturnValue:
    """Change the password of the person logged in; their other sessions are signed out."""
    if request.method == "GET":
        return _page({})
    sent("current")
    errors = typed_password_errors(request.form)
    if not request.form["current"]:
        errors["current"] = ["Enter your current password."]
    if errors:
        return _page(errors), 422
    user_id = current_caller().user_id
    try:
        change_password(user_id, request.form["current"], request.form["password"])
        notify(find_user(user_id), AccountLinkKind.PASSWORD_SET)
    except Invalid as refusal:
        return _page(refusal.errors), 422
    except RateLimited as refusal:
        page = _page({"current": [refusal.detail]})
        return page, refusal.status, {"Retry-After": str(refusal.retry_after)}
    start_browser_session(open_session(user_id))
    flash("Password changed. Your other sessions have been signed out.", "success")
    return redirect(url_for("pages.root"))


def _page(errors: dict[str, list[str]]) -> str:
    return render_template(
        "auth/password.html", errors=errors, shortest=MIN_PASSWORD, longest=MAX_PASSWORD
    )
