"""Mails about changes by which somebody could take an account over. Nothing here commits."""

from datetime import timedelta

from gitlab_links.account_links.models import AccountLink, AccountLinkKind
from gitlab_links.accounts.mailed_links import mails_are_sent, start_link
from gitlab_links.accounts.models import User
from gitlab_links.emails.composition import PersonEmail
from gitlab_links.extensions import db, settings

LASTS = timedelta(days=1)


def notify(user: User, kind: AccountLinkKind, *, to: str | None = None) -> None:
    """Have the account's owner mailed, at ``to`` or their address; nothing without a mail server.

    It goes with the change: both are committed or neither.
    """
    if mails_are_sent():
        notice = AccountLink(kind=kind.value, email=to or user.email, user_id=user.id)
        start_link(notice, LASTS)
        db.session.add(notice)


def notice_email(notice: AccountLink, user: User) -> PersonEmail:
    """The words of a notice."""
    subject, line = _WORDS[AccountLinkKind(notice.kind)]
    return PersonEmail(
        to=notice.email,
        subject=subject,
        lines=(line.format(email=user.email),),
        button="See your account",
        url=f"{settings().public_base_url}/account",
        closing="If it was not you, set a new password at the login (Forgot your password?), end "
        "your other sessions on the page Account, and write to an admin of your org.",
    )


_WORDS = {
    AccountLinkKind.PASSWORD_SET: (
        "Your password was changed",
        "The password of your account {email} was changed, and its other sessions were ended.",
    ),
    AccountLinkKind.ADDRESS_SET: (
        "Your account has another e-mail address",
        "Your account has the address {email} now, and no longer this one.",
    ),
    AccountLinkKind.LINKED: (
        "Another account was linked to yours",
        "Whoever signs in with that account gets into your account {email}. The page Account "
        "names it, and unlinks it.",
    ),
}
