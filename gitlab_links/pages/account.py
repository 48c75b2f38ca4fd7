"""The account of the person logged in: their password."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import EqualTo, InputRequired

from gitlab_links.accounts.sessions import (
    MAX_PASSWORD,
    MIN_PASSWORD,
    change_password,
    open_session,
)
from gitlab_links.errors import Invalid, RateLimited
from gitlab_links.http.access import signed_in
from gitlab_links.http.guard import current_caller
from gitlab_links.http.logins import start_browser_session
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """The current password, and the new one twice. The guard has checked the CSRF token."""

    class Meta:
        csrf = False

    current = PasswordField(
        "Current password",
        validators=[InputRequired("Enter your current password.")],
        render_kw={"autocomplete": "current-password", "maxlength": MAX_PASSWORD},
    )
    password = PasswordField(
        "New password",
        validators=[InputRequired("Enter the new password.")],
        render_kw={"autocomplete": "new-password", "maxlength": MAX_PASSWORD},
    )
    again = PasswordField(
        "New password, again",
        validators=[
            InputRequired("Enter the new password again."),
            EqualTo("password", "The two passwords differ."),
        ],
        render_kw={"autocomplete": "new-password", "maxlength": MAX_PASSWORD},
    )


@pages.route("/account/password", methods=["GET", "POST"])
@signed_in
def account_password() -> ResponseReturnValue:
    """Change the password of the person logged in; their other sessions are signed out."""
    form = PasswordForm()
    if request.method == "GET":
        return _page(form)
    sent("current", "password", "again")
    if not form.validate():
        return _page(form), 422
    user_id = current_caller().user_id
    try:
        change_password(user_id, form.current.data, form.password.data)
    except Invalid as refusal:
        for name, messages in refusal.errors.items():
            form[name].errors = messages
        return _page(form), 422
    except RateLimited as refusal:
        form.current.errors = [refusal.detail]
        return _page(form), refusal.status, {"Retry-After": str(refusal.retry_after)}
    start_browser_session(open_session(user_id))
    flash("Password changed. Your other sessions have been signed out.", "success")
    return redirect(url_for("pages.root"))


def _page(form: PasswordForm) -> str:
    return render_template("auth/password.html", form=form, shortest=MIN_PASSWORD)
