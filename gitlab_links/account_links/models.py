"""Links that change an account."""

import uuid
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.accounts.mailed_links import MailedLink
from gitlab_links.storage.database import Base, partial_index


class AccountLinkKind(StrEnum):
    """What a link is for: a new password, or confirming ``email`` as the account's address. The
    others are notices of a change, without a link.
    """

    PASSWORD = "password"
    ADDRESS = "address"
    PASSWORD_SET = "pw_set"
    ADDRESS_SET = "moved"
    LINKED = "linked"


NOTICES = frozenset(
    {AccountLinkKind.PASSWORD_SET, AccountLinkKind.ADDRESS_SET, AccountLinkKind.LINKED}
)


class AccountLink(MailedLink, Base):
    """A link for one account; using it deletes the row. Or a notice, whose token opens nothing.

    ``user_id`` is null for a password link that somebody asked for with an address: a worker
    looks the account up, so that the answer and its time do not depend on whether there is one.
    """

    __tablename__ = "account_links"
    __table_args__ = (
        partial_index("ix_account_links_mail_due", "mail_due_at", where="mail_due_at IS NOT NULL"),
    )

    kind: Mapped[str] = mapped_column(String(10))
    email: Mapped[str] = mapped_column(String(254), index=True)
    user_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
