"""Authenticating an API key, with one indexed SELECT and the same answer for every failure."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, exists, or_, select, update

from gitlab_links.accounts.models import ApiKey, Membership
from gitlab_links.accounts.noted_uses import is_due_in, use_is_due
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.clock import utcnow
from gitlab_links.extensions import change_rows, db
from gitlab_links.security import API_KEY_PREFIX, digest

_SHAPE = re.compile(API_KEY_PREFIX + r"[A-Za-z0-9_-]{43}")


_IN_FORCE = and_(
    ApiKey.revoked_at.is_(None),
    or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > bindparam("now")),
)
# Built once: building it for each request would cost as much as running it.
_LOGIN = (
    select(
        ApiKey.id,
        ApiKey.org_id,
        ApiKey.user_id,
        ApiKey.scopes,
        ApiKey.last_used_at,
        ApiKey.expires_at,
        Membership.role,
    )
    .join(
        Membership,
        and_(Membership.org_id == ApiKey.org_id, Membership.user_id == ApiKey.user_id),
    )
    .where(ApiKey.secret_hash == bindparam("hash"), _IN_FORCE)
)


@dataclass(frozen=True, slots=True)
class KeyLogin:
    """The principal of a valid key, and when its use was last saved."""

    principal: Principal
    key_id: uuid.UUID
    last_used_at: datetime | None

    @property
    def use_is_due(self) -> bool:
        """Whether to save the use; not for every request of a busy program."""
        return use_is_due(self.last_used_at, utcnow())


def hash_key(secret: str) -> str:
    """The digest by which a key is stored and looked up."""
    return digest("api-key", secret)


def key_login(secret: str) -> KeyLogin | None:
    """The login of a key; None if malformed, unknown, revoked, expired, or its owner has left."""
    if _SHAPE.fullmatch(secret) is None:
        return None
    row = db.session.execute(_LOGIN, {"hash": hash_key(secret), "now": utcnow()}).one_or_none()
    if row is None:
        return None
    scopes = frozenset(Scope(scope) for scope in row.scopes)
    principal = Principal(row.org_id, row.user_id, Role(row.role), scopes, row.id, row.expires_at)
    return KeyLogin(principal, row.id, row.last_used_at)


def is_in_force(key_id: uuid.UUID, now: datetime) -> bool:
    """Whether a key is neither revoked nor expired."""
    found = exists().where(ApiKey.id == key_id, _IN_FORCE)
    return bool(db.session.scalar(select(found), {"now": now}))


def mark_key_used(login: KeyLogin) -> None:
    """Save when the key was last used, unless another request has just done so."""
    now = utcnow()
    change_rows(
        update(ApiKey)
        .where(
            ApiKey.id == login.key_id,
            is_due_in(ApiKey.last_used_at, now),
        )
        .values(last_used_at=now)
    )
