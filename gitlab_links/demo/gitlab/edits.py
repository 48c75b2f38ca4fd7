"""How single fields of an item are set, by the names a caller uses."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from gitlab_links.demo.gitlab.people import People
from gitlab_links.demo.gitlab.projects import Projects
from gitlab_links.demo.gitlab.records import DRAFT_TITLE, LISTED_TYPES, Issue, Item, MergeRequest

Setter = Callable[[Any, Any], None]

ISSUE_TYPES = (*LISTED_TYPES, "ticket", "objective", "key_result", "epic")


class Edits:
    """Sets fields and nothing else: no time, no event. Unknown names are a TypeError."""

    def __init__(self, people: People, projects: Projects) -> None:
        self._people = people
        self._projects = projects
        self._setters: dict[str, Setter] = {
            "labels": self._labels,
            "add_labels": self._add_labels,
            "assignees": self._assignees,
            "reviewers": self._reviewers,
            "reviews": self._reviews,
            "milestone": self._milestone,
            "due_date": self._due_date,
            "draft": self._draft,
            "type": self._type,
        }
        plain = ("title", "description", "confidential", "severity",
                 "target_branch", "mergeability", "approvals_required")  # fmt: skip
        self._setters |= {name: _plain(name) for name in plain}

    def apply(self, item: Item, fields: dict[str, Any]) -> None:
        """Set ``fields`` on ``item``; KeyError for an unknown user or milestone."""
        for name, value in fields.items():
            if name not in self._setters:
                raise TypeError(f"{type(item).__name__} has no field {name!r} to edit")
            self._setters[name](item, value)

    def _labels(self, item: Item, names: Iterable[str]) -> None:
        wanted = dict.fromkeys(names)
        item.labels = [self._projects.label(item.project, name) for name in wanted]

    def _add_labels(self, item: Item, names: Iterable[str]) -> None:
        self._labels(item, [*(label.name for label in item.labels), *names])

    def _assignees(self, item: Item, users: Iterable[Any]) -> None:
        item.assignees = [self._people.user(user) for user in users]

    def _reviewers(self, mr: MergeRequest, users: Iterable[Any]) -> None:
        mr.reviewers = [self._people.user(user) for user in users]

    def _reviews(self, mr: MergeRequest, states: Mapping[str, str]) -> None:
        mr.reviews |= {self._people.user(name).id: state for name, state in states.items()}

    def _milestone(self, item: Item, key: Any) -> None:
        item.milestone = self._projects.milestone(item.project, key)

    def _due_date(self, issue: Issue, day: date | str | None) -> None:
        issue.due_date = date.fromisoformat(day) if isinstance(day, str) else day

    def _draft(self, mr: MergeRequest, draft: bool) -> None:
        title = DRAFT_TITLE.sub("", mr.title)
        mr.title = f"Draft: {title}" if draft else title

    def _type(self, issue: Issue, value: str) -> None:
        if value not in ISSUE_TYPES:
            raise ValueError(f"type is one of {', '.join(ISSUE_TYPES)}")
        issue.type = value


def _plain(name: str) -> Setter:
    def set_it(item: Item, value: Any) -> None:
        if not hasattr(item, name):
            raise TypeError(f"{type(item).__name__} has no field {name!r} to edit")
        setattr(item, name, value)

    return set_it
