"""Links to set a new password: asked for by mail, or made by an admin. Nothing here commits."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, or_, select

from gitlab_links.account_links.models import NOTICES, AccountLink, AccountLinkKind
from gitlab_links.account_links.notices import notify
from gitlab_links.accounts.mailed_links import (
    confirm_address,
    find_link,
    link_token_hash,
    mails_are_sent,
    start_link,
)
from gitlab_links.accounts.models import Membership, User
from gitlab_links.accounts.operators import is_operator
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.sessions import (
    count_request_of_address,
    may_use_password,
    set_password_by_link,
)
from gitlab_links.accounts.throttle import count_use
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.errors import Conflict, Forbidden, NotFound, RateLimited, required
from gitlab_links.extensions import change_rows, db, settings
from gitlab_links.mail import parse_mail_address
from gitlab_links.security import digest

MAILED_LASTS = timedelta(hours=1)
HANDED_OVER_LASTS = timedelta(days=1)
MAILS_PER_ACCOUNT, WINDOW_SECONDS = 3, 3600


class NoMailServer(Conflict, code="no_mail_server"):
    """The service sends no mail."""


class PasswordLinkEnded(NotFound, code="password_link_ended"):
    """The link is unknown, used or expired, or it is no longer safe: one answer for all (404)."""

    def __init__(self) -> None:
        super().__init__("This link is no longer valid.")


class NoLinkForThem(Forbidden, code="no_link_for_them"):
    """Whoever has the link would get more than the admin may give."""


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A password link for a member. ``link`` can be shown only now; None if it is mailed."""

    email: str
    link: str | None


def ask_for_password_link(email: str, address: str) -> None:
    """Mail a link to the owner of the account with this e-mail address, if there is one.

    Nobody learns whether there is. Raises :class:`NoMailServer`, and :class:`RateLimited` for
    too many requests from an IP address.
    """
    if not mails_are_sent():
        raise NoMailServer("This service sends no mail.")
    count_request_of_address(address)
    try:
        email = parse_mail_address(email.strip()).lower()
    except ValueError:
        return
    if _mails_too_often(email):
        return
    _add(email, None, MAILED_LASTS)


def link_for_member(principal: Principal, member_id: uuid.UUID) -> MadeLink:
    """A link for a member who cannot log in: mailed to them, else for the admin to hand over.

    Raises :class:`NotFound`, :class:`RateLimited`, and :class:`NoLinkForThem` if the admin would
    see a link to an account with more than a role below theirs in this org alone.
    """
    membership = required(
        db.session.scalars(
            select(Membership).where(
                Membership.org_id == principal.org_id, Membership.id == member_id
            )
        ).one_or_none()
    )
    user = db.session.get_one(User, membership.user_id)
    by_hand = not mails_are_sent()
    if user.id == principal.user_id or not user.is_person or (by_hand and not _is_safe(user)):
        raise NoLinkForThem(
            "A link cannot be made for this member. The operator can set their password, with "
            "the command set-password."
        )
    if _mails_too_often(user.email):
        raise RateLimited("Too many links were made for this member.", retry_after=WINDOW_SECONDS)
    token = _add(user.email, user.id, HANDED_OVER_LASTS)
    detail = {"email": user.email}
    action = Action.PASSWORD_LINK_CREATED
    write_audit_event(principal.org_id, principal.actor, action, user.id, detail)
    return MadeLink(user.email, None if token is None else password_url(token))


def account_of_link(token: str) -> User:
    """The account that a valid link is for; raises :class:`PasswordLinkEnded`.

    A link that was handed over ends when its account gets more than an admin may give: a role in
    another org, or an admin's.
    """
    link = find_link(AccountLink, token)
    if link is None or link.kind != AccountLinkKind.PASSWORD:
        raise PasswordLinkEnded
    user = account_for(link)
    if user is None or not may_use_password(user.email):
        raise PasswordLinkEnded
    if link.mailed_at is None and not _is_safe(user):
        raise PasswordLinkEnded
    return user


def use_password_link(token: str, password: str) -> None:
    """Set the password, end all sessions and every other link of the account.

    Raises :class:`PasswordLinkEnded` and :class:`Invalid`.
    """
    user = account_of_link(token)
    link = required(find_link(AccountLink, token))
    set_password_by_link(user, password)
    used = change_rows(
        delete(AccountLink).where(
            AccountLink.id == link.id, AccountLink.token_hash == link_token_hash(token)
        )
    )
    if not used:
        raise PasswordLinkEnded
    if link.mailed_at is not None:
        confirm_address(user)
    mine = or_(AccountLink.user_id == user.id, AccountLink.email == user.email)
    change_rows(delete(AccountLink).where(mine, AccountLink.kind.not_in(NOTICES)))
    notify(user, AccountLinkKind.PASSWORD_SET)


def account_for(link: AccountLink) -> User | None:
    """The account of a link; None if it is gone, or has another address by now."""
    found = select(User).where(User.email == link.email, User.is_person)
    user = db.session.scalars(found).one_or_none()
    return None if user is None or link.user_id not in {None, user.id} else user


def password_url(token: str) -> str:
    """The address of the page where the password is set."""
    return f"{settings().public_base_url}/password/{token}"


def _add(email: str, user_id: uuid.UUID | None, lasts: timedelta) -> str | None:
    link = AccountLink(kind=AccountLinkKind.PASSWORD.value, email=email, user_id=user_id)
    token = start_link(link, lasts)
    db.session.add(link)
    db.session.flush()
    return token


def _mails_too_often(email: str) -> bool:
    counter = f"password-link:{digest('password-link', email)}"
    return count_use(counter, MAILS_PER_ACCOUNT, WINDOW_SECONDS).exceeded


def _is_safe(user: User) -> bool:
    """Whether an admin of their one org may hold the key to the account for a moment."""
    roles = db.session.scalars(select(Membership.role).where(Membership.user_id == user.id)).all()
    alone = len(roles) == 1 and roles[0] != Role.ADMIN.value
    return alone and not is_operator(user.id, user.email)
