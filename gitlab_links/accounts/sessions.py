"""Logging in with e-mail address and password, passwords, and login sessions."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Network, ip_address

from sqlalchemy import and_, bindparam, delete, select

from gitlab_links.accounts.members import Standing
from gitlab_links.accounts.models import LoginSession, Membership, User
from gitlab_links.accounts.password_rules import MAX_PASSWORD, check_password
from gitlab_links.accounts.throttle import count_use
from gitlab_links.audit.changes import Action, Actor, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import DomainError, Invalid, RateLimited
from gitlab_links.extensions import db, settings
from gitlab_links.mail import LONGEST_ADDRESS
from gitlab_links.security import digest, hash_password, new_secret, password_matches

SESSION_LIFETIME = timedelta(days=14)
THROTTLE_SECONDS = 15 * 60
TRIES_PER_ACCOUNT = 10
TRIES_PER_ADDRESS = 100
REQUESTS_PER_ADDRESS = 20
MAX_EMAIL = LONGEST_ADDRESS

# Built once: building it for each request would cost as much as running it.
_SESSION_USER = (
    select(
        User.id,
        User.email,
        User.name,
        Membership.role,
        Membership.pending_name,
        LoginSession.id,
        LoginSession.last_seen_at,
        User.key_shortcuts,
    )
    .join(LoginSession, LoginSession.user_id == User.id)
    .outerjoin(
        Membership,
        and_(Membership.user_id == User.id, Membership.org_id == bindparam("org_id")),
    )
    .where(LoginSession.token_hash == bindparam("hash"), LoginSession.expires_at > bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class SessionUser:
    """The user of a session. ``standing`` is that in the org asked for; None for non-members."""

    id: uuid.UUID
    email: str
    name: str
    standing: Standing | None
    session_id: uuid.UUID
    last_seen_at: datetime | None
    key_shortcuts: bool


class LoginFailed(DomainError, status=422, code="login_failed"):
    """No such account, no password or a wrong one (422): the same answer for all."""

    def __init__(self) -> None:
        super().__init__("E-mail address or password is wrong.")


def log_in(email: str, password: str, address: str) -> str:
    """Check the password and open a session; returns the token for the browser's cookie.

    Raises :class:`LoginFailed`, or :class:`RateLimited` once the account or the IP address
    has failed too often, whether or not the account exists. Every try counts before the
    password is checked, so that parallel tries gain nothing.
    """
    email = email.strip().lower()
    tries = (
        (f"login:{digest('login-throttle', email)}", TRIES_PER_ACCOUNT),
        (_of_address(address), TRIES_PER_ADDRESS),
    )
    _count_tries(tries)
    user = _account(email)
    if not _is_right(user, password) or user is None or not may_use_password(user.email):
        raise LoginFailed
    for name, limit in tries:
        count_use(name, limit, THROTTLE_SECONDS, amount=-1)
    return open_session(user.id)


def may_use_password(email: str) -> bool:
    """Whether the operator lets the account with this address log in with a password."""
    issuer = settings().issuer
    return issuer is None or issuer.lets_in_by_password(email)


def count_refused_form(address: str) -> None:
    """Count a body that is not a form as a failed login of its IP address.

    Raises :class:`RateLimited` once the address has failed too often.
    """
    _count_tries(((_of_address(address), TRIES_PER_ADDRESS),))


def count_request_of_address(
    address: str, *, what: str = "mail", limit: int = REQUESTS_PER_ADDRESS
) -> None:
    """Count a request that costs others something, by somebody who is not logged in.

    Raises :class:`RateLimited` once the IP address has sent too many.
    """
    quota = count_use(f"{what}-from:{_neighbourhood(address)}", limit, THROTTLE_SECONDS)
    if quota.exceeded:
        raise RateLimited(
            "Too many requests. Wait a few minutes and try again.", retry_after=quota.reset_seconds
        )


def open_session(user_id: uuid.UUID, identity_id: uuid.UUID | None = None) -> str:
    """Open a session for a user whose password was checked; deletes the user's expired ones."""
    now = utcnow()
    db.session.execute(
        delete(LoginSession).where(LoginSession.user_id == user_id, LoginSession.expires_at <= now)
    )
    token = new_secret()
    db.session.add(
        LoginSession(
            user_id=user_id,
            token_hash=session_token_hash(token),
            expires_at=now + SESSION_LIFETIME,
            last_seen_at=now,
            identity_id=identity_id,
        )
    )
    db.session.flush()
    return token


