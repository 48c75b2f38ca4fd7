"""What a search finds, as an SQL condition over tasks: the same for pages and API."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, cast, false, literal, literal_column, or_, select
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import TSQUERY

from gitlab_links.extensions import db
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.rollup.sight import Sight
from gitlab_links.search.indexing import OF_ITEMS, OF_TASKS
from gitlab_links.search.item_places import links_item_at
from gitlab_links.search.models import SearchText
from gitlab_links.search.words import SHORTEST_BEGINNING, org_word, words_of
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.references import is_referred_to, parse_reference

# Of words that nearly every text has, so many texts are read, whichever come first.
MOST_TEXTS = 5_000
MOST_WORDS = 12


def found_by(query: str, sight: Sight) -> ColumnElement[bool]:
    """Whether a search finds a task: by its reference, by the reference or address of an item
    that it links, or by words. All words are in the task's own text, or in the title of one
    item that it links and the caller may see.
    """
    text = query.strip()
    ways: list[ColumnElement[bool]] = []
    reference = parse_reference(text)
    if reference is not None:
        ways.append(is_referred_to(reference))
    item = links_item_at(text, sight) if sight.sees_links else None
    if item is not None:
        ways.append(item)
    words = words_of(text)[:MOST_WORDS]
    if words:
        ways.append(Task.id.in_(_texts(SearchText.task_id, [OF_TASKS], words, sight)))
    if words and sight.sees_links:
        ways.append(has_item_with(sight, words=words))
    return or_(false(), *ways)


def has_item_with(
    sight: Sight,
    *conditions: ColumnElement[bool],
    facts: Sequence[str] = (),
    words: Sequence[str] = (),
) -> ColumnElement[bool]:
    """Whether a task links an item whose text has these facts and beginnings of words, and of
    which the caller sees the content.
    """
    has = item_has_words(sight, facts=facts, words=words)
    seen = () if sight.sees_all else (~withheld(),)
    return Task.id.in_(
        select(TaskGitLabLink.task_id)
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .where(GitLabItem.org_id == sight.org_id, has, *conditions, *seen)
    )


def item_has_words(
    sight: Sight, *, facts: Sequence[str] = (), words: Sequence[str] = ()
) -> ColumnElement[bool]:
    """Whether the text of an item has these facts and beginnings of words. It may be withheld."""
    found = _texts(SearchText.item_id, [OF_ITEMS, *facts], words, sight, all_of=bool(facts))
    return GitLabItem.id.in_(found)


def _texts(
    column: Any, exact: Sequence[str], words: Sequence[str], sight: Sight, *, all_of: bool = False
) -> Any:
    """The tasks or items whose words are these."""
    exact = [org_word(sight.org_id), *exact]
    exact += [word for word in words if len(word) < SHORTEST_BEGINNING]
    beginnings = [word for word in words if len(word) >= SHORTEST_BEGINNING]
    found = select(column).where(SearchText.org_id == sight.org_id, _matches(exact, beginnings))
    return found if all_of else found.limit(MOST_TEXTS)


def _matches(exact: Sequence[str], beginnings: Sequence[str]) -> ColumnElement[bool]:
    """The words are of ASCII letters and digits, see :mod:`search.words`: nothing to escape."""
    if db.engine.dialect.name == "postgresql":
        query = " & ".join([*(f"'{one}'" for one in exact), *(f"'{one}':*" for one in beginnings)])
        vector: ColumnElement[Any] = literal_column(
            "array_to_tsvector(string_to_array(search_texts.words, ' '))"
        )
        return vector.op("@@", is_comparison=True)(cast(literal(query), TSQUERY))
    query = " AND ".join([*(f'"{one}"' for one in exact), *(f'"{one}"*' for one in beginnings)])
    index: ColumnElement[Any] = literal_column("search_index")
    rows: Select[Any] = select(literal_column("rowid")).select_from(sql_text("search_index"))
    return SearchText.id.in_(rows.where(index.op("MATCH", is_comparison=True)(literal(query))))
