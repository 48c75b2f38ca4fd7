"""How a list of tasks is filtered and ordered: read from an address, and written as one.

The one parser of the page, of saved views and of what else leads to a list.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from urllib.parse import parse_qsl, urlencode

from gitlab_links.finding.task_filters import NOBODY, TaskQuery
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.usernames import username_of
from gitlab_links.rollup.needs import Need
from gitlab_links.sought_texts import sought
from gitlab_links.tasks.models import TaskStatus

ITEM_FILTERS = ("person", "label", "milestone", "project")
FILTERS = ("q", "status", "need", "assignee", "links", "type", *ITEM_FILTERS)
ME, NO_ONE = "me", "none"
ASSIGNEE = rf"^({ME}|{NO_ONE}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})$"
_ASSIGNEE = re.compile(ASSIGNEE)


class LinkStateFilter(StrEnum):
    """What one of the links of a task is, or that it has none."""

    OPENED = "opened"
    DRAFT = "draft"
    MERGED = "merged"
    CLOSED = "closed"
    PROBLEM = "problem"
    NONE = "none"


class ListOrder(StrEnum):
    """The orders of the list."""

    NEWEST = "newest"
    OLDEST = "oldest"
    UPDATED = "updated"
    DUE = "due"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Search, filters and order; an empty text does not filter.

    ``assignee`` is ``me``, ``none`` or the id of a user, also of one who has left.
    """

    q: str = ""
    status: str = ""
    need: str = ""
    assignee: str = ""
    links: str = ""
    type: str = ""
    person: str = ""
    label: str = ""
    milestone: str = ""
    project: str = ""
    sort: str = ListOrder.NEWEST.value

    @classmethod
    def read(cls, given: Mapping[str, str], *, sees_links: bool) -> Self:
        """Read the arguments of an address. What there is not is ignored, as is what only
        viewers who see links may filter by.
        """
        needs: Iterable[Need] = Need if sees_links else {Need.OVERDUE}
        assignee = given.get("assignee", "")
        of_items = {name: typed(given, name) if sees_links else "" for name in ITEM_FILTERS}
        return cls(
            q=typed(given, "q"),
            status=one_of(given.get("status"), TaskStatus),
            need=one_of(given.get("need"), needs),
            assignee=assignee if _ASSIGNEE.fullmatch(assignee) else "",
            links=one_of(given.get("links"), LinkStateFilter) if sees_links else "",
            type=one_of(given.get("type"), ItemType) if sees_links else "",
            **{**of_items, "person": username_of(of_items["person"])},
            sort=one_of(given.get("sort"), ListOrder) or ListOrder.NEWEST.value,
        )

    @classmethod
    def parse(cls, canonical: str, *, sees_links: bool) -> Self:
        """Read what ``canonical`` has written."""
        return cls.read(dict(parse_qsl(canonical)), sees_links=sees_links)

    @property
    def narrows(self) -> bool:
        """Whether a search or filter is set."""
        return any(getattr(self, name) for name in FILTERS)

    @property
    def arguments(self) -> dict[str, str]:
        """What differs from the whole list, by name, in one order."""
        found = {name: value for name in FILTERS if (value := getattr(self, name))}
        return found if self.sort == ListOrder.NEWEST else {**found, "sort": self.sort}

    @property
    def canonical(self) -> str:
        """The same as the query string of an address; equal for equal lists."""
        return urlencode(self.arguments)

    def filters(self, me: uuid.UUID) -> TaskQuery:
        """The filters as the list takes them; ``me`` is the viewer."""
        return TaskQuery(
            q=self.q,
            status=self.status,
            need=Need(self.need) if self.need else None,
            assignee_id=assignee_of(self.assignee, me),
            links=self.links,
            type=self.type,
            **{name: getattr(self, name) for name in ITEM_FILTERS},
        )


def assignee_of(text: str, me: uuid.UUID) -> uuid.UUID | None:
    """The one who is meant by ``me``, ``none`` or an id; None for an empty text."""
    people = {"": None, ME: me, NO_ONE: NOBODY}
    return people[text] if text in people else uuid.UUID(text)


def typed(given: Mapping[str, str], name: str) -> str:
    """What was typed into a field of filters; empty if nothing can be sought by it."""
    return sought(given.get(name, ""))


def one_of(value: str | None, values: Iterable[str]) -> str:
    """The value, if it is one of these, else an empty text."""
    return value if value is not None and value in set(values) else ""
