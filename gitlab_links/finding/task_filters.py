"""Which tasks a list has: one set of SQL conditions, for pages and API."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, false, or_, true

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.items import ItemType
from gitlab_links.links.confidentiality import withheld
from gitlab_links.links.freshness import GONE
from gitlab_links.links.models import GitLabItem
from gitlab_links.rollup.conditions import (
    has_links,
    has_need,
    is_of_project,
    is_open,
    linked,
    of_any_type,
)
from gitlab_links.rollup.needs import Need
from gitlab_links.rollup.visibility import Visibility
from gitlab_links.search.conditions import found_by, has_item_with
from gitlab_links.search.words import ROLES, fact_word, person_word
from gitlab_links.tasks.models import TO_DO, Task, TaskStatus

NOBODY = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """The filter of tasks; an empty text and None do not filter.

    ``links`` is a state of an item, ``draft``, ``problem``, or ``none`` for tasks without such
    a link; ``type`` is a type of item. ``assignee_id`` may be ``NOBODY``. ``person``, ``label``,
    ``milestone`` and ``project`` are of one linked item: a GitLab username, which assigns, reviews
    or wrote it, exact names, and a path in upper or lower case.
    ``external_url`` is the task's own, exactly. ``updated_since`` is about the task and its set
    of links.
    """

    q: str = ""
    status: str = ""
    need: Need | None = None
    assignee_id: uuid.UUID | None = None
    links: str = ""
    type: str = ""
    person: str = ""
    label: str = ""
    milestone: str = ""
    project: str = ""
    external_url: str = ""
    updated_since: datetime | None = None

    def conditions(
        self, visibility: Visibility, *, each: bool = False
    ) -> Iterator[ColumnElement[bool]]:
        """The SQL conditions over tasks of the org. They reveal nothing that is withheld.

        ``each``: tested task by task, for few tasks. Else what matches is found by indexes first.
        """
        of_org = Task.org_id == visibility.org_id
        # Of a person's tasks it is only checked: SQLite would read all of the org.
        yield of_org.is_(true()) if self.assignee_id not in {None, NOBODY} else of_org
        if self.status:
            of_status = Task.status == self.status
            yield of_status.is_(true()) if each else of_status
        if self.assignee_id == NOBODY:
            yield Task.assignee_id.is_(None)
        elif self.assignee_id is not None:
            yield Task.assignee_id == self.assignee_id
        if self.external_url:
            yield Task.external_url == self.external_url
        if self.updated_since is not None:
            since = self.updated_since
            yield or_(Task.updated_at >= since, Task.links_changed_at >= since)
        of_links = self._of_links(visibility, each=each)
        yield from _in_turn(list(of_links)) if each else of_links

    def _of_links(self, visibility: Visibility, *, each: bool) -> Iterator[ColumnElement[bool]]:
        """What takes reading the links of a task, the quickest first."""
        if self.need is not None:
            yield has_need(self.need, visibility, utcnow().date(), each=each)
        if visibility.sees_links and (self.links or self.type):
            yield self._linked(visibility, each=each)
        if visibility.sees_links and self._reads_items:
            yield self._of_items(visibility, each=each)
        if self.q:
            yield found_by(self.q, visibility, each=each)

    @property
    def is_common(self) -> bool:
        """Whether very many tasks of a large org may match, so that they are not all counted."""
        states = self.links not in {"none", "draft", "problem"} and (self.links or self.type)
        return bool(states) and not (self.q or self.need or self._reads_items)

    @property
    def narrows(self) -> bool:
        """Whether it reads links, which are best read once for count and page."""
        links = bool(self.links or self.type or self._reads_items)
        return (bool(self.q or self.need) or links) and not self.is_common

    @property
    def is_combined(self) -> bool:
        """Whether it asks for two things that no index finds together."""
        links = bool(self.links or self.type)
        asked = (bool(self.q), bool(self.need), links, self._reads_items, bool(self.status))
        return self.need is Need.ALL_MERGED or sum(asked) > 1

    @property
    def statuses(self) -> tuple[str, ...]:
        """The only ones that matching tasks have; empty if they may have any."""
        if self.status:
            return (self.status,)
        if self.need is Need.STILL_OPEN:
            return (TaskStatus.DONE.value,)
        return TO_DO if self.need in {Need.ALL_MERGED, Need.NOTHING_LINKED} else ()

    @property
    def _reads_items(self) -> bool:
        return bool(self.person or self.label or self.milestone or self.project)

    def _of_items(self, visibility: Visibility, *, each: bool) -> ColumnElement[bool]:
        """Tasks with a linked item that has all of these, and whose content the caller sees."""
        facts = [fact_word("label", self.label)] if self.label else []
        facts += [fact_word("milestone", self.milestone)] if self.milestone else []
        of_project = [is_of_project(self.project, visibility)] if self.project else []
        roles = [person_word(role, self.person) for role in ROLES] if self.person else []
        if not facts and not roles:
            return linked(visibility, *of_project, of_org=False, each=each)
        return has_item_with(visibility, *of_project, facts=facts, any_of=roles, each=each)

    def _linked(self, visibility: Visibility, *, each: bool) -> ColumnElement[bool]:
        """Tasks with a link of that state and type; ``none``: tasks without such a link.

        A withheld link is shown as a link, of its type and with an error of its reference: so
        far it counts here.
        """
        of_type = [GitLabItem.type == ItemType(self.type).value] if self.type else []
        if self.links == "none" and not of_type:
            return ~has_links()
        if self.links in {"", "none"}:
            found = linked(visibility, *of_type, withheld_too=True, common=True, each=each)
            return ~found if self.links == "none" else found
        if self.links == "problem":
            code = GitLabItem.error_code
            seen = () if visibility.sees_all else (or_(~withheld(), code.in_(GONE)),)
            shown = (*of_type, code.is_not(None), *seen)
            return linked(visibility, *shown, withheld_too=True, each=each)
        if self.links == "draft":
            return linked(
                visibility, *(of_type or [of_any_type()]), is_open(), GitLabItem.draft.is_(True)
            )
        of_state = (*of_type, GitLabItem.state == self.links)
        return linked(visibility, *of_state, common=True, each=each)


def _in_turn(conditions: Sequence[ColumnElement[bool]]) -> Iterator[ColumnElement[bool]]:
    """All of the conditions, each only for what meets those before it: PostgreSQL tests them in
    the order of its estimates.
    """
    found: ColumnElement[bool] | None = None
    for one in reversed(conditions):
        found = one if found is None else case((one, found), else_=false())
    if found is not None:
        yield found
