"""The saved views."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.clock import utcnow
from gitlab_links.storage.database import Base, Identified, partial_index

MAX_NAME = 60


class SavedView(Identified, Base):
    """A list of tasks with a name. A member's own goes with their membership; without one, it is
    shared by the org.

    ``name_key`` is the name as it is compared. ``query`` is canonical, see
    :class:`finding.list_query.ListQuery`.
    """

    __tablename__ = "saved_views"
    __table_args__ = (
        Index(None, "org_id", "id"),
        partial_index(
            "uq_saved_views_own",
            "membership_id",
            "name_key",
            where="membership_id IS NOT NULL",
            unique=True,
        ),
        partial_index(
            "uq_saved_views_shared",
            "org_id",
            "name_key",
            where="membership_id IS NULL",
            unique=True,
        ),
    )

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    membership_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("memberships.id", ondelete="CASCADE")
    )
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    name_key: Mapped[str] = mapped_column(String(4 * MAX_NAME))
    query: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)
