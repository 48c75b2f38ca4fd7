"""Webhooks of projects and groups: what they listen to, what disables them, what they sent."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from gitlab_links.demo.gitlab.records import Project
from gitlab_links.demo.gitlab.timing import Clock

TEMPORARY_AFTER = 4
PERMANENT_AFTER = 40
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(days=1)
EVENTS_KEPT = 500

TRIGGERS = (
    "push_events",
    "issues_events",
    "confidential_issues_events",
    "merge_requests_events",
    "tag_push_events",
    "note_events",
    "confidential_note_events",
    "job_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
)


@dataclass(frozen=True)
class HookEvent:
    """One attempt, as ``GET .../events`` returns it; ``body`` has the bytes sent."""

    id: int
    url: str
    trigger: str
    request_headers: dict[str, str]
    body: bytes
    response_headers: dict[str, str]
    response_body: str
    response_status: str
    execution_duration: float
    created_at: datetime

    @property
    def ok(self) -> bool:
        """GitLab counts 2xx and 3xx as delivered."""
        return self.response_status.isdecimal() and 200 <= int(self.response_status) < 400


@dataclass(eq=False)
class Hook:
    """A hook of a project or of a group, which is its path; a group's hears of all projects below
    it. ``enabled`` holds the triggers that are on.
    """

    id: int
    of: Project | str
    url: str
    created_at: datetime
    enabled: set[str] = field(default_factory=lambda: {"push_events"})
    token: str | None = None
    signing_token: str | None = None
    name: str | None = None
    enable_ssl_verification: bool = True
    recent_failures: int = 0
    disabled_until: datetime | None = None
    events: deque[HookEvent] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))

    def hears(self, project: Project) -> bool:
        if isinstance(self.of, str):
            return f"{project.namespace}/".lower().startswith(f"{self.of}/".lower())
        return self.of is project

    def alert_status(self, now: datetime) -> str:
        """``executable``, ``temporarily_disabled`` or ``disabled``."""
        if self.recent_failures >= PERMANENT_AFTER:
            return "disabled"
        paused = self.disabled_until is not None and self.disabled_until >= now
        return "temporarily_disabled" if paused else "executable"

    def executable(self, now: datetime) -> bool:
        return self.alert_status(now) == "executable"

    def record(self, event: HookEvent, now: datetime) -> None:
        """Log an attempt and draw the consequences: success forgives, failures add up."""
        self.events.append(event)
        if event.ok:
            self.recent_failures, self.disabled_until = 0, None
        elif self.executable(now):
            self.recent_failures += 1
            if self.recent_failures >= TEMPORARY_AFTER:
                pause = FIRST_PAUSE * 2 ** min(self.recent_failures - TEMPORARY_AFTER, 20)
                self.disabled_until = now + min(pause, LONGEST_PAUSE)


SETTABLE = {f.name for f in fields(Hook)} & {
    "url", "token", "signing_token", "name", "enable_ssl_verification"
}  # fmt: skip


class Hooks:
    """Every hook of the instance."""

    def __init__(self, next_id: Callable[[], int], clock: Clock) -> None:
        self._next_id = next_id
        self._clock = clock
        self.by_id: dict[int, Hook] = {}

    def add(self, of: Project | str, url: str, **settings: Any) -> Hook:
        """A new hook; as in GitLab, it listens only to pushes by default."""
        hook = Hook(id=self._next_id(), of=of, url=url, created_at=self._clock.now())
        self.update(hook, **settings)
        self.by_id[hook.id] = hook
        return hook

    def update(self, hook: Hook, **settings: Any) -> None:
        """Set attributes and triggers by the names of the API; unknown ones are ignored."""
        for name, value in settings.items():
            if name in SETTABLE:
                setattr(hook, name, value)
            elif name in TRIGGERS:
                (hook.enabled.add if value else hook.enabled.discard)(name)

    def fail(self, hook: Hook, failures: int) -> None:
        """Have it failed so often in a row by now."""
        hook.recent_failures = failures
        if failures >= TEMPORARY_AFTER:
            hook.disabled_until = self._clock.now() + FIRST_PAUSE

    def delete(self, hook: Hook) -> None:
        del self.by_id[hook.id]

    def of(self, owner: Project | str) -> list[Hook]:
        """A project's own, or a group's."""
        return [hook for hook in self.by_id.values() if hook.of == owner]

    def listening(self, project: Project, trigger: str) -> list[Hook]:
        """The hooks to send to, without disabled ones: their events are lost."""
        now = self._clock.now()
        hearing = [hook for hook in self.by_id.values() if hook.hears(project)]
        return [hook for hook in hearing if trigger in hook.enabled and hook.executable(now)]
