"""A batch of due tasks: what the rules make of each, and all of it written at once."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select

from gitlab_links.accounts.models import Org
from gitlab_links.audit.changes import RULE, Action, write_audit_event
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import NewEvent, record
from gitlab_links.extensions import db
from gitlab_links.rule_states.models import LONGEST_WAIT_SECONDS, OrgRules, RulesMode, TaskRuleState
from gitlab_links.rules.choices import choices_of
from gitlab_links.rules.links import RuleLink
from gitlab_links.rules.wanted import (
    OUTSIDE,
    LinkMeaning,
    Rule,
    Wanted,
    meaning_of,
    rule_for,
    wanted,
)
from gitlab_links.storage.many_rows import UpdateRows
from gitlab_links.storage.waits import TOLERANCE
from gitlab_links.tasks.models import Task, TaskStatus
from gitlab_links.tasks.summaries import task_reference

# More changes than this in a minute are no ordinary day: the rules stop, and a person decides.
MOST_A_MINUTE = 50
MINUTE = timedelta(minutes=1)
LONGEST_WAIT = timedelta(seconds=LONGEST_WAIT_SECONDS)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DueTask:
    """A task, and what the rules know of it: see :class:`TaskRuleState`."""

    id: uuid.UUID
    number: int
    status: str
    status_rule: str | None
    wanted: str
    version: int
    news_at: datetime
    held_since: datetime | None
    pinned_at: datetime | None


def _left_this_minute(rules: OrgRules, now: datetime) -> int:
    state = TaskRuleState
    changed = db.session.scalar(
        select(func.count()).where(
            state.org_id == rules.org_id,
            state.changed_at > now - MINUTE,
            # Not all of the last hour, if the clock was set back by an hour.
            state.changed_at <= now + TOLERANCE,
            state.counted,
        )
    )
    return MOST_A_MINUTE - (changed or 0)


@dataclass(frozen=True, slots=True)
class _Change:
    """A task that gets another status, and what its links said."""

    task: DueTask
    rule: Rule
    status: Wanted
    reasons: Sequence[Mapping[str, Any]]
    counted: bool


class Batch:
    """The tasks of a batch, and what the rules change of them."""

    def __init__(self, rules: OrgRules, now: datetime) -> None:
        self._rules, self._choices, self._now = rules, choices_of(rules), now
        self._left: int | None = None
        self._states: list[dict[str, Any]] = []
        self._changes: list[_Change] = []

    def evaluate(self, task: DueTask, links: Sequence[RuleLink]) -> None:
        """Compute what is wanted, and change the task if that has changed."""
        meanings = [meaning_of(link.facts, self._choices) for link in links]
        want = wanted(meanings, self._choices)
        is_start = task.version != self._rules.version
        is_free = not is_start and task.pinned_at is None
        after = {
            "task_id": task.id,
            "wanted": task.wanted,
            "version": task.version,
            "undecided": want is Wanted.UNDECIDED,
            "held_since": task.held_since if is_free else None,
            "due_at": None,
        }
        self._states.append(after)
        if want is Wanted.UNDECIDED:
            # What is learnt next is where the rules start from, and still no change.
            return
        is_on = self._rules.mode == RulesMode.ON.value
        differs = want != task.wanted
        if is_on and not is_start and differs and self._waits(want, task.news_at):
            after["due_at"] = task.news_at + self._wait
            return
        after |= {"wanted": want.value, "version": self._rules.version}
        if not is_free or self._rules.mode == RulesMode.TRIAL.value:
            return
        if differs or (is_on and task.held_since is not None):
            was_held, said = after["held_since"] is not None, zip(links, meanings, strict=True)
            after["held_since"] = self._change(task, want, said, was_held=was_held)

    @property
    def _wait(self) -> timedelta:
        return timedelta(seconds=self._rules.wait_seconds)

    def _waits(self, want: Wanted, news_at: datetime) -> bool:
        """*Done* waits until nothing new has come for a while."""
        quiet_at = news_at + self._wait
        return want is Wanted.DONE and self._now < quiet_at <= self._now + 2 * LONGEST_WAIT

    def _change(
        self,
        task: DueTask,
        want: Wanted,
        said: Iterable[tuple[RuleLink, LinkMeaning]],
        *,
        was_held: bool,
    ) -> datetime | None:
        """Change the status; or keep the change back while the rules are stopped, and return
        since when. What somebody has applied after a stop is changed however much that is.
        """
        former, by_rule = TaskStatus(task.status), task.status_rule is not None
        rule = rule_for(want, former, self._choices, set_by_rule=by_rule)
        if rule is None:
            return None
        if self._left is None:
            self._left = _left_this_minute(self._rules, self._now)
        if self._left <= 0 and not was_held:
            self._stop()
        if self._rules.mode != RulesMode.ON.value:
            return self._now
        self._left -= not was_held
        reasons = [_reason(link, says) for link, says in said if says not in OUTSIDE]
        self._changes.append(_Change(task, rule, want, reasons, counted=not was_held))
        return None

    def _stop(self) -> None:
        if self._rules.mode == RulesMode.ON.value:
            self._rules.mode, self._rules.stopped_at = RulesMode.STOPPED.value, self._now
            org_id = str(self._rules.org_id)
            log.warning("rules.stopped", org_id=org_id, most_a_minute=MOST_A_MINUTE)

    def write(self) -> None:
        """Write everything, with what the audit log and the timelines say of it."""
        if self._states:
            _STATES.run(db.session, self._states)
        if self._changes:
            org_id = self._rules.org_id
            _TASKS.run(db.session, [_task_row(change, self._now) for change in self._changes])
            _CHANGED.run(db.session, [_changed_row(change, self._now) for change in self._changes])
            key = db.session.scalar(select(Org.task_key).where(Org.id == org_id)) or ""
            record(org_id, RULE, *(_event(change, key) for change in self._changes))
            for change in self._changes:
                _audit(org_id, change, key)
        db.session.flush()


_TASKS = UpdateRows(Task)
_STATES = UpdateRows(TaskRuleState, key="task_id")
_CHANGED = UpdateRows(TaskRuleState, key="task_id")


def _task_row(change: _Change, now: datetime) -> dict[str, Any]:
    return {
        "id": change.task.id,
        "status": change.status.value,
        "status_rule": change.rule.value,
        "updated_at": now,
    }


def _changed_row(change: _Change, now: datetime) -> dict[str, Any]:
    return {
        "task_id": change.task.id,
        "changed_at": now,
        "former_status": change.task.status,
        "reasons": change.reasons,
        "counted": change.counted,
    }


def _audit(org_id: uuid.UUID, change: _Change, task_key: str) -> None:
    detail = {
        "task": task_reference(task_key, change.task.number),
        "status": change.status.value,
        "rule": change.rule.value,
    }
    write_audit_event(org_id, RULE, Action.TASK_UPDATED, change.task.id, detail)


def _event(change: _Change, task_key: str) -> NewEvent:
    """Of items only their ids: whoever reads the event may not be allowed to know more."""
    task = change.task
    return NewEvent(
        EventType.TASK_STATUS_CHANGED,
        task.id,
        task_reference(task_key, task.number),
        changes={"status": [task.status, change.status.value]},
        cause={"kind": "rule", "rule": change.rule.value},
        detail={"items": [one["item_id"] for one in change.reasons]},
    )


def _reason(link: RuleLink, says: LinkMeaning) -> dict[str, object]:
    """What a link said, as JSON: ids and the reference that whoever linked it saw, no text of
    GitLab's but the name of who merged.
    """
    return {
        "item_id": str(link.item_id),
        "reference": link.made_reference,
        "says": says.value,
        "withheld": link.withheld,
        "merged_at": None if link.merged_at is None else link.merged_at.isoformat(),
        "merged_by": link.merged_by,
    }
