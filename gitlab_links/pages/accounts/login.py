"""Login, logout and the start page."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from gitlab_links.accounts import sessions
from gitlab_links.accounts.orgs import orgs_page
from gitlab_links.accounts.sessions import LoginFailed
from gitlab_links.errors import RateLimited
from gitlab_links.extensions import settings
from gitlab_links.http.access import public, signed_in
from gitlab_links.http.guard import current_caller
from gitlab_links.http.logins import end_browser_session, start_browser_session
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent
from gitlab_links.pages.unsent_forms import Typed, typed_before
from gitlab_links.pages.viewer import last_org


@pages.route("/login", methods=["GET", "POST"])
@public("people open it before they are logged in")
def log_in() -> ResponseReturnValue:
    """The login form; every failure shows the same message."""
    if request.method == "GET":
        typed = typed_before() or Typed()
        wanted = local_path(request.args.get("next") or typed.get("next"))
        if current_user.is_authenticated:
            return redirect(wanted or url_for("pages.root"))
        return _page(typed.get("email", ""), wanted)
    sent("email", "password")
    email, wanted = request.form["email"], request.form.get("next")
    try:
        token = sessions.log_in(email, request.form["password"], request.remote_addr or "")
    except (LoginFailed, RateLimited) as refusal:
        headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
        return _page(email, wanted, refusal.detail), refusal.status, headers
    start_browser_session(token)
    return redirect(local_path(wanted) or url_for("pages.root"))


def _page(email: str, wanted: str | None, failure: str | None = None) -> str:
    return render_template(
        "auth/login.html", email=email, next=wanted, failure=failure, issuer=settings().issuer
    )


@pages.post("/logout")
@public("logging out without a session changes nothing")
def log_out() -> ResponseReturnValue:
    """End the session."""
    end_browser_session()
    flash("You are logged out.", "success")
    return redirect(url_for("pages.log_in"))


@pages.get("/")
@signed_in
def root() -> ResponseReturnValue:
    """Redirect to the tasks of the org last opened, or of the first one."""
    orgs = orgs_page(current_caller().user_id)
    if not orgs:
        return render_template("auth/no_org.html")
    return redirect(url_for("pages.task_list", org_id=last_org(orgs).id))


def local_path(target: str | None) -> str | None:
    """``target`` if it is a path of this service, else None: no redirect to other sites."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    # Browsers read a backslash as a slash, and leave out tabs and line ends.
    return target if target.isprintable() and "\\" not in target else None
