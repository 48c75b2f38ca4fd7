"""Orgs, users, memberships, API keys, login sessions, and stored answers."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    JSON,
    ColumnElement,
    Date,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    true,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified, partial_index


class Org(Identified, Base):
    """A tenant. ``task_key`` prefixes its task references, as ``ACME`` in ``ACME-12``.
    ``branch_template`` names the branches of tasks, null for the default.
    """

    __tablename__ = "orgs"

    name: Mapped[str] = mapped_column(String(100))
    task_key: Mapped[str] = mapped_column(String(10))
    comments_mention: Mapped[bool] = mapped_column(default=False, server_default=false())
    last_task_number: Mapped[int] = mapped_column(default=0)
    branch_template: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class FormerTaskKey(Identified, Base):
    """A task key that the org had before: references with it still lead to the tasks."""

    __tablename__ = "former_task_keys"
    __table_args__ = (UniqueConstraint("org_id", "key"),)

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class User(Identified, Base):
    """A person, or a service account of the org ``service_of_id``.

    ``email`` is stored in lower case; a service account's leads nowhere.
    ``email_confirmed_at`` is null unless its owner has shown that they read its mailbox, or the
    operator has created the account.
    """

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    service_of_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("orgs.id", ondelete="CASCADE"), index=True
    )
    email_confirmed_at: Mapped[datetime | None]
    key_shortcuts: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    @hybrid_property
    def is_person(self) -> bool:
        """Whether it is somebody, and not a service account."""
        return self.service_of_id is None

    @is_person.inplace.expression
    @classmethod
    def _is_person(cls) -> ColumnElement[bool]:
        return cls.service_of_id.is_(None)


class Membership(Identified, Base):
    """A user's role in an org; leaving the org deletes the row.

    ``pending_name`` is the name given by the org, for people added before there were invitations;
    null once the person has opened the org.
    ``gitlab_username`` is the account in the org's GitLab that they gave, in lower case.
    ``digest_zone`` is the time zone of their daily mail, null without one; ``digest_on`` is the
    day of the last one.
    """

    __tablename__ = "memberships"
    __table_args__ = (
        UniqueConstraint("org_id", "user_id"),
        partial_index("ix_memberships_digest", "digest_zone", where="digest_zone IS NOT NULL"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str] = mapped_column(String(10))
    pending_name: Mapped[str | None] = mapped_column(String(100))
    gitlab_username: Mapped[str | None] = mapped_column(String(255))
    digest_zone: Mapped[str | None] = mapped_column(String(60))
    digest_on: Mapped[date | None] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    user: Mapped[User] = relationship(lazy="raise")

    @property
    def as_role(self) -> Role:
        """The role as the enum."""
        return Role(self.role)


class ApiKey(Identified, Base):
    """A program's credential for one org. It has at most the permissions of its owner.

    Only a keyed hash of the secret is stored; ``hint`` is its beginning. ``hashed_with`` is the
    digest of the ``SECRET_KEY`` of the hash, None if unknown. A key created with another one
    (``made_with_id``) is revoked with it.
    """

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "org_id", "id"),)

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(100))
    hint: Mapped[str] = mapped_column(String(12))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hashed_with: Mapped[str | None] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    made_with_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("api_keys.id", ondelete="SET NULL"), index=True
    )

    user: Mapped[User] = relationship(lazy="raise")


class LoginSession(Identified, Base):
    """A browser that is logged in. Logout deletes the row, so an old cookie stops working.

    ``device`` is its User-Agent, ``address`` the IP address it logged in from.
    ``identity_id`` is set if it was opened by signing in with an issuer.
    """

    __tablename__ = "login_sessions"

    user_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    device: Mapped[str | None] = mapped_column(String(200))
    address: Mapped[str | None] = mapped_column(String(64))
    last_seen_at: Mapped[datetime | None]
    identity_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("identities.id", ondelete="CASCADE"), index=True
    )


class AnsweredRequest(Identified, Base):
    """A request with an Idempotency-Key: it may be sent again, and is done once.

    ``caller`` is an API key or a user. ``answer`` is null until there is one, and encrypted
    with the Idempotency-Key, of which only the digest is stored.
    """

    __tablename__ = "answered_requests"
    __table_args__ = (UniqueConstraint("org_id", "caller", "key_hash"),)

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    caller: Mapped[str] = mapped_column(String(50))
    key_hash: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64))
    answer: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(index=True)
