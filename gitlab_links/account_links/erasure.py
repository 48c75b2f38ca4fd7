"""Erasing a person with every link to them. Nothing here commits."""

from sqlalchemy import delete

from gitlab_links.account_links.models import AccountLink
from gitlab_links.accounts.erasure import erase_person, former_addresses
from gitlab_links.accounts.models import User
from gitlab_links.audit.changes import Actor
from gitlab_links.extensions import change_rows
from gitlab_links.invitations.models import Invitation


def erase_account(user: User, actor: Actor) -> None:
    """Delete the account, and links and invitations to its addresses, former ones included.

    Raises :class:`LastAdmin` if an org would be left without an admin.
    """
    for address in (user.email, *former_addresses(user)):
        change_rows(delete(AccountLink).where(AccountLink.email == address))
        change_rows(delete(Invitation).where(Invitation.email == address))
    erase_person(user, actor)
