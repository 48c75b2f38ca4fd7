"""An event as a line of a chat, in the markup of Slack, which Mattermost, Rocket.Chat and
Discord's ``/slack`` addresses take.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gitlab_links.events.models import EventType
from gitlab_links.outgoing.bodies import EventBody

LONGEST_TITLE = 150
_CALLS = re.compile(r"@(?=(?:all|channel|everyone|here)\b)", re.IGNORECASE)
STATUSES = {"open": "open", "in_progress": "in progress", "done": "done"}


@dataclass(frozen=True, slots=True)
class ChatFacts:
    """An event, the present title of its item, and who made the change."""

    event: EventBody
    title: str | None
    person: str | None
    org_name: str


def chat_text(facts: ChatFacts) -> str:
    """The message: one sentence, with links to task and item."""
    # A newer release, which may run beside this one, has types that are not known here.
    return _KNOWN.get(facts.event.type, _other)(facts)


def plain(text: str) -> str:
    """A text without markup: the three characters that start some are escaped, and others that
    would format are left as people typed them. It calls no whole channel, as ``@here`` would.
    """
    return _CALLS.sub("@\u200b", _escaped(" ".join(text.split())))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _anchor(url: str, text: str) -> str:
    return f"<{_escaped(url).replace('|', '%7C')}|{plain(text).replace('|', '/')}>"


def _task(facts: ChatFacts) -> str:
    task = facts.event.data.task
    return "a task" if task is None else _anchor(task.url, task.reference or "the task")


def _item(facts: ChatFacts) -> str:
    link = facts.event.data.link
    if link is None:
        return "an item"
    shown = _anchor(link.url or "", link.reference or "an item")
    return f"{shown} {plain(facts.title[:LONGEST_TITLE])}" if facts.title else shown


def _who(facts: ChatFacts) -> str:
    by = {"rule": "A rule", "operator": "The operator", "service": "The service"}
    return plain(facts.person) if facts.person else by.get(facts.event.data.actor.kind, "Somebody")


def _changed(facts: ChatFacts) -> str:
    after = {name: pair[1] for name, pair in facts.event.data.changes.items()}
    item, task = _item(facts), _task(facts)
    if "state" in after:
        return f"{item} is {_STATES.get(str(after['state']), after['state'])} ({task})"
    if after.get("pipeline_status") == "failed":
        return f"The pipeline of {item} failed ({task})"
    if "pipeline_status" in after:
        return f"The pipeline of {item}: {plain(str(after['pipeline_status']))} ({task})"
    if "item" in after:
        return f"{item} has moved ({task})"
    return f"{item}: {', '.join(_words(name) for name in after) or 'something'} changed ({task})"


_STATES = {"merged": "merged", "closed": "closed", "opened": "open", "locked": "locked"}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _status(facts: ChatFacts) -> str:
    status = str(facts.event.data.changes.get("status", [None, ""])[1])
    return f"{_who(facts)} set {_task(facts)} to {STATUSES.get(status, status)}"


def _title(facts: ChatFacts, place: int) -> str:
    title = facts.event.data.changes.get("title", [None, None])[place]
    return f": {plain(str(title)[:LONGEST_TITLE])}" if title else ""


def _health(facts: ChatFacts) -> str:
    detail: Mapping[str, Any] = facts.event.data.detail or {}
    is_open = facts.event.data.changes.get("open", [None, True])[1]
    over = "" if is_open else "Over: "
    remedy = f" {plain(str(detail['remedy']))}" if is_open and detail.get("remedy") else ""
    return f"{plain(facts.org_name)}: {over}{plain(str(detail.get('summary', '')))}{remedy}"


def _other(facts: ChatFacts) -> str:
    return f"{_who(facts)}: {plain(facts.event.type)} ({_task(facts)})"


_KNOWN: Mapping[str, Callable[[ChatFacts], str]] = {
    EventType.TASK_CREATED: lambda f: f"{_who(f)} created {_task(f)}{_title(f, 1)}",
    EventType.TASK_EDITED: lambda f: f"{_who(f)} edited {_task(f)}",
    EventType.TASK_STATUS_CHANGED: _status,
    EventType.TASK_PINNED: lambda f: f"{_who(f)} pinned the status of {_task(f)}",
    EventType.TASK_UNPINNED: lambda f: f"{_who(f)} unpinned the status of {_task(f)}",
    EventType.TASK_DELETED: lambda f: f"{_who(f)} deleted {_task(f)}{_title(f, 0)}",
    EventType.LINK_CREATED: lambda f: f"{_who(f)} linked {_item(f)} to {_task(f)}",
    EventType.LINK_REMOVED: lambda f: f"{_who(f)} unlinked {_item(f)} from {_task(f)}",
    EventType.LINK_CHANGED: _changed,
    EventType.CONNECTION_HEALTH_CHANGED: _health,
}
