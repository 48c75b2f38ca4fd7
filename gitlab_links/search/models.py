"""The table of the words that are searched."""

import uuid

from sqlalchemy import BigInteger, ForeignKey, Integer, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.storage.database import Base


class SearchText(Base):
    """The words of one task, or of one item. Each database has its own index of them, which the
    migration makes: GIN on PostgreSQL, FTS5 with triggers on SQLite.
    """

    __tablename__ = "search_texts"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    org_id: Mapped[uuid.UUID] = mapped_column(
        Uuid, ForeignKey("orgs.id", ondelete="CASCADE"), index=True
    )
    task_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("tasks.id", ondelete="CASCADE"), unique=True
    )
    item_id: Mapped[uuid.UUID | None] = mapped_column(
        Uuid, ForeignKey("gitlab_items.id", ondelete="CASCADE"), unique=True
    )
    words: Mapped[str] = mapped_column(Text)
