"""Changing the e-mail address of an account, confirmed by a link. Nothing here commits."""

import uuid
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.exc import IntegrityError

from gitlab_links.account_links.models import AccountLink, AccountLinkKind
from gitlab_links.account_links.notices import notify
from gitlab_links.account_links.passwords import NoMailServer
from gitlab_links.accounts.mailed_links import (
    find_link,
    link_token_hash,
    mails_are_sent,
    start_link,
)
from gitlab_links.accounts.models import User
from gitlab_links.accounts.people import checked_address
from gitlab_links.accounts.session_list import check_just_signed_in
from gitlab_links.accounts.sessions import audit_in_every_org, check_current_password
from gitlab_links.accounts.throttle import count_use
from gitlab_links.audit.changes import Action, Actor
from gitlab_links.clock import utcnow
from gitlab_links.errors import Invalid, NotFound, RateLimited
from gitlab_links.extensions import change_rows, db, settings

LASTS = timedelta(days=1)
MAILS_PER_ACCOUNT, WINDOW_SECONDS = 5, 3600


class AddressLinkEnded(NotFound, code="address_link_ended"):
    """The link is unknown, used, expired, or another account's: one answer for all (404)."""

    def __init__(self) -> None:
        super().__init__("This link is no longer valid.")


def ask_for_address(user_id: uuid.UUID, email: str, current: str, session_id: uuid.UUID) -> str:
    """Mail a link to a new address, which becomes the account's when it is opened; returns it.

    Whether another account has the address is not said. Raises :class:`NoMailServer`,
    :class:`Invalid` with the field at fault, and :class:`RateLimited`.
    """
    if not mails_are_sent():
        raise NoMailServer("This service sends no mail, so it cannot confirm an address.")
    user = db.session.get_one(User, user_id)
    email = checked_address(email)
    if email == user.email:
        raise Invalid("Nothing to change.", errors={"email": ["This is your address already."]})
    if user.password_hash is not None:
        check_current_password(user, current)
    else:
        check_just_signed_in(session_id, "email")
    quota = count_use(f"address-link:{user_id}", MAILS_PER_ACCOUNT, WINDOW_SECONDS)
    if quota.exceeded:
        raise RateLimited("Too many mails. Try again later.", retry_after=quota.reset_seconds)
    change_rows(delete(AccountLink).where(*_pending(user_id)))
    link = AccountLink(kind=AccountLinkKind.ADDRESS.value, email=email, user_id=user_id)
    start_link(link, LASTS)
    db.session.add(link)
    db.session.flush()
    return email


def pending_address(user_id: uuid.UUID) -> str | None:
    """The address that waits to be confirmed."""
    waiting = select(AccountLink.email).where(*_pending(user_id), AccountLink.expires_at > utcnow())
    return db.session.scalars(waiting).first()


def address_of_link(token: str, user_id: uuid.UUID) -> str:
    """The address that a link confirms for this person; raises :class:`AddressLinkEnded`."""
    return _link(token, user_id).email


def confirm_new_address(token: str, user_id: uuid.UUID) -> str:
    """Make the address the account's; returns it.

    Only its owner, logged in, can: whoever else has the mailbox must not get the account.
    Raises :class:`AddressLinkEnded`, and :class:`Invalid` if another account has the address.
    """
    link = _link(token, user_id)
    user, email = db.session.get_one(User, user_id), link.email
    before = user.email
    used = change_rows(
        delete(AccountLink).where(
            AccountLink.id == link.id, AccountLink.token_hash == link_token_hash(token)
        )
    )
    if not used:
        raise AddressLinkEnded
    change_address(user, email, Actor(user_id))
    notify(user, AccountLinkKind.ADDRESS_SET, to=before)
    return email


def change_address(user: User, email: str, actor: Actor) -> None:
    """Set a confirmed address, audited in each of the person's orgs.

    Raises :class:`Invalid` if another account has it.
    """
    before = user.email
    if db.session.scalar(select(exists().where(User.email == email))):
        raise _taken()
    try:
        with db.session.begin_nested():
            user.email, user.email_confirmed_at = email, utcnow()
    except IntegrityError:  # taken at this moment
        raise _taken() from None
    detail = {"email": email, "before": before}
    audit_in_every_org(user, Action.ADDRESS_CHANGED, actor, detail)


def _link(token: str, user_id: uuid.UUID) -> AccountLink:
    link = find_link(AccountLink, token)
    if link is None or link.kind != AccountLinkKind.ADDRESS or link.user_id != user_id:
        raise AddressLinkEnded
    return link


def _pending(user_id: uuid.UUID) -> tuple[ColumnElement[bool], ...]:
    return (AccountLink.user_id == user_id, AccountLink.kind == AccountLinkKind.ADDRESS.value)


def address_url(token: str) -> str:
    """The address of the page where a new address is confirmed."""
    return f"{settings().public_base_url}/account/address/{token}"


def _taken() -> Invalid:
    words = "This address belongs to another account. Nothing was changed."
    return Invalid(words, errors={"email": [words]})
