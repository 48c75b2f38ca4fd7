"""The texts of the items that have a label, person or milestone now, by the index of texts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    cast,
    column,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from gitlab_links.extensions import db
from gitlab_links.search.models import SearchText

# So many items of a value PostgreSQL finds.
ITEMS_OF_A_VALUE = 1_000
_INDEX = table("search_index", column("rowid"))  # SQLite's


def value_query(
    org: ColumnElement[str], kinds: Sequence[str], digest: ColumnElement[str]
) -> ColumnElement[str]:
    """What asks the index for a value of one of these kinds. ``org`` is the word of the org,
    ``digest`` the end of the words for the value.
    """
    either, both = (" OR ", " AND ") if _is_sqlite() else (" | ", " & ")
    query = org.concat(f"{both}(")
    for place, kind in enumerate(kinds):
        query = query.concat(f"{either if place else ''}zf{kind}").concat(digest)
    return query.concat(")")


def texts_found(query: ColumnElement[str], outer: Any) -> Select[Any]:
    """``item_id`` of the texts that the index finds. The query is made of columns of ``outer``."""
    if _is_sqlite():
        match = literal_column("search_index", Text).op("MATCH", is_comparison=True)(query)
        found = and_(_INDEX.c.rowid == SearchText.id, match)
        return select(SearchText.item_id).where(found).correlate(outer)
    has = text_vector().op("@@", is_comparison=True)(cast(query, TSQUERY))
    # Apart from the rest: for the first of many that it expects, PostgreSQL would read all texts
    # of the installation.
    texts = select(SearchText.item_id).where(has).limit(ITEMS_OF_A_VALUE).correlate(outer)
    apart = texts.cte("texts", nesting=True).prefix_with("MATERIALIZED", dialect="postgresql")
    return select(apart.c.item_id)


def text_vector() -> ColumnElement[Any]:
    """What PostgreSQL's index of texts has."""
    return literal_column("array_to_tsvector(string_to_array(search_texts.words, ' '))")


def _is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"
