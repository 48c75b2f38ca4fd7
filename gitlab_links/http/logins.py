"""Browser sessions: a random token in the signed cookie, its keyed digest in the database."""

import uuid
from dataclasses import dataclass
from functools import partial

from flask import Flask, Request, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from gitlab_links.accounts.members import Standing
from gitlab_links.accounts.noted_uses import use_is_due
from gitlab_links.accounts.session_list import note_origin, note_use
from gitlab_links.accounts.sessions import end_session, session_user
from gitlab_links.clock import utcnow
from gitlab_links.http import transactions


@dataclass(frozen=True, eq=False)
class LoggedIn(UserMixin):  # type: ignore[misc]
    """``flask_login.current_user`` of a valid session; Flask-Login's id is the token.

    ``standing`` is that in the org of the path; None for non-members, and without one.
    """

    user_id: uuid.UUID
    email: str
    name: str
    token: str
    standing: Standing | None
    session_id: uuid.UUID
    key_shortcuts: bool

    def get_id(self) -> str:
        """The token, which the cookie contains."""
        return self.token


class _CookieSessions(SecureCookieSessionInterface):
    """Flask's own, but it prepares the signature check only if there is a cookie."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def register(app: Flask) -> None:
    """Load ``current_user`` from the session's row."""
    app.session_interface = _CookieSessions()
    manager = LoginManager()
    manager.session_protection = None
    manager.user_loader(_load)
    manager.init_app(app)


def start_browser_session(token: str) -> None:
    """Give the browser the token of a new session; its previous session data is cleared."""
    session.clear()
    session.permanent = True
    note_origin(token, request.headers.get("User-Agent", ""), request.remote_addr or "")
    login_user(_load(token))


def end_browser_session() -> None:
    """Log out and delete the session's row, so that a copy of the cookie stops working."""
    if current_user.is_authenticated:
        end_session(current_user.token)
    logout_user()
    session.clear()


def _load(token: str) -> LoggedIn | None:
    transactions.begin()
    user = session_user(token, (request.view_args or {}).get("org_id"))
    if user is None:
        return None
    if use_is_due(user.last_seen_at, utcnow()):
        used = partial(note_use, user.session_id)
        transactions.write_after_commit("session.use_not_noted", used)
    return LoggedIn(
        user.id,
        user.email,
        user.name,
        token,
        user.standing,
        user.session_id,
        user.key_shortcuts,
    )
