"""Invitations to orgs."""

import uuid

from sqlalchemy import ForeignKey, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gitlab_links.accounts.mailed_links import MailedLink
from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.storage.database import Base, partial_index


class Invitation(MailedLink, Base):
    """An invitation that nobody has accepted yet; accepting or revoking it deletes the row.

    It ends with the API key that made it (``invited_with_id``).
    """

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("org_id", "email"),
        partial_index("ix_invitations_mail_due", "mail_due_at", where="mail_due_at IS NOT NULL"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(10))
    invited_by_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    invited_with_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("api_keys.id", ondelete="CASCADE"), index=True
    )

    org: Mapped[Org] = relationship(lazy="raise")
    invited_by: Mapped[User | None] = relationship(lazy="raise")

    @property
    def as_role(self) -> Role:
        """The role as the enum."""
        return Role(self.role)
