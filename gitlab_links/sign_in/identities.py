"""Which account an identity opens, and linking them. Nothing here commits.

An issuer lets nobody into an org: membership comes by invitation only.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import delete, select, update

from gitlab_links.account_links.models import AccountLinkKind
from gitlab_links.account_links.notices import notify
from gitlab_links.accounts.mailed_links import confirm_address
from gitlab_links.accounts.models import LoginSession, User
from gitlab_links.accounts.sessions import audit_in_every_org
from gitlab_links.audit.changes import Action, Actor
from gitlab_links.clock import utcnow
from gitlab_links.config.issuers import Issuer
from gitlab_links.errors import Conflict, required
from gitlab_links.extensions import change_rows, db
from gitlab_links.invitations.acceptance import (
    AddressTaken,
    join_org,
    new_account,
    open_invitation,
)
from gitlab_links.sign_in.claims import Claims, SignInRefused
from gitlab_links.sign_in.models import Identity
from gitlab_links.storage.database import insert_unless_exists


class IdentityTaken(Conflict, code="identity_taken"):
    """The identity opens another account."""


class LastWayIn(Conflict, code="last_way_in"):
    """Without the identity the account could not be opened any more."""


def account_of(issuer: Issuer, claims: Claims) -> Identity:
    """The identity of whoever signed in, linked by their verified address if that is trusted.

    Raises :class:`SignInRefused` if it opens no account.
    """
    identity = _find(claims)
    if identity is None and issuer.trusts_addresses and claims.address is not None:
        identity = _link_by_address(claims, claims.address)
    if identity is None:
        raise SignInRefused(
            f"No account here is linked to your {issuer.label} account {claims.name}. If you have "
            "an account, log in and link it on the page Account. If you were invited, open the "
            "link of the invitation."
        )
    identity.last_used_at, identity.name = utcnow(), claims.name
    return identity


def join(issuer: Issuer, claims: Claims, token: str) -> Identity:
    """Accept an invitation with a new account that the identity opens.

    Whoever has an account already logs in with it, and accepts. Raises
    :class:`InvitationEnded`, :class:`SignInRefused`, and :class:`Forbidden` as
    :func:`acceptance.register` does.
    """
    if _find(claims) is not None:
        return account_of(issuer, claims)
    invitation = open_invitation(token)
    proven = issuer.trusts_addresses and claims.address == invitation.email
    try:
        user = new_account(invitation, invitation.name or claims.name, proven=proven)
    except AddressTaken:
        if proven:
            return account_of(issuer, claims)
        raise SignInRefused(
            f"{invitation.email} has an account here already. Log in with it and link your "
            f"{issuer.label} account on the page Account. Then open the link of the invitation "
            "again."
        ) from None
    if proven:
        confirm_address(user)
    identity = _insert(claims, user.id)
    join_org(invitation, token, user)
    _audit(user, Action.IDENTITY_LINKED, identity)
    return identity


def link(claims: Claims, user_id: uuid.UUID) -> Identity:
    """Let the identity open the account of the person logged in; raises
    :class:`IdentityTaken`.
    """
    identity = _find(claims)
    if identity is not None:
        if identity.user_id != user_id:
            raise IdentityTaken("This account is linked to another account here already.")
        return identity
    identity, user = _insert(claims, user_id), db.session.get_one(User, user_id)
    _audit(user, Action.IDENTITY_LINKED, identity)
    notify(user, AccountLinkKind.LINKED)
    return identity


def identities_of(user_id: uuid.UUID) -> Sequence[Identity]:
    """The person's identities, oldest first."""
    mine = select(Identity).where(Identity.user_id == user_id).order_by(Identity.id)
    return db.session.scalars(mine).all()


def unlink(
    issuer: Issuer | None, user_id: uuid.UUID, identity_id: uuid.UUID, keeping: uuid.UUID
) -> None:
    """End the link, and the sessions it opened but the one at hand (``keeping``).

    Raises :class:`NotFound`, and :class:`LastWayIn` if the person could not log in again.
    """
    user = db.session.get_one(User, user_id, with_for_update=True)
    found = {one.id: one for one in identities_of(user_id)}
    identity = required(found.get(identity_id))
    by_password = user.password_hash is not None and (
        issuer is None or issuer.lets_in_by_password(user.email)
    )
    others = [one for one in found.values() if one is not identity and _is_usable(issuer, one)]
    if not by_password and not others:
        raise LastWayIn("You could not log in any more. Set a password first.")
    _audit(user, Action.IDENTITY_UNLINKED, identity)
    change_rows(update(LoginSession).where(LoginSession.id == keeping).values(identity_id=None))
    change_rows(delete(LoginSession).where(LoginSession.identity_id == identity_id))
    change_rows(delete(Identity).where(Identity.id == identity_id))


def unlink_all(user: User) -> None:
    """End every link of an account, because somebody else than its owner may have made them."""
    for identity in identities_of(user.id):
        _audit(user, Action.IDENTITY_UNLINKED, identity)
    change_rows(delete(Identity).where(Identity.user_id == user.id))


def _is_usable(issuer: Issuer | None, identity: Identity) -> bool:
    return issuer is not None and identity.issuer == issuer.url


def _find(claims: Claims) -> Identity | None:
    found = select(Identity).where(
        Identity.issuer == claims.issuer, Identity.subject == claims.subject
    )
    return db.session.scalars(found).one_or_none()


def _link_by_address(claims: Claims, address: str) -> Identity | None:
    """Only into an account whose owner has confirmed the address: anybody may have created the
    others, and would be logged in as well.
    """
    user = db.session.scalars(
        select(User).where(User.email == address, User.is_person)
    ).one_or_none()
    if user is None:
        return None
    if user.email_confirmed_at is None:
        raise SignInRefused(
            "There is an account with your address, but nobody has confirmed the address. Log in "
            "with its password, and link the accounts on the page Account."
        )
    identity = _insert(claims, user.id)
    _audit(user, Action.IDENTITY_LINKED, identity)
    notify(user, AccountLinkKind.LINKED)
    return identity


def _insert(claims: Claims, user_id: uuid.UUID) -> Identity:
    new = {
        "user_id": user_id,
        "issuer": claims.issuer,
        "subject": claims.subject,
        "name": claims.name,
        "created_at": utcnow(),
    }
    insert_unless_exists(db.session, Identity, new, "issuer", "subject")
    identity = required(_find(claims))
    if identity.user_id != user_id:
        raise IdentityTaken("This account is linked to another account here already.")
    return identity


def _audit(user: User, action: Action, identity: Identity) -> None:
    detail = {"email": user.email, "issuer": identity.issuer, "name": identity.name}
    audit_in_every_org(user, action, Actor(user.id), detail)
