"""An org with links into the simulated GitLab, edits to come through, and a look at the end."""

import random
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import and_, exists, func, or_, select

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.demo.gitlab.records import Item
from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.links.operations import attach
from gitlab_links.webhooks.models import GitLabWebhookDelivery
from tests.soak.stage import GITLAB_TOKEN, Stage, within

SECRET = "webhook-secret-of-the-soak"
EVENTS = ("issues_events", "merge_requests_events", "note_events", "pipeline_events")
UNDONE = ("received", "processing")


@dataclass
class World:
    """One org; ``links`` maps the id of each link to GitLab's item."""

    stage: Stage
    org: Org
    links: dict[uuid.UUID, Item]

    @classmethod
    def make(cls, stage: Stage, *, projects: int, issues: int, base_url: str | None = None) -> Self:
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
            wanted = dict.fromkeys(EVENTS, True)
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
        """Deliveries and requests that are still open."""
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
                    GitLabItem.refresh_requested_at.is_not(None),
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

    def lost(self) -> int:
        """Deliveries that did not come to a good end."""
        return self.count() - self.count("processed", "ignored")

    def settle(self, seconds: float) -> float:
        """Wait until nothing is open; gives the seconds it took."""
        self.stage.gitlab.state.sender.wait_idle(seconds)
        return within(seconds, lambda: self.undone() == 0, every=0.2)


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


Claim = tuple[uuid.UUID, int]
TOO_LONG = 40


class Recoveries:
    """How long what a killed worker was at took to be taken up again; tells what took too long."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._open: dict[Claim, float] = {}
        self.seconds: list[float] = []

    def under_way(self) -> set[Claim]:
        """What is claimed just now: deliveries by id and attempt, the lease by its end.

        A lease that has run out is nobody's loss while there is nothing to fetch.
        """
        delivery, integration = GitLabWebhookDelivery, OrgGitLabIntegration
        org_id, now = self._world.org.id, utcnow()
        due = exists().where(GitLabItem.org_id == org_id, GitLabItem.next_sync_at <= now)
        with self._world.stage.app.app_context():
            # A worker that was stopped in a transaction must not make us wait for its end.
            db.session.connection(execution_options={"sqlite_deferred": True})
            claims = db.session.execute(
                select(delivery.id, delivery.attempts).where(
                    delivery.org_id == org_id, delivery.status == "processing"
                )
            ).all()
            leases = db.session.execute(
                select(integration.id, integration.sync_leased_until).where(
                    integration.org_id == org_id,
                    or_(
                        integration.sync_leased_until > now,
                        and_(integration.sync_leased_until.is_not(None), due),
                    ),
                )
            ).all()
        found = {(row.id, row.attempts) for row in claims}
        return found | {(row.id, int(row.sync_leased_until.timestamp() * 1000)) for row in leases}

    def held(self) -> set[Claim]:
        """What is claimed by somebody alive, as far as we know."""
        return self.under_way() - self._open.keys()

    def note_kill(self, claims: set[Claim]) -> None:
        """Begin to wait for these."""
        now = time.monotonic()
        self._open |= {claim: now for claim in claims if claim not in self._open}

    def look(self) -> None:
        """Note which were done, given back or claimed anew since."""
        if not self._open:
            return
        waiting = list(self._open)
        present, now = self.under_way(), time.monotonic()
        for claim in waiting:
            if claim not in present:
                self.seconds.append(now - self._open.pop(claim))
                if self.seconds[-1] > TOO_LONG:
                    self._tell(*claim, self.seconds[-1])

    def _tell(self, claimed: uuid.UUID, state: int, seconds: float) -> None:
        with self._world.stage.app.app_context():
            row = db.session.get(GitLabWebhookDelivery, claimed)
            what = f"attempt {state} of {claimed}, now {row.status}" if row else "the lease"
        stamp = datetime.now(UTC).time().isoformat("milliseconds")
        print(f"{stamp}: {what} was taken up after {seconds:.0f} s", file=sys.stderr, flush=True)

    @property
    def worst(self) -> float:
        return max(self.seconds, default=0.0)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of the values do not exceed."""
    ordered = sorted(values) or [0.0]
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


__all__ = ["SECRET", "Background", "Recoveries", "World", "editing", "percentile"]
