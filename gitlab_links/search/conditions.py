"""What a search finds, as an SQL condition over tasks: the same for pages and API."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    and_,
    any_,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from gitlab_links.extensions import db
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.rollup.conditions import linked
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.search.indexing import OF_ITEMS, OF_TASKS, searchable
from gitlab_links.search.item_places import is_short, links_item_at
from gitlab_links.search.models import SearchText
from gitlab_links.search.value_texts import text_vector
from gitlab_links.search.words import SHORTEST_BEGINNING, org_word, words_of
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.references import is_referred_to, parse_reference

# Of words that nearly every text has, so many texts are read, whichever come first.
MOST_TEXTS = 5_000
MOST_WORDS = 12


def found_by(query: str, visibility: Visibility, *, each: bool = False) -> ColumnElement[bool]:
    """Whether a search finds a task: by its reference, by the reference or address of an item
    that it links, or by words. All words are in the task's own text, or in the title of one
    item that it links and the caller may see. ``each``: tested task by task, for few tasks.
    """
    text = query.strip()
    ways: list[ColumnElement[bool]] = []
    reference = parse_reference(text)
    if reference is not None:
        ways.append(is_referred_to(reference))
    item = links_item_at(text, visibility) if visibility.sees_links else None
    if item is not None:
        ways.append(item)
    # Numbers stand in many texts, and would hide what a reference means.
    words = [] if is_short(text) else words_of(text)[:MOST_WORDS]
    own = searchable(words, OF_TASKS, visibility.org_id)
    if own and each:
        has = select(SearchText.id).where(SearchText.task_id == Task.id, text_has((), words=own))
        ways.append(has.offset(0).exists())
    elif own:
        ways.append(Task.id.in_(_texts(SearchText.task_id, [OF_TASKS], own, visibility)))
    of_items = searchable(words, OF_ITEMS, visibility.org_id)
    if of_items and visibility.sees_links:
        ways.append(has_item_with(visibility, words=of_items, each=each))
    return or_(false(), *ways)


def has_item_with(
    visibility: Visibility,
    *conditions: ColumnElement[bool],
    facts: Sequence[str] = (),
    any_of: Sequence[str] = (),
    words: Sequence[str] = (),
    each: bool = False,
) -> ColumnElement[bool]:
    """Whether a task links an item whose text has these facts, one of ``any_of`` and these
    beginnings of words, and of which the caller sees the content. ``each``: tested task by task,
    for few tasks.
    """
    if each:
        return linked(visibility, _item_text_has(facts, any_of, words), *conditions, each=True)
    if visibility.sees_all and not conditions:
        found = _texts_of_items(visibility, facts, words, any_of)
        return Task.id.in_(select(TaskGitLabLink.task_id).where(TaskGitLabLink.item_id.in_(found)))
    has = item_has_words(visibility, facts=facts, any_of=any_of, words=words)
    seen = () if visibility.sees_all else (~withheld(),)
    return Task.id.in_(
        select(TaskGitLabLink.task_id)
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .where(has, *conditions, *seen)
    )


def item_has_words(
    visibility: Visibility,
    *,
    facts: Sequence[str] = (),
    any_of: Sequence[str] = (),
    words: Sequence[str] = (),
) -> ColumnElement[bool]:
    """Whether the text of an item has these facts, one of ``any_of`` and these beginnings of
    words. It may be withheld.
    """
    found = _texts_of_items(visibility, facts, words, any_of)
    if words and not facts and db.engine.dialect.name == "postgresql":
        # As a list of ids: PostgreSQL would read all links for as many items as may match.
        return GitLabItem.id == any_(func.array(found.scalar_subquery(), type_=ARRAY(Uuid)))
    return GitLabItem.id.in_(found)


def _item_text_has(
    facts: Sequence[str], any_of: Sequence[str], words: Sequence[str]
) -> ColumnElement[bool]:
    """Of one item, as :func:`item_has_words` finds all of them."""
    text = select(SearchText.id).where(SearchText.item_id == GitLabItem.id)
    return text.where(text_has(facts, any_of, words=words)).correlate(GitLabItem).offset(0).exists()


def _texts_of_items(
    visibility: Visibility, facts: Sequence[str], words: Sequence[str], any_of: Sequence[str] = ()
) -> Any:
    exact, every = [OF_ITEMS, *facts], bool(facts or any_of)
    return _texts(SearchText.item_id, exact, words, visibility, all_of=every, any_of=any_of)


def text_has(
    facts: Sequence[str], any_of: Sequence[str] = (), *, words: Sequence[str] = ()
) -> ColumnElement[bool]:
    """Whether a text has these facts, one of ``any_of`` and these beginnings of words, without
    the index: for few texts.
    """
    find = func.strpos if db.engine.dialect.name == "postgresql" else func.instr
    text = literal(" ").concat(SearchText.words).concat(" ")
    one = or_(*(find(text, f" {fact} ") > 0 for fact in any_of)) if any_of else true()
    exact, beginnings = _exact_and_beginnings(facts, words)
    whole = (find(text, f" {word} ") > 0 for word in exact)
    return and_(one, *whole, *(find(text, f" {word}") > 0 for word in beginnings))


def _exact_and_beginnings(
    exact: Sequence[str], words: Sequence[str]
) -> tuple[list[str], list[str]]:
    short = [word for word in words if len(word) < SHORTEST_BEGINNING]
    return [*exact, *short], [word for word in words if len(word) >= SHORTEST_BEGINNING]


def _texts(
    column: Any,
    exact: Sequence[str],
    words: Sequence[str],
    visibility: Visibility,
    *,
    all_of: bool = False,
    any_of: Sequence[str] = (),
) -> Any:
    """The tasks or items whose words are these, and one of ``any_of``."""
    exact, beginnings = _exact_and_beginnings([org_word(visibility.org_id), *exact], words)
    # A word of a task may be the one that all items have.
    found = select(column).where(column.is_not(None), SearchText.org_id == visibility.org_id)
    found = found.where(_matches(exact, beginnings, any_of))
    return found if all_of else found.limit(MOST_TEXTS)


def _matches(
    exact: Sequence[str], beginnings: Sequence[str], any_of: Sequence[str]
) -> ColumnElement[bool]:
    """The words are of ASCII letters and digits, see :mod:`search.words`: nothing to escape."""
    if db.engine.dialect.name == "postgresql":
        parts = [*(f"'{one}'" for one in exact), *(f"'{one}':*" for one in beginnings)]
        some = " | ".join(f"'{one}'" for one in any_of)
        query = " & ".join([*parts, f"({some})"] if some else parts)
        return text_vector().op("@@", is_comparison=True)(cast(literal(query), TSQUERY))
    parts = [*(f'"{one}"' for one in exact), *(f'"{one}"*' for one in beginnings)]
    some = " OR ".join(f'"{one}"' for one in any_of)
    query = " AND ".join([*parts, f"({some})"] if some else parts)
    index: ColumnElement[Any] = literal_column("search_index")
    rows: Select[Any] = select(literal_column("rowid")).select_from(sql_text("search_index"))
    return SearchText.id.in_(rows.where(index.op("MATCH", is_comparison=True)(literal(query))))
