"""The e-mails with links that change an account."""

import uuid

from gitlab_links.account_links.addresses import address_url
from gitlab_links.account_links.models import NOTICES, AccountLink, AccountLinkKind
from gitlab_links.account_links.notices import notice_email
from gitlab_links.account_links.passwords import account_for, password_url
from gitlab_links.accounts.models import User
from gitlab_links.emails.composition import PersonEmail
from gitlab_links.extensions import db


def account_email(link_id: uuid.UUID, token: str) -> PersonEmail | None:
    """The words for the account's owner; None if there is no account, or the link has ended."""
    link = db.session.get(AccountLink, link_id)
    if link is None:
        return None
    if link.kind in NOTICES:
        user = db.session.get(User, link.user_id) if link.user_id else None
        return None if user is None else notice_email(link, user)
    if link.kind == AccountLinkKind.ADDRESS:
        return _address_email(link, token)
    return None if account_for(link) is None else _password_email(link, token)


def _address_email(link: AccountLink, token: str) -> PersonEmail:
    return PersonEmail(
        to=link.email,
        subject="Confirm your new e-mail address",
        lines=(
            "Somebody wants to use this address for their account.",
            "If it was you, open the link where you are logged in. It works once and for a day.",
        ),
        button="Confirm the address",
        url=address_url(token),
        closing="If it was not you, ignore this mail: nothing happens.",
    )


def _password_email(link: AccountLink, token: str) -> PersonEmail:
    return PersonEmail(
        to=link.email,
        subject="Set a new password",
        lines=(
            "Somebody asked for a link to set a new password of your account, you or an admin of "
            "your org.",
            f"The link works once, until {link.expires_at:%d %B, %H:%M} UTC. Setting a password "
            "ends all your sessions.",
        ),
        button="Set a new password",
        url=password_url(token),
        closing="If you did not expect this, ignore this mail: your password stays as it is.",
    )