def session_user(token: str, org_id: uuid.UUID | None = None) -> SessionUser | None:
    """The user of a session, with their standing in an org; None once it has ended.

    One indexed SELECT.
    """
    row = db.session.execute(
        _SESSION_USER, {"hash": session_token_hash(token), "now": utcnow(), "org_id": org_id}
    ).one_or_none()
    if row is None:
        return None
    user_id, email, name, role, pending_name, session_id, last_seen_at, key_shortcuts = row
    standing = Standing.of(role, pending_name)
    return SessionUser(user_id, email, name, standing, session_id, last_seen_at, key_shortcuts)


def end_session(token: str) -> None:
    """Log out this session."""
    db.session.execute(
        delete(LoginSession).where(LoginSession.token_hash == session_token_hash(token))
    )


def end_all_sessions(user_id: uuid.UUID) -> None:
    """Log the user out everywhere."""
    db.session.execute(delete(LoginSession).where(LoginSession.user_id == user_id))


def change_password(user_id: uuid.UUID, current: str, new: str) -> None:
    """Set a new password and end every session of the user, the current one included.

    Raises :class:`Invalid` with the field at fault, and :class:`RateLimited` after too many
    wrong guesses of the current password.
    """
    user = db.session.get_one(User, user_id)
    check_current_password(user, current)
    set_password(user, new)
    audit_in_every_org(user, Action.PASSWORD_CHANGED, Actor(user_id))


def check_current_password(user: User, current: str) -> None:
    """Raise :class:`Invalid` unless it is the person's password, and :class:`RateLimited` after
    too many wrong guesses.
    """
    quota = count_use(f"password:{user.id}", TRIES_PER_ACCOUNT, THROTTLE_SECONDS)
    if quota.exceeded:
        raise RateLimited(
            "Too many tries. Wait a few minutes and try again.", retry_after=quota.reset_seconds
        )
    if not _is_right(user, current):
        raise Invalid("Nothing was changed.", errors={"current": ["This is not your password."]})


def reset_password(user: User, password: str, actor: Actor) -> None:
    """Set a password for another person and end all their sessions.

    Audited in each of the person's orgs. Raises :class:`Invalid`.
    """
    set_password(user, password)
    audit_in_every_org(user, Action.PASSWORD_RESET, actor)


def set_password_by_link(user: User, password: str) -> None:
    """Set the password of the person who has the link, and end all their sessions.

    Audited in each of their orgs. Raises :class:`Invalid`.
    """
    set_password(user, password)
    audit_in_every_org(user, Action.PASSWORD_SET_BY_LINK, Actor(user.id))


def audit_in_every_org(
    user: User, action: Action, actor: Actor, detail: Mapping[str, str] | None = None
) -> None:
    """Audit a change of an account in each of the person's orgs."""
    orgs = select(Membership.org_id).where(Membership.user_id == user.id)
    for org_id in db.session.scalars(orgs):
        write_audit_event(org_id, actor, action, user.id, detail or {"email": user.email})


def set_password(user: User, password: str) -> None:
    """Set a password and end the user's sessions; raises :class:`Invalid` for a bad one."""
    check_password(password, user.email)
    user.password_hash = hash_password(password)
    end_all_sessions(user.id)


def _count_tries(tries: Iterable[tuple[str, int]]) -> None:
    quotas = [count_use(name, limit, THROTTLE_SECONDS) for name, limit in tries]
    if any(quota.exceeded for quota in quotas):
        raise RateLimited(
            "Too many failed logins. Wait a few minutes and try again.",
            retry_after=max(quota.reset_seconds for quota in quotas),
        )


def _of_address(address: str) -> str:
    """The name of the counter of all failed logins from an address."""
    return f"login-from:{_neighbourhood(address)}"


def _neighbourhood(address: str) -> str:
    """The unit of counting. With IPv6 one client has 2^64 addresses, so its /64 network counts."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # the path of a socket, or empty
    if isinstance(parsed, IPv4Address):
        return address
    return str(parsed.ipv4_mapped or IPv6Network((int(parsed), 64), strict=False))


def _account(email: str) -> User | None:
    if len(email) > MAX_EMAIL or not email.isprintable():
        return None  # PostgreSQL raises an error for a NUL character
    return db.session.scalars(select(User).where(User.email == email)).one_or_none()


def _is_right(user: User | None, password: str) -> bool:
    known = user.password_hash if user and len(password) <= MAX_PASSWORD else None
    return password_matches(password[:MAX_PASSWORD], known)


def session_token_hash(token: str) -> str:
    """The digest by which a session is stored and found."""
    return digest("login-session", token)
