"""Creating, rotating and revoking API keys. A secret is shown once. Nothing here commits."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from gitlab_links.accounts.key_logins import hash_key
from gitlab_links.accounts.models import ApiKey
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.principal import InsufficientScope, Principal
from gitlab_links.accounts.roles import Permission, Scope
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import Forbidden, required
from gitlab_links.extensions import db
from gitlab_links.installation import secret_key_digest
from gitlab_links.paging import Position, paged
from gitlab_links.security import API_KEY_PREFIX, new_secret, same_digest

HINT_LENGTH = 12
DEFAULT_DAYS = 90


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its secret, which cannot be read again."""

    key: ApiKey
    secret: str


def keys_page(
    org_id: uuid.UUID,
    *,
    revoked: bool = False,
    after: Position | None = None,
    limit: int | None = None,
) -> Sequence[ApiKey]:
    """The org's keys with their owners, oldest first: those in force, or those revoked."""
    statement = _joined(org_id, revoked=revoked)
    return db.session.scalars(paged(statement, ApiKey.id, after=after, limit=limit)).all()


def find_key(org_id: uuid.UUID, key_id: uuid.UUID) -> ApiKey:
    """One key with its owner; raises :class:`NotFound`, also if it is revoked or another org's."""
    return required(db.session.scalars(_joined(org_id).where(ApiKey.id == key_id)).one_or_none())


def lock_key(key_id: uuid.UUID) -> None:
    """Lock the key until the commit; rows that name it, as in the audit log, need not wait."""
    one = select(ApiKey.id).where(ApiKey.id == key_id)
    db.session.execute(one.with_for_update(key_share=True))


def create_key(
    principal: Principal, name: str, scopes: Iterable[Scope], expires_in_days: int | None
) -> NewKey:
    """Create a key for the caller: see :func:`create_key_for`."""
    return create_key_for(principal, principal.user_id, name, scopes, expires_in_days)


def create_key_for(
    principal: Principal,
    owner_id: uuid.UUID,
    name: str,
    scopes: Iterable[Scope],
    expires_in_days: int | None,
) -> NewKey:
    """Create a key of the caller's or of a service account; without a number of days it does
    not expire.

    A key created with another key expires no later, and is revoked with it. Raises
    :class:`Invalid` for the name, and :class:`InsufficientScope` for scopes that the caller's own
    key lacks.
    """
    name = checked_name(name)
    wanted = frozenset(scopes)
    _check_scopes(principal, wanted)
    expires_at = None if expires_in_days is None else utcnow() + timedelta(days=expires_in_days)
    ends = [moment for moment in (expires_at, principal.expires_at) if moment is not None]
    new = issue_key(principal.org_id, owner_id, name, wanted, min(ends, default=None))
    new.key.made_with_id = principal.api_key_id
    db.session.flush()
    _audit(principal, Action.API_KEY_CREATED, new.key)
    return NewKey(find_key(principal.org_id, new.key.id), new.secret)


def issue_key(
    org_id: uuid.UUID,
    user_id: uuid.UUID,
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
) -> NewKey:
    """Create a key without any check of permissions: for the operator and for demo data."""
    key = ApiKey(
        org_id=org_id,
        user_id=user_id,
        name=name,
        scopes=sorted(scope.value for scope in scopes),
        expires_at=expires_at,
    )
    secret = _give_secret(key)
    db.session.add(key)
    db.session.flush()
    return NewKey(key, secret)


def _give_secret(key: ApiKey) -> str:
    secret = new_secret(API_KEY_PREFIX)
    key.hint, key.secret_hash = secret[:HINT_LENGTH], hash_key(secret)
    key.hashed_with = secret_key_digest()
    return secret


def is_of_other_secret_key(key: ApiKey) -> bool:
    """Whether the key is refused because ``SECRET_KEY`` has changed since it was made."""
    return key.hashed_with is not None and not same_digest(key.hashed_with, secret_key_digest())


def count_of_other_secret_keys() -> int:
    """How many keys of all orgs do not work for this reason."""
    other = (ApiKey.revoked_at.is_(None), ApiKey.hashed_with != secret_key_digest())
    return db.session.scalar(select(func.count()).select_from(ApiKey).where(*other)) or 0


def rotate_key(principal: Principal, key_id: uuid.UUID) -> NewKey:
    """Replace the secret of a key; the old one is invalid from the commit on.

    Only for the owner, because the secret gives the owner's permissions; a service account's
    for whoever may manage those. A key may rotate only itself and keys created with it, because
    another one would stay valid when it ends.
    Raises :class:`NotFound`, :class:`Forbidden`, :class:`InsufficientScope`.
    """
    key = find_key(principal.org_id, key_id)
    manages = not key.user.is_person and principal.may(Permission.SERVICE_ACCOUNTS)
    if key.user_id != principal.user_id and not manages:
        raise Forbidden("Only the owner of an API key may replace its secret. You may revoke it.")
    _check_scopes(principal, frozenset(Scope(scope) for scope in key.scopes))
    _check_descent(principal, key)
    secret = _give_secret(key)
    _audit(principal, Action.API_KEY_ROTATED, key)
    return NewKey(key, secret)


def revoke_key(principal: Principal, key_id: uuid.UUID) -> None:
    """Revoke a key of the org and all keys created with it. Raises :class:`NotFound`."""
    ending: Sequence[ApiKey] = [find_key(principal.org_id, key_id)]
    while ending:
        for key in ending:
            key.revoked_at = utcnow()
            _audit(principal, Action.API_KEY_REVOKED, key)
        makers = [key.id for key in ending]
        made = _joined(principal.org_id).where(ApiKey.made_with_id.in_(makers))
        ending = db.session.scalars(made).all()


def keys_of(org_id: uuid.UUID, user_ids: Collection[uuid.UUID]) -> Sequence[ApiKey]:
    """The keys in force of these users, oldest first."""
    ours = _joined(org_id).where(ApiKey.user_id.in_(user_ids)).order_by(ApiKey.id)
    return db.session.scalars(ours).all()


def _joined(org_id: uuid.UUID, *, revoked: bool = False) -> Select[ApiKey]:
    is_revoked = ApiKey.revoked_at.is_not(None) if revoked else ApiKey.revoked_at.is_(None)
    return (
        select(ApiKey).options(joinedload(ApiKey.user)).where(ApiKey.org_id == org_id, is_revoked)
    )


def _check_scopes(principal: Principal, wanted: frozenset[Scope]) -> None:
    if principal.scopes is not None and not wanted <= principal.scopes:
        missing = ", ".join(sorted(wanted - principal.scopes))
        raise InsufficientScope(
            f"An API key cannot give another key scopes that it lacks itself: {missing}."
        )


def _check_descent(principal: Principal, key: ApiKey) -> None:
    """Refuse a key that is neither the caller's nor created with it, directly or indirectly."""
    maker: ApiKey | None = key
    while maker is not None and principal.api_key_id not in {None, maker.id}:
        maker = db.session.get(ApiKey, maker.made_with_id) if maker.made_with_id else None
    if maker is None:
        raise Forbidden(
            "An API key may only replace its own secret and those of keys created with it."
        )


def _audit(principal: Principal, action: Action, key: ApiKey) -> None:
    write_audit_event(
        principal.org_id, principal.actor, action, key.id, {"name": key.name, "scopes": key.scopes}
    )
