"""Forgets the labels, people and milestones that no item of their org has any more."""

import uuid

from sqlalchemy import ColumnElement, Text, case, cast, delete, func, literal, select, type_coerce
from sqlalchemy import text as sql_text

from gitlab_links.extensions import change_rows, db
from gitlab_links.search.facts import FactKind
from gitlab_links.search.models import ItemFact
from gitlab_links.search.value_texts import texts_found, value_query
from gitlab_links.search.words import ROLES

AT_ONCE = 200
BEGINNING, END = uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)
# An item may get a value that is stored already while it is being deleted here: it would be lost.
# The lock waits for those who have stored values and not committed yet, and stops others who
# begin. If it is not free for so long, as during an import, the next hour tries again.
_LOCK = (
    "SET LOCAL lock_timeout = '500ms'",
    "LOCK TABLE item_facts IN SHARE ROW EXCLUSIVE MODE",
)


def place_to_begin() -> uuid.UUID:
    """After which value to begin: any, if there are more than one batch, so that each has its turn
    although there is no time for all.
    """
    more = select(ItemFact.id).order_by(ItemFact.id).offset(AT_ONCE).limit(1)
    if db.session.scalar(more) is None:
        return BEGINNING
    found = db.session.scalar(select(ItemFact.id).order_by(func.random()).limit(1))
    return found or BEGINNING


def forget_values(after: uuid.UUID, until: uuid.UUID) -> uuid.UUID | None:
    """Delete those of the next values after this one that no item has now.

    Returns the last that was looked at, None if there are no more. The caller commits each time.
    """
    within = (ItemFact.id > after, ItemFact.id <= until)
    page = select(ItemFact.id).where(*within).order_by(ItemFact.id).limit(AT_ONCE)
    ids = db.session.scalars(page).all()
    unused = select(ItemFact.id).where(ItemFact.id.in_(ids), ~_is_had())
    found = db.session.scalars(unused).all() if ids else []
    if found:
        if db.engine.dialect.name == "postgresql":
            for statement in _LOCK:
                db.session.execute(sql_text(statement))
        # Once more: an item may have got it before the lock.
        change_rows(delete(ItemFact).where(ItemFact.id.in_(found), ~_is_had()))
    return ids[-1] if len(ids) == AT_ONCE else None


def _is_had() -> ColumnElement[bool]:
    # As search.words.org_word; SQLite has no hyphens in its ids.
    org = literal("zo").concat(func.replace(cast(ItemFact.org_id, Text), "-", ""))
    digest = type_coerce(ItemFact.digest, Text)
    kinds = {kind: ROLES if kind is FactKind.PERSON else (kind.value,) for kind in FactKind}
    queries = (
        (ItemFact.kind == kind.value, value_query(org, kinds[kind], digest)) for kind in kinds
    )
    query = case(*queries)
    texts = texts_found(query, ItemFact).subquery()
    return select(texts.c.item_id).offset(0).exists()
