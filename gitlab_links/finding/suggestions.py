"""What a filter by a linked item may be given: the values that items of the org have.

Nothing of an item that is withheld from the viewer is suggested: a value is offered only if the
filter would find something by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, case, literal, select

from gitlab_links.extensions import db
from gitlab_links.links.confidentiality import maybe_withheld, withheld
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.search.facts import FactKind, typed_key
from gitlab_links.search.models import ItemFact
from gitlab_links.search.value_texts import texts_found, value_query
from gitlab_links.search.words import ROLES, org_word

MOST = 20
# So many that match are read: some are no longer had by an item that the viewer may see.
MOST_READ = 60


class SuggestedFilter(StrEnum):
    """The filters with suggestions."""

    PERSON = FactKind.PERSON.value
    ASSIGNEE = "assignee"
    LABEL = FactKind.LABEL.value
    MILESTONE = FactKind.MILESTONE.value
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value of the filter; ``name`` is that of a person, else empty."""

    value: str
    name: str = ""


def suggestions(visibility: Visibility, field: SuggestedFilter, typed: str) -> Sequence[Suggestion]:
    """Values that contain what is typed, those that begin with it first. One statement."""
    if not visibility.sees_links:
        return []
    key = typed_key(typed)
    of_projects = field is SuggestedFilter.PROJECT
    found = _projects(visibility, key) if of_projects else _facts(visibility, field, key)
    # A person who has changed their name has two rows.
    named = {value: Suggestion(value, name) for value, name in db.session.execute(found)}
    return list(named.values())[:MOST]


def _projects(visibility: Visibility, typed: str) -> Select[Any]:
    project = GitLabProject
    matching = _matching(
        select(project.path.label("value"), literal("").label("name"), project.id),
        [project.org_id == visibility.org_id, project.path_key.is_not(None)],
        project.path_key,
        typed,
    )
    seen = () if visibility.sees_all else (~maybe_withheld(),)
    of_it = select(GitLabItem.id).where(GitLabItem.project_id == matching.c.id, _is_linked(), *seen)
    return _those_with(matching, of_it)


def _facts(visibility: Visibility, field: SuggestedFilter, typed: str) -> Select[Any]:
    is_person = field in {SuggestedFilter.PERSON, SuggestedFilter.ASSIGNEE}
    fact, kind = ItemFact, FactKind.PERSON if is_person else FactKind(field.value)
    matching = _matching(
        select(fact.value, fact.name, fact.digest),
        [fact.org_id == visibility.org_id, fact.kind == kind.value],
        fact.key,
        typed,
    )
    seen = () if visibility.sees_all else (~withheld(),)
    return _those_with(matching, _items_with(matching, field, visibility).where(*seen))


def _matching(
    rows: Any, conditions: Sequence[ColumnElement[bool]], key: Any, typed: str
) -> Subquery:
    """The first values that contain what is typed."""
    begins = case((key.startswith(typed, autoescape=True), 0), else_=1)
    matches = key.contains(typed, autoescape=True)
    ordered = rows.add_columns(begins.label("rank"), key.label("key"))
    first = ordered.where(*conditions, matches).order_by(begins, key).limit(MOST_READ)
    found: Subquery = first.subquery("matching")
    return found


def _those_with(matching: Subquery, items: Select[Any]) -> Select[Any]:
    """Those that one of the items has, which are looked for value by value."""
    is_had = items.offset(0).correlate(matching).exists()
    found = select(matching.c.value, matching.c.name).where(is_had)
    return found.order_by(matching.c.rank, matching.c.key)


def _items_with(matching: Subquery, field: SuggestedFilter, visibility: Visibility) -> Select[Any]:
    """The linked items that have a value now."""
    kinds = ROLES if field is SuggestedFilter.PERSON else (field.value,)
    query = value_query(literal(org_word(visibility.org_id)), kinds, matching.c.digest)
    texts = texts_found(query, matching).subquery()
    items = select(GitLabItem.id).where(GitLabItem.org_id == visibility.org_id, _is_linked())
    return items.join(texts, texts.c.item_id == GitLabItem.id)


def _is_linked() -> ColumnElement[bool]:
    of_item = TaskGitLabLink.item_id == GitLabItem.id
    return select(TaskGitLabLink.id).where(of_item).correlate(GitLabItem).exists()
