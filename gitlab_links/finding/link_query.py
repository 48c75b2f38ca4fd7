"""Which links of an org a list has: one set of SQL conditions, for pages, files and API."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, false, select, true, union
from werkzeug.datastructures import MultiDict

from gitlab_links.clock import utcnow
from gitlab_links.finding.list_query import ITEM_FILTERS, LinkStateFilter, one_of, typed
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.usernames import username_of
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.models import GitLabItem, GitLabProject, TaskGitLabLink
from gitlab_links.rollup.conditions import is_of_project, is_open, item_has
from gitlab_links.rollup.needs import OF_AN_ITEM, Need
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.search.conditions import MOST_WORDS, item_has_words, text_has
from gitlab_links.search.indexing import OF_ITEMS, searchable
from gitlab_links.search.item_places import sought_at
from gitlab_links.search.words import ROLES, fact_word, person_word, words_of
from gitlab_links.sought_texts import sought
from gitlab_links.tasks.models import Task
from gitlab_links.tasks.references import is_referred_to, parse_reference

_link, _item = TaskGitLabLink, GitLabItem
_STATES = set(LinkStateFilter) - {LinkStateFilter.NONE}
MOST_LABELS = 10
_ARGUMENTS = ("q", "need", "state", "pipeline", "type", "assignee", *ITEM_FILTERS)


class PipelineFilter(StrEnum):
    """The statuses of pipelines to filter by."""

    FAILED = "failed"
    RUNNING = "running"
    PENDING = "pending"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class LinkQuery:
    """The filter of an org's links; an empty text and None do not filter.

    ``q`` is words of the item's title, its reference or address, or a task's reference. ``need``
    is one of :data:`rollup.needs.OF_AN_ITEM`; ``state`` a state of an item, ``draft`` or
    ``problem``; ``pipeline`` a status of the pipeline of an open merge request. An item must have
    all ``labels``. ``person`` is a GitLab username, which assigns, reviews or wrote it, and
    ``assignee`` one that assigns it. Usernames and a path are in upper or lower case, other names
    are exact.
    """

    q: str = ""
    need: Need | None = None
    state: str = ""
    pipeline: str = ""
    type: str = ""
    person: str = ""
    assignee: str = ""
    labels: tuple[str, ...] = ()
    milestone: str = ""
    project: str = ""

    @classmethod
    def read(cls, given: MultiDict[str, str]) -> "LinkQuery":
        """Read the arguments of an address. What there is not is ignored."""
        need = one_of(given.get("need"), OF_AN_ITEM)
        labels = filter(None, map(sought, given.getlist("label")))
        return cls(
            need=Need(need) if need else None,
            state=one_of(given.get("state"), _STATES),
            pipeline=one_of(given.get("pipeline"), PipelineFilter),
            type=one_of(given.get("type"), ItemType),
            labels=tuple(labels)[:MOST_LABELS],
            **{name: username_of(typed(given, name)) for name in ("person", "assignee")},
            **{name: typed(given, name) for name in ("q", "milestone", "project")},
        )

    @property
    def label(self) -> tuple[str, ...]:
        """The labels by their name in an address."""
        return self.labels

    @property
    def arguments(self) -> dict[str, str | tuple[str, ...]]:
        """What a page filters by, by name, in one order; of labels, each is an argument."""
        values = ((name, getattr(self, name)) for name in _ARGUMENTS)
        return {
            name: value if isinstance(value, tuple) else str(value)
            for name, value in values
            if value
        }

    @property
    def reads_content(self) -> bool:
        """Whether it asks for what a withheld item hides."""
        return self != LinkQuery(type=self.type)

    @property
    def reads_facts(self) -> bool:
        """Whether it asks for labels, people or a milestone, each a word of the item's text."""
        return bool(self.labels or self.person or self.assignee or self.milestone)

    @property
    def is_rare(self) -> bool:
        """Whether few items may match, so that they are best read before they are ordered."""
        return self._is_narrow or bool(self.need or self.project) or self.reads_facts

    @property
    def may_be_common(self) -> bool:
        """Whether a great part of all items may match as well: an index says which, but not in
        their order.
        """
        return self.is_rare and not self._is_narrow

    @property
    def is_combined(self) -> bool:
        """Whether it asks for two things that no index finds together."""
        of_items = bool(self.need or self.state or self.type)
        return sum((of_items, self.reads_facts, bool(self.project))) > 1

    @property
    def _is_narrow(self) -> bool:
        return bool(self.q or self.pipeline) or self.state == LinkStateFilter.PROBLEM

    def conditions(
        self, visibility: Visibility, *, of_few: bool = False
    ) -> Iterator[ColumnElement[bool]]:
        """The SQL conditions, over links joined with items; ``of_few``: joined with the texts of
        items as well, to compare few of them without the index.

        What is withheld from the caller is not in the list.
        """
        for of_org in (_item.org_id == visibility.org_id, _link.org_id == visibility.org_id):
            # Only checked: SQLite would read what is of the org, and not of the project.
            yield of_org.is_(true()) if self.project else of_org
        if not visibility.sees_all:
            yield ~withheld()
        if self.q:
            yield self._found(visibility)
        if self.type:
            yield _item.type == ItemType(self.type).value
        yield from self._of_state()
        yield from self._of_content(visibility, of_few=of_few)

    def _of_state(self) -> Iterator[ColumnElement[bool]]:
        if self.need is not None:
            yield item_has(self.need, utcnow().date())
        if self.pipeline:
            yield is_open()
            yield _item.type == ItemType.MERGE_REQUEST.value
            yield _item.pipeline_status == self.pipeline
        if self.state == "problem":
            yield _item.error_code.is_not(None)
        elif self.state in {"draft", "opened"}:
            yield is_open()
            if self.state == "draft":
                yield _item.draft.is_(True)
        elif self.state:
            yield _item.state == self.state

    def _of_content(self, visibility: Visibility, *, of_few: bool) -> Iterator[ColumnElement[bool]]:
        facts = [fact_word("label", label) for label in self.labels]
        facts += [person_word("assignee", self.assignee)] if self.assignee else []
        facts += [fact_word("milestone", self.milestone)] if self.milestone else []
        roles = [person_word(role, self.person) for role in ROLES] if self.person else []
        if of_few:
            yield text_has(facts, roles)
        elif facts or roles:
            yield item_has_words(visibility, facts=facts, any_of=roles)
        if self.project:
            yield is_of_project(self.project, visibility)

    def _found(self, visibility: Visibility) -> ColumnElement[bool]:
        """Links that the text names or whose item has all its words."""
        text = self.q.strip()
        words = searchable(words_of(text)[:MOST_WORDS], OF_ITEMS, visibility.org_id)
        have = item_has_words(visibility, words=words) if words else false()
        named = _named(text, visibility)
        if not named:
            return have
        of_words = select(_link.id).join(_item, _item.id == _link.item_id).where(have)
        return _link.id.in_(union(*named, of_words))


def _named(text: str, visibility: Visibility) -> Sequence[Select[Any]]:
    """The links of a task by its reference, and those of an item by its reference or address."""
    found: list[Select[Any]] = []
    reference = parse_reference(text)
    if reference is not None:
        tasks = select(Task.id).where(Task.org_id == visibility.org_id, is_referred_to(reference))
        found.append(select(_link.id).where(_link.task_id.in_(tasks)))
    sought = sought_at(text, visibility)
    if sought is not None:
        joined = (
            select(_link.id)
            .join(_item, _item.id == _link.item_id)
            .join(GitLabProject, GitLabProject.id == _item.project_id)
        )
        found.append(joined.where(*sought.conditions(all_seen=visibility.sees_all)))
    return found
