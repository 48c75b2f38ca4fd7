"""An org with links into the simulated GitLab, edits to come through, and a look at the end."""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy import func, select

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.demo.gitlab.records import Item
from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.job_triggers import SCHEDULE_QUEUE as QUEUE
from gitlab_links.job_triggers import queue_names
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.observations.call_counts import COUNTED_FOR, CallKind, calls_since
from gitlab_links.pasting.changes import attach
from tests.patience import within
from tests.soak.stage import GITLAB_TOKEN, Stage

SECRET = "webhook-secret-of-the-soak"
EVENTS = ("issues_events", "merge_requests_events", "note_events", "pipeline_events")
UNDONE = ("received", "processing")
QUEUES = (QUEUE, *queue_names())
LEFT_OVER = {
    GitLabWebhookDelivery: ("status", "attempts", "received_at", "due_at", "error_code"),
    GitLabItem: ("refresh_requested_at", "next_sync_at", "error_code", "failures"),
    OrgGitLabIntegration: ("sync_leased_until", "paused_until", "failures", "error_code"),
}


@dataclass
class World:
    """One org; ``links`` maps the id of each link to GitLab's item."""

    stage: Stage
    org: Org
    links: dict[uuid.UUID, Item]

    @classmethod
    def make(
        cls,
        stage: Stage,
        *,
        projects: int,
        issues: int,
        base_url: str | None = None,
        events: Sequence[str] = EVENTS,
    ) -> Self:
        """Linked, but not fetched yet: that is for the workers."""
        factory, state = stage.factory, stage.gitlab.state
        org = factory.org()
        factory.connect(
            org, base_url=base_url or stage.gitlab.url, token=GITLAB_TOKEN, webhook_secret=SECRET
        )
        items: list[Item] = []
        for number in range(projects):
            project = state.projects.add(f"{org.task_key.lower()}/p{number}")
            for title in (f"Issue {n}" for n in range(issues)):
                items.append(state.items.add_issue(project, title, author="root"))
            items.append(
                state.items.add_merge_request(
                    project, "Merge", author="root", source_branch="topic"
                )
            )
            wanted = dict.fromkeys(events, True)
            state.hooks.add(project, cls.hook_url(stage, org), token=SECRET, **wanted)
        principal = factory.principal(org)
        links = {}
        for item in items:
            task = factory.task(org)
            with stage.app.app_context():
                links[attach(principal, task.id, state.urls.item(item))] = item
                db.session.commit()
        return cls(stage, org, links)

    @staticmethod
    def hook_url(stage: Stage, org: Org) -> str:
        root = f"http://127.0.0.1:{stage.web_port}"
        return f"{root}/api/orgs/{org.id}/integrations/gitlab/webhook"

    @property
    def project_ids(self) -> set[int]:
        """GitLab's ids of the projects."""
        return {item.project.id for item in self.links.values()}

    @property
    def url(self) -> str:
        """Where the org's webhooks go."""
        return self.hook_url(self.stage, self.org)

    def edit(self, choose: random.Random) -> None:
        """One change of the kind that happens all day."""
        item, items = choose.choice(list(self.links.values())), self.stage.gitlab.state.items
        kind = choose.random()
        if kind < 0.15:
            items.comment(item, "Looks right.")
        elif kind < 0.3:
            (items.close if item.state == "opened" else items.reopen)(item)
        elif kind < 0.45:
            items.edit(item, labels=choose.sample(["bug", "urgent", "ui", "docs"], 2))
        else:
            items.edit(item, title=f"Title {choose.randrange(10**9)}")

    def differing(self) -> list[str]:
        """Links that do not show what GitLab has; empty is what was promised."""
        with self.stage.app.app_context():
            rows = db.session.execute(
                select(TaskGitLabLink.id, GitLabItem)
                .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
                .where(TaskGitLabLink.org_id == self.org.id)
            ).all()
        shown = {link_id: _shown(item) for link_id, item in rows}
        return [
            f"{_truth(item)} is shown as {shown.get(link_id)}"
            for link_id, item in self.links.items()
            if shown.get(link_id) != _truth(item)
        ]

    def undone(self) -> int:
        """Deliveries and requests that are still open; not what is only to be confirmed later."""
        delivery = GitLabWebhookDelivery
        with self.stage.app.app_context():
            waiting = db.session.scalar(
                select(func.count()).where(
                    delivery.org_id == self.org.id, delivery.status.in_(UNDONE)
                )
            )
            asked = db.session.scalar(
                select(func.count()).where(
                    GitLabItem.org_id == self.org.id,
                    GitLabItem.refresh_requested_at <= utcnow(),
                    GitLabItem.unconfirmed_since.is_(None),
                )
            )
        return (waiting or 0) + (asked or 0)

    def count(self, *statuses: str) -> int:
        """How many deliveries the org has, in these states or at all."""
        delivery = GitLabWebhookDelivery
        statement = select(func.count()).where(delivery.org_id == self.org.id)
        if statuses:
            statement = statement.where(delivery.status.in_(statuses))
        with self.stage.app.app_context():
            return db.session.scalar(statement) or 0

    def calls(self) -> Counter[CallKind]:
        """The calls to GitLab of this org alone, by what they are for; without tests of the token.

        The simulated GitLab cannot say this of calls about several projects: all orgs of the
        stage make them with one token.
        """
        with self.stage.app.app_context():
            return Counter(calls_since(self.org.id, utcnow() - COUNTED_FOR))

    def is_paused(self) -> bool:
        """Whether GitLab asked for no calls for a while, and the service knows."""
        integration = OrgGitLabIntegration
        paused = select(func.count()).where(
            integration.org_id == self.org.id, integration.paused_until > utcnow()
        )
        with self.stage.app.app_context():
            return bool(db.session.scalar(paused))

    def lost(self) -> int:
        """Deliveries that did not come to a good end."""
        return self.count() - self.count("processed", "ignored")

    def settle(self, seconds: float) -> float:
        """Wait until nothing is open; gives the seconds it took."""
        self.stage.gitlab.state.sender.wait_idle(seconds)
        return within(seconds, lambda: self.undone() == 0, every=0.2, what=self.left_over)

    def left_over(self) -> str:
        """What is open, and all that decides when it is taken up; for a person to read."""
        delivery, item, integration = GitLabWebhookDelivery, GitLabItem, OrgGitLabIntegration
        mine = {
            delivery: (delivery.org_id == self.org.id, delivery.status.in_(UNDONE)),
            item: (item.org_id == self.org.id, item.refresh_requested_at.is_not(None)),
            integration: (integration.org_id == self.org.id,),
        }
        with self.stage.app.app_context():
            rows = [
                f"{table.__name__} " + ", ".join(f"{n} {getattr(row, n)}" for n in LEFT_OVER[table])
                for table, conditions in mine.items()
                for row in db.session.scalars(select(table).where(*conditions).limit(20))
            ]
        queues = {name: self.stage.redis.llen(f"rq:queue:{name}") for name in QUEUES}
        pool = [self.stage.busy(worker) for worker in self.stage.workers]
        return "\n".join([f"at {utcnow()}, queued {queues}, at work {pool}", *rows])


def _truth(item: Item) -> tuple[Any, ...]:
    return item.title, item.state, sorted(label.name for label in item.labels)


def _shown(item: GitLabItem) -> tuple[Any, ...]:
    return item.title, item.state, sorted(label["name"] for label in item.labels)


@dataclass
class Background:
    """Runs ``step`` again and again in a thread until the block is left; keeps its errors."""

    step: Callable[[], None]
    pause: float
    errors: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self.errors:
            raise self.errors[0]

    def _run(self) -> None:
        while not self._over.wait(self.pause):
            try:
                self.step()
            except Exception as error:
                self.errors.append(error)
                return


def editing(world: World, seed: int, per_second: float) -> Background:
    """People at work in GitLab."""
    choose = random.Random(seed)
    return Background(lambda: world.edit(choose), 1 / per_second)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of the values do not exceed."""
    ordered = sorted(values) or [0.0]
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
