"""Keeps the words of tasks and items in the transaction that changes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.orm.base import PASSIVE_NO_INITIALIZE

from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from gitlab_links.search.facts import COLUMNS, Fact, facts_of, people_of, rows_of
from gitlab_links.search.models import ItemFact, SearchText
from gitlab_links.search.words import (
    ROLES,
    SHORTEST_BEGINNING,
    fact_word,
    indexed,
    org_word,
    person_word,
    words_of,
)
from gitlab_links.storage.database import new_id
from gitlab_links.storage.many_rows import InsertRows
from gitlab_links.tasks.models import Task

OF_TASKS, OF_ITEMS = "zt", "zi"
_READ = {
    Task: ("title", "description", "external_url", "number"),
    GitLabItem: ("title", "labels", "assignees", "reviewers", "author", "milestone"),
}
# What the words for labels, people and milestones of an item begin with.
_FACTS = tuple(f"zf{kind}" for kind in ("label", *ROLES, "milestone"))
Row = Mapping[str, Any]


def searchable(words: Sequence[str], kind: str, org_id: UUID) -> Sequence[str]:
    """These words, or none if each is the beginning of one that the index itself puts into texts
    of the kind: they would find every text.
    """
    return words if any(not _is_of_index(word, kind, org_id) for word in words) else ()


def _is_of_index(word: str, kind: str, org_id: UUID) -> bool:
    if len(word) < SHORTEST_BEGINNING:
        return word == kind
    facts = _FACTS if kind == OF_ITEMS else ()
    is_fact = any(fact.startswith(word) or word.startswith(fact) for fact in facts)
    return is_fact or org_word(org_id).startswith(word)


def words_of_task(task: Row) -> str:
    """The words of a task, from its columns."""
    texts = (task["title"], task["description"] or "", task["external_url"] or "")
    words = [word for text in texts for word in words_of(text)]
    return indexed([org_word(task["org_id"]), OF_TASKS, str(task["number"]), *words])


def words_of_item(item: Row) -> str:
    """The words of an item's title, and one for each label, person and milestone."""
    facts = [fact_word("label", str(label.get("name"))) for label in item["labels"] or []]
    for role, them in people_of(item).items():
        facts += [person_word(role, str(person.get("username"))) for person in them]
    facts += [fact_word("milestone", item["milestone"])] if item["milestone"] else []
    words = words_of(item["title"] or "")
    return indexed([org_word(item["org_id"]), OF_ITEMS, *facts, *words])


def store_texts(session: Session, rows: Sequence[Row], key: str) -> None:
    """Store texts; ``key`` is ``task_id`` or ``item_id``."""
    if rows:
        _STORE[key].run(session.connection(), rows)


_STORE = {
    key: InsertRows(SearchText, key=(key,), changed=lambda new: {"words": new.words})
    for key in ("task_id", "item_id")
}
_GATHERED = "facts_before_commit"
_STORE_FACTS = InsertRows(ItemFact, key=("org_id", "kind", "value", "name"))


@event.listens_for(db.session, "after_flush")
def _keep(session: Session, _context: Any) -> None:
    """Store the words of the tasks and items whose text this flush has changed."""
    for model, key, words in (
        (Task, "task_id", words_of_task),
        (GitLabItem, "item_id", words_of_item),
    ):
        changed = _changed(session, model)
        rows = [
            {"org_id": one.org_id, key: one.id, "words": words(_columns(one))} for one in changed
        ]
        store_texts(session, rows, key)
        if model is GitLabItem and changed:
            _gather_facts(session, changed)


def _gather_facts(session: Session, changed: Sequence[GitLabItem]) -> None:
    """Note the labels, people and milestones that this flush has given to items."""
    gathered: set[Fact] = session.info.setdefault(_GATHERED, set())
    gathered |= facts_of(_columns(one) for one in changed if _has_new(one, COLUMNS))


@event.listens_for(db.session, "before_commit")
def _store_gathered(session: Session) -> None:
    """Store what the flushes have gathered, in one statement and after everything else.

    Who inserts a value waits for another transaction that has inserted the same: nobody who has
    inserted one may still want rows that somebody else has locked.
    """
    if session.in_nested_transaction():
        return
    session.flush()
    facts = session.info.pop(_GATHERED, None)
    if facts:
        rows = [{"id": new_id(), **row} for row in rows_of(facts)]
        _STORE_FACTS.run(session.connection(), rows)


@event.listens_for(db.session, "after_soft_rollback")
def _forget_gathered(session: Session, ended: SessionTransaction) -> None:
    if not ended.nested:
        session.info.pop(_GATHERED, None)


def _changed(session: Session, model: type[Any]) -> list[Any]:
    """New rows, and those with a new text, in the order of their ids: of locks, too."""
    new = [one for one in session.new if isinstance(one, model)]
    dirty = [one for one in session.dirty if isinstance(one, model) and _has_new(one, _READ[model])]
    return sorted([*new, *dirty], key=lambda one: one.id)


def _has_new(row: Any, columns: Iterable[str]) -> bool:
    return any(get_history(row, name, PASSIVE_NO_INITIALIZE).has_changes() for name in columns)


def _columns(row: Any) -> Row:
    return {name: getattr(row, name) for name in ("org_id", *_names(row))}


def _names(row: Any) -> Iterable[str]:
    return _READ[type(row)]
