"""The tables of the words that are searched, and of the values that items have had."""

import uuid

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from gitlab_links.storage.database import Base, Identified


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


class ItemFact(Identified, Base):
    """A label, person or milestone that an item of the org has had: what filters may suggest.

    Whether an item has it now, and one that the viewer may see, the index of texts says. ``value``
    is the label, the username or the milestone; ``name`` is that of a person, else empty: who
    changes it has a row for each. ``key`` is what is typed to find it. ``digest`` is the end of
    its words in texts.
    """

    __tablename__ = "item_facts"
    __table_args__ = (UniqueConstraint("org_id", "kind", "value", "name"),)

    org_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("orgs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    value: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(255))
    key: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(20))
