"""Store the words and values of what was stored before there were such, for migrations.

Of tables and columns, not classes: migrations call it, with the columns of their time.
"""

import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    select,
)

from gitlab_links.search.facts import Fact, facts_of, people_of, rows_of
from gitlab_links.search.indexing import Row, words_of_item, words_of_task
from gitlab_links.search.words import person_word
from gitlab_links.storage.database import new_id

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
_facts = Table(
    "item_facts",
    _metadata,
    *(Column(name, Uuid) for name in ("id", "org_id")),
    *(Column(name, Text) for name in ("kind", "value", "name", "key", "digest")),
)


def store_all_facts(connection: Connection, org_id: uuid.UUID | None = None) -> int:
    """Store the labels, people and milestones of every item, or those of an org, that are not
    there yet; returns their number.
    """
    names = ("org_id", "kind", "value", "name")
    stored = _of(org_id, _facts, select(*(_facts.c[one] for one in names)))
    known: set[Fact] = {
        (row.org_id, row.kind, row.value, row.name) for row in connection.execute(stored)
    }
    before = len(known)
    for rows in _pages(connection, _of(org_id, _items, select(_items))):
        new = facts_of(rows) - known
        if new:
            connection.execute(_facts.insert(), [{"id": new_id(), **row} for row in rows_of(new)])
        known |= new
    return len(known) - before


def store_all_texts(connection: Connection, org_id: uuid.UUID | None = None) -> int:
    """Store the words of every task and item, or those of an org, that has none yet; returns
    their number.
    """
    stored = 0
    for table, key, words in (
        (_tasks, "task_id", words_of_task),
        (_items, "item_id", words_of_item),
    ):
        for rows in _without_text(connection, table, key, org_id):
            texts = [{"org_id": row["org_id"], key: row["id"], "words": words(row)} for row in rows]
            connection.execute(_texts.insert(), texts)
            stored += len(texts)
    return stored


def _without_text(
    connection: Connection, table: Table, key: str, org_id: uuid.UUID | None
) -> Iterator[list[Row]]:
    text = _texts.c[key]
    missing = select(table).outerjoin(_texts, text == table.c.id).where(text.is_(None))
    return _pages(connection, _of(org_id, table, missing))


def _of(org_id: uuid.UUID | None, table: Table, rows: Select[Any]) -> Select[Any]:
    return rows if org_id is None else rows.where(table.c.org_id == org_id)


def _pages(connection: Connection, rows_of: Select[Any]) -> Iterator[list[Row]]:
    key = rows_of.selected_columns.id
    page = rows_of.where(key > bindparam("after")).order_by(key).limit(AT_ONCE)
    after = uuid.UUID(int=0)
    while rows := connection.execute(page, {"after": after}).mappings().all():
        yield [dict(row) for row in rows]
        after = rows[-1]["id"]


def add_people_in_lower_case(connection: Connection) -> None:
    """Add the words of people by their usernames in lower case, where they have others.

    The words that the version before searches stay until the text of the item changes.
    """
    of_people = (_items.c.assignees, _items.c.reviewers, _items.c.author)
    text = _texts.c.words
    add = (
        _texts.update()
        .where(_texts.c.item_id == bindparam("item"))
        .values(words=text.concat(" ").concat(bindparam("added")))
    )
    for rows in _pages(connection, select(_items.c.id, *of_people)):
        found = [{"item": row["id"], "added": " ".join(_in_lower_case(row))} for row in rows]
        added = [one for one in found if one["added"]]
        if added:
            connection.execute(add, added)


def _in_lower_case(item: Row) -> Iterator[str]:
    for role, them in people_of(item).items():
        for name in {str(person.get("username")) for person in them}:
            if name != name.lower():
                yield person_word(role, name)
