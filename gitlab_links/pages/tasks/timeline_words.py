"""The events of a task's timeline in words."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gitlab_links.audit.models import ActorKind
from gitlab_links.events.models import Event, EventType
from gitlab_links.pages.rules.rule_words import RULE_NAMES
from gitlab_links.pages.tasks.task_list import STATUS_MARKS
from gitlab_links.pages.wording import Mark, item_mark, pipeline_mark
from gitlab_links.rules.wanted import Rule
from gitlab_links.tasks.models import TaskStatus
from gitlab_links.timeline.queries import Entry

Names = Mapping[uuid.UUID | None, str]

_FIELDS = {
    "assignee_id": "assignee",
    "external_url": "web address",
    "due_date": "due date",
    "milestone_id": "milestone",
    "merge_status": "merge status",
    "pipeline_status": "pipeline",
}
_STATES = {
    "merged": "was merged",
    "closed": "was closed",
    "opened": "was reopened",
    "locked": "is being merged",
}
_PIPELINES = {
    "success": "has a pipeline that passed",
    "failed": "has a pipeline that failed",
}
_RULE = Mark("", "blue", "rules")
_HAND = Mark("", "gray", "person")
_LINK = Mark("", "gray", "mark")


@dataclass(frozen=True, slots=True)
class Row:
    """One event: ``who`` did ``before`` the item ``after``, for the reasons of ``because``."""

    id: uuid.UUID
    at: datetime
    mark: Mark
    who: str
    before: str = ""
    reference: str = ""
    url: str = ""
    after: str = ""
    because: Sequence[str] = ()

    @property
    def day(self) -> date:
        """The day in UTC, under which it stands."""
        return self.at.date()

    @property
    def sentence(self) -> str:
        """All of it but who."""
        said = " ".join(filter(None, (self.before, self.reference, self.after)))
        return f"{said}, because of {', '.join(self.because)}" if self.because else said


@dataclass(frozen=True, slots=True)
class Words:
    """What the words of a page of events need: names of people, references of items."""

    people: Names
    keys: Names
    references: Mapping[uuid.UUID, str]

    def row(self, entry: Entry) -> Row:
        """One event in words."""
        event = entry.event
        kind = event.type  # a newer release, which may run beside this one, has others
        if kind == EventType.LINK_CHANGED:
            mark, said = _changed(event)
            return self._of_item(event, mark, "", "", said)
        if kind == EventType.LINK_CREATED:
            return self._linked(event)
        if kind == EventType.LINK_REMOVED:
            return self._unlinked(event)
        if kind == EventType.TASK_STATUS_CHANGED:
            return self._status(event)
        return Row(event.id, event.created_at, _HAND, self._who(event), _plain(event))

    def _who(self, event: Event) -> str:
        if event.actor_kind == ActorKind.RULE:
            return "A rule"
        if event.actor_kind == ActorKind.OPERATOR:
            return "The operator"
        if event.actor_kind == ActorKind.SERVICE:
            return "This service"
        name = self.people.get(event.actor_user_id, "A deleted user")
        if event.actor_api_key_id is None:
            return name
        return f"{name} (key {self.keys.get(event.actor_api_key_id, 'deleted')})"

    def _of_item(self, event: Event, mark: Mark, who: str, before: str, after: str) -> Row:
        reference, url = event.reference or "an item", event.url or ""
        return Row(event.id, event.created_at, mark, who, before, reference, url, after)

    def _linked(self, event: Event) -> Row:
        match (event.cause or {}).get("kind"):
            case "mention":
                return self._of_item(event, _LINK, "", "", "mentions the task and was linked")
            case "backfill":
                said = "mentions the task and was linked, looking back"
                return self._of_item(event, _LINK, "", "", said)
            case "undo":
                return self._of_item(event, _LINK, self._who(event), "linked", "again")
        return self._of_item(event, _LINK, self._who(event), "linked", "")

    def _unlinked(self, event: Event) -> Row:
        mark = Mark("", "gray", "cross")
        match (event.cause or {}).get("kind"):
            case "mention":
                said = "no longer mentions the task and was unlinked"
                return self._of_item(event, mark, "", "", said)
            case "duplicate":
                said = "was linked twice, so one link was removed"
                return self._of_item(event, mark, "", "", said)
            case "dismissed":
                said = "was unlinked again, because somebody had removed this link before"
                return self._of_item(event, mark, "", "", said)
        return self._of_item(event, mark, self._who(event), "unlinked", "")

    def _status(self, event: Event) -> Row:
        old, new = (STATUS_MARKS[TaskStatus(one)] for one in event.changes["status"])
        change = f"from {old.text} to {new.text}"
        cause = event.cause or {}
        rule = _rule_name(cause.get("rule"))
        if cause.get("kind") == "rule":
            ids = [uuid.UUID(one) for one in (event.detail or {}).get("items", ())]
            because = [self.references[one] for one in ids if one in self.references]
            who = f"The rule “{rule}”"
            said = f"set the status {change}"
            return Row(event.id, event.created_at, _RULE, who, said, because=because)
        mark = Mark("", new.tone, new.icon)
        if cause.get("kind") == "undo":
            said = f"undid the rule “{rule}”: {change}"
        else:
            said = f"set the status {change}"
        return Row(event.id, event.created_at, mark, self._who(event), said)


def _rule_name(value: str | None) -> str:
    return RULE_NAMES[Rule(value)] if value in set(Rule) else "unknown"


def _plain(event: Event) -> str:
    kind = event.type
    if kind == EventType.TASK_CREATED:
        return "created the task"
    if kind == EventType.TASK_PINNED:
        return "pinned the status: no rule changes it"
    if kind == EventType.TASK_UNPINNED:
        return "unpinned the status"
    if kind == EventType.TASK_EDITED:
        return f"changed {_listed((event.detail or {}).get('edited', ()))}"
    return kind.replace(".", " ").replace("_", " ")


def _listed(fields: Sequence[str]) -> str:
    names = [_FIELDS.get(name, name.replace("_", " ")) for name in fields]
    if len(names) < 2:
        return "".join(names) or "it"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _changed(event: Event) -> tuple[Mark, str]:
    """What changed of an item, the most important first."""
    changes: Mapping[str, Sequence[Any]] = event.changes
    for name, words in (
        ("item", _moved),
        ("missing", _missing),
        ("state", _state),
        ("confidential", _confidential),
        ("draft", _draft),
        ("pipeline_status", _pipeline),
        ("merge_status", _review),
    ):
        if name in changes:
            return words(event, *changes[name])
    return Mark("", "gray", "info"), f"changed: {_listed(list(changes))}"


def _moved(_event: Event, old: str, _new: str) -> tuple[Mark, str]:
    return _LINK, f"is where {old} is now"


def _missing(_event: Event, _old: bool, new: bool) -> tuple[Mark, str]:
    if new:
        return Mark("", "amber", "warning"), "is not shown by GitLab any more"
    return Mark("", "gray", "info"), "is shown by GitLab again"


def _state(event: Event, old: str | None, new: str | None) -> tuple[Mark, str]:
    found = item_mark(event.item_type or "", new)
    if old is None:
        return found, f"was read from GitLab: {found.text.lower()}"
    said = _STATES.get(new or "", "changed its state")
    merger = (event.detail or {}).get("merged_by")
    return found, f"{said} by {merger['name']}" if merger else said


def _confidential(_event: Event, _old: bool, new: bool) -> tuple[Mark, str]:
    said = "is confidential now" if new else "is not confidential any more"
    return Mark("", "gray", "lock"), said


def _draft(event: Event, _old: bool, new: bool) -> tuple[Mark, str]:
    found = item_mark(event.item_type or "", "opened", draft=new)
    return found, "is a draft again" if new else "is not a draft any more"


def _review(_event: Event, old: str | None, new: str | None) -> tuple[Mark, str]:
    if new == "requested_changes":
        return Mark("", "amber", "person"), "has changes requested"
    if new == "not_approved":
        return Mark("", "amber", "person"), "needs approval"
    if old == "not_approved":
        return Mark("", "green", "check"), "is approved"
    return Mark("", "gray", "info"), "has another merge status"


def _pipeline(_event: Event, old: str | None, new: str | None) -> tuple[Mark, str]:
    if new is None:
        return Mark("", "gray", "info"), "has no pipeline any more"
    said = _PIPELINES.get(new, f"has a pipeline that is {new.replace('_', ' ')}")
    if (old, new) == ("success", "failed"):
        said += ", which had passed before"
    return pipeline_mark(new), said
