"""Store the words of everything that has none yet, for the migration.

Of tables and columns, not classes: a migration calls it, with the columns of its time.
"""

import uuid
from collections.abc import Iterator

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    select,
)

from gitlab_links.search.indexing import Row, words_of_item, words_of_task

AT_ONCE = 1_000
_metadata = MetaData()
_tasks = Table(
    "tasks",
    _metadata,
    *(Column(name, Uuid) for name in ("id", "org_id")),
    Column("number", Integer),
    *(Column(name, Text) for name in ("title", "description", "external_url")),
)
_items = Table(
    "gitlab_items",
    _metadata,
    *(Column(name, Uuid) for name in ("id", "org_id")),
    *(Column(name, Text) for name in ("title", "milestone")),
    *(Column(name, JSON) for name in ("labels", "assignees", "reviewers", "author")),
)
_texts = Table(
    "search_texts",
    _metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    *(Column(name, Uuid) for name in ("org_id", "task_id", "item_id")),
    Column("words", Text),
)


def store_all_texts(connection: Connection) -> int:
    """Store the words of every task and item that has none yet; returns their number."""
    stored = 0
    for table, key, words in (
        (_tasks, "task_id", words_of_task),
        (_items, "item_id", words_of_item),
    ):
        for rows in _without_text(connection, table, key):
            texts = [{"org_id": row["org_id"], key: row["id"], "words": words(row)} for row in rows]
            connection.execute(_texts.insert(), texts)
            stored += len(texts)
    return stored


def _without_text(connection: Connection, table: Table, key: str) -> Iterator[list[Row]]:
    text = _texts.c[key]
    missing = (
        select(table)
        .outerjoin(_texts, text == table.c.id)
        .where(text.is_(None), table.c.id > bindparam("after"))
        .order_by(table.c.id)
        .limit(AT_ONCE)
    )
    after = uuid.UUID(int=0)
    while rows := connection.execute(missing, {"after": after}).mappings().all():
        yield [dict(row) for row in rows]
        after = rows[-1]["id"]
