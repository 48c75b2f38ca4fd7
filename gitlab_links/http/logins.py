"""Browser sessions: a random token in the signed cookie, its keyed digest in the database."""

import uuid
from dataclasses import dataclass

from flask import Flask, Request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from gitlab_links.accounts.sessions import end_session, session_user
from gitlab_links.http import transactions


@dataclass(frozen=True, eq=False)
class LoggedIn(UserMixin):  # type: ignore[misc]
    """``flask_login.current_user`` of a valid session; Flask-Login's id is the token."""

    user_id: uuid.UUID
    email: str
    name: str
    token: str

    def get_id(self) -> str:
        """What the cookie holds."""
        return self.token


class _CookieSessions(SecureCookieSessionInterface):
    """Flask's own, which makes ready to check a signature only where there is a cookie."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def register(app: Flask) -> None:
    """Have ``current_user`` loaded from the session's row."""
    app.session_interface = _CookieSessions()
    manager = LoginManager()
    manager.session_protection = None
    manager.user_loader(_load)
    manager.init_app(app)


def start_browser_session(token: str) -> None:
    """Give the browser the token of a session just made; whatever it had before is gone."""
    session.clear()
    session.permanent = True
    login_user(_load(token))


def end_browser_session() -> None:
    """Log out: the session's row goes, so that a kept copy of the cookie opens nothing."""
    if current_user.is_authenticated:
        end_session(current_user.token)
    logout_user()
    session.clear()


def _load(token: str) -> LoggedIn | None:
    transactions.begin()
    user = session_user(token)
    return None if user is None else LoggedIn(user.id, user.email, user.name, token)
