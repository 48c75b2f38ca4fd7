"""Table of mentions that make no link yet."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified

# In the place of a task's number: the item names too many tasks.
TOO_MANY = 0


class PendingMention(Identified, Base):
    """An item names a task that does not exist yet, by its ``number``: it is linked once there is
    such a task. Or it names so many tasks that none is linked; then ``number`` is ``TOO_MANY``.

    By the item's place in GitLab: most of these items have no row of their own.
    """

    __tablename__ = "pending_mentions"
    __table_args__ = (
        UniqueConstraint("org_id", "number", "base_url", "path", "type", "iid"),
        Index(None, "org_id", "id"),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(BigInteger)
    base_url: Mapped[str] = mapped_column(String(500))
    path: Mapped[str] = mapped_column(String(1000))
    type: Mapped[str] = mapped_column(String(20))
    iid: Mapped[int] = mapped_column(BigInteger)
    noted_at: Mapped[datetime] = mapped_column(default=utcnow)
