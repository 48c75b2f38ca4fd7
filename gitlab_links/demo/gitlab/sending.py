"""Chooses the hooks of an event, and sends to them from background threads."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gitlab_links.demo.gitlab.bodies import Bodies, Json
from gitlab_links.demo.gitlab.delivery import Courier, Outgoing, encode
from gitlab_links.demo.gitlab.faults import Faults
from gitlab_links.demo.gitlab.hooks import Hook, HookEvent, Hooks
from gitlab_links.demo.gitlab.pipeline_body import pipeline_body
from gitlab_links.demo.gitlab.records import (
    Issue,
    Item,
    MergeRequest,
    Note,
    Pipeline,
    Project,
    User,
)
from gitlab_links.demo.gitlab.timing import Clock

TRIGGER_OF = {
    "issue_hooks": "issues_events",
    "confidential_issue_hooks": "confidential_issues_events",
    "merge_request_hooks": "merge_requests_events",
    "note_hooks": "note_events",
    "confidential_note_hooks": "confidential_note_events",
    "pipeline_hooks": "pipeline_events",
}


class Sender:
    """A queue with threads behind it. One thread keeps the order; more do not."""

    def __init__(
        self,
        courier: Courier,
        faults: Faults,
        next_id: Callable[[], int],
        clock: Clock,
        threads: int = 1,
    ) -> None:
        self.courier = courier
        self.enqueued = 0
        self._faults = faults
        self._next_id = next_id
        self._clock = clock
        self._queue: queue.Queue[Outgoing | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._run, name=f"webhooks-{n}", daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def enqueue(self, outgoing: Outgoing) -> None:
        if not self._faults.lose_webhook():
            self.enqueued += 1
            self._queue.put(outgoing)

    def send_now(self, outgoing: Outgoing) -> HookEvent:
        """Send at once, a disabled hook included, as tests and resends do."""
        event = self.courier.attempt(outgoing, self._next_id())
        outgoing.hook.record(event, self._clock.now())
        return event

    def wait_idle(self, timeout: float = 10.0) -> bool:
        """Whether everything enqueued so far was attempted within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while self._queue.unfinished_tasks:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def stop(self) -> None:
        """End the threads after the attempt each is making."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=0.5)

    def _run(self) -> None:
        while (outgoing := self._queue.get()) is not None:
            try:
                time.sleep(self._faults.webhooks.delay)
                if outgoing.hook.executable(self._clock.now()):
                    self.send_now(outgoing)
            finally:
                self._queue.task_done()
        self._queue.task_done()


class Publisher:
    """Builds the bodies of events and enqueues them for the hooks that listen."""

    def __init__(self, bodies: Bodies, hooks: Hooks, sender: Sender) -> None:
        self.bodies = bodies
        self.sender = sender
        self._hooks = hooks
        self._muted = False

    @contextmanager
    def muted(self) -> Iterator[None]:
        """No webhooks are sent within; enter it with the instance's lock acquired."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def item(
        self, item: Item, *, action: str, by: User, changes: Json, oldrev: str | None = None
    ) -> None:
        body = self.bodies.item(item, action=action, by=by, changes=changes, oldrev=oldrev)
        self._publish(item.project, item_hook_name(item), body)

    def note(self, note: Note, item: Item) -> None:
        self._publish(item.project, note_hook_name(item), self.bodies.note(note, item))

    def pipeline(self, pipeline: Pipeline, project: Project, mr: MergeRequest | None) -> None:
        body = pipeline_body(self.bodies, pipeline, project, mr)
        self._publish(project, "pipeline_hooks", body)

    def _publish(self, project: Project, hook_name: str, body: Json) -> None:
        listening = self._hooks.listening(project, TRIGGER_OF[hook_name])
        if self._muted or not listening:
            return
        content = encode(body)
        for hook in listening:
            self.sender.enqueue(Outgoing(hook, hook_name, content))

    def resend(self, hook: Hook, event: HookEvent) -> HookEvent:
        """The same body under the same key, as GitLab's "Resend"."""
        headers = event.request_headers
        return self.sender.send_now(
            Outgoing(
                hook,
                event.trigger,
                event.body,
                idempotency_key=headers.get("Idempotency-Key", ""),
                event_uuid=headers["X-Gitlab-Event-UUID"],
            )
        )


def item_hook_name(item: Item) -> str:
    """A confidential issue goes to hooks of its own kind, and nowhere else."""
    if isinstance(item, MergeRequest):
        return "merge_request_hooks"
    confidential = isinstance(item, Issue) and item.confidential
    return "confidential_issue_hooks" if confidential else "issue_hooks"


def note_hook_name(item: Item) -> str:
    confidential = isinstance(item, Issue) and item.confidential
    return "confidential_note_hooks" if confidential else "note_hooks"
