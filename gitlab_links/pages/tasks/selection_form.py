"""What is chosen for the selected tasks of the list: only what is chosen is changed."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from werkzeug.datastructures import MultiDict

from gitlab_links.accounts.people import Colleague
from gitlab_links.finding.list_query import NO_ONE
from gitlab_links.pages.form_fields import parsed
from gitlab_links.pages.tasks.task_list import STATUS_MARKS
from gitlab_links.pages.times import day
from gitlab_links.tasks.models import TaskStatus


def assignees(people: Sequence[Colleague]) -> list[tuple[str, str]]:
    """Who the selected tasks may be assigned to."""
    return [(NO_ONE, "Nobody"), *((str(person.id), person.name) for person in people)]


@dataclass(frozen=True, slots=True)
class SelectionForm:
    """The fields as they were sent; ``error`` is what is wrong with them, in words.

    ``left_ids`` are tasks that were selected when their rows left the open page.
    """

    task_ids: Sequence[uuid.UUID] = ()
    left_ids: Sequence[uuid.UUID] = ()
    status: str = ""
    assignee: str = ""
    due: str = ""
    error: str = ""

    @classmethod
    def of(
        cls, form: MultiDict[str, str], people: Sequence[Colleague], most: int
    ) -> "SelectionForm":
        """The form with the first ``most`` tasks, without what is no id."""
        task_ids, left_ids = (_ids(form.getlist(name)[:most]) for name in ("task", "left"))
        status, assignee, due = (
            form.get(name, "").strip() for name in ("status", "assignee", "due")
        )
        error = ""
        if not (status or assignee or due):
            error = "Choose a status, an assignee or a due date for the selected tasks."
        elif status and parsed(TaskStatus, status) is None:
            error = "Choose a status of this list."
        elif assignee and assignee not in dict(assignees(people)):
            error = "Choose an assignee of this list."
        elif due and parsed(date.fromisoformat, due) is None:
            error = "Enter a due date, such as 2026-12-24."
        return cls(sorted(task_ids), sorted(left_ids - task_ids), status, assignee, due, error)

    def not_among(self, shown: Collection[uuid.UUID]) -> Sequence[uuid.UUID]:
        """The tasks that were selected and are not shown any more."""
        return [one for one in (*self.task_ids, *self.left_ids) if one not in shown]

    @property
    def changes(self) -> Mapping[str, Any]:
        """What to set on each task; only of a form without an error."""
        chosen: dict[str, Any] = {}
        if self.status:
            chosen["status"] = TaskStatus(self.status).value
        if self.assignee:
            chosen["assignee_id"] = parsed(uuid.UUID, self.assignee)  # None is nobody
        if self.due:
            chosen["due_date"] = date.fromisoformat(self.due)
        return chosen

    def in_words(self, people: Sequence[Colleague]) -> str:
        """What was set, such as ``Done, assigned to Ann, due Dec 24, 2026``."""
        words = []
        if self.status:
            words.append(STATUS_MARKS[TaskStatus(self.status)].text)
        if self.assignee:
            words.append(f"assigned to {dict(assignees(people))[self.assignee]}")
        if self.due:
            words.append(f"due {day(date.fromisoformat(self.due))}")
        return ", ".join(words)


def _ids(texts: Sequence[str]) -> set[uuid.UUID]:
    found = (parsed(uuid.UUID, text) for text in texts)
    return {one for one in found if one is not None}


NOTHING_CHOSEN = SelectionForm()
