"""How many calls a typical org costs its GitLab: ``python -m benchmarks.week --days 7``.

The clock is moved, everything else is real: the jobs, SQLite, Redis, the service and the
simulated GitLab over HTTP, which counts its calls. Time goes on to the next thing that is
due. A day of the typical org takes some three minutes of CPU.
"""

import argparse
import heapq
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select
from werkzeug.serving import WSGIRequestHandler, make_server

import gitlab_links.clock
from benchmarks.week_figures import Causes, Watch
from gitlab_links.accounts.bootstrap import bootstrap
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.app import create_app
from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.config.settings import Settings
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Item, MergeRequest
from gitlab_links.extensions import db
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.jobs import fetches
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.jobs.health_checks import find_due_checks, run_checks
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.local.services import LOOPBACK, free_port, start_redis
from gitlab_links.local.supervisor import PROJECT, Supervisor
from gitlab_links.pasting.changes import MOST_AT_ONCE, attach_all
from gitlab_links.tasks.changes import create_task

TOKEN = "glpat-of-the-simulated-week"
SHARED_SECRET = "one-for-all-webhooks-of-the-week"
DAY = 86_400.0
# What the schedule does every 10 s, which costs no call unless something is due.
CHECK_EVERY = timedelta(seconds=60)
PART = timedelta(hours=6)
# After this time, what changed has been read twice, and proves that items have not changed.
BEGUN = timedelta(minutes=20)
DELIVERIES_AT_ONCE = 20


class MovableClock:
    """Stands in for ``datetime`` in ``gitlab_links.clock``."""

    def __init__(self) -> None:
        self.current = datetime.now(UTC)

    def now(self, _zone: Any = UTC) -> datetime:
        return self.current

    def go_to(self, moment: datetime) -> None:
        self.current = max(self.current, moment)


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_what: object) -> None:
        return None


@dataclass(frozen=True)
class Org:
    """A typical org: a third of what is linked is open. ``changes`` and ``pipelines`` are a day's;
    half of the pipelines follow a push; ``approvals`` change the merge status and nothing else,
    without an event. ``lost`` is the share of events that never arrive;
    without ``hooked`` there are no webhooks, and otherwise each has a secret of its own unless
    they have a ``shared_secret``, so that GitLab's API is asked to confirm them.
    """

    groups: int = 3
    projects: int = 40
    items: int = 50
    open_share: float = 1 / 3
    changes: float = 150.0
    pipelines: float = 400.0
    approvals: float = 20.0
    hooked: bool = True
    lost: float = 0.0
    shared_secret: bool = False

    @property
    def webhooks(self) -> str:
        if not self.hooked:
            return "off"
        with_secret = "with one secret" if self.shared_secret else "with a secret each"
        return f"{with_secret}, {self.lost:.0%} of the events lost"


def main() -> None:
    """Simulate and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.week")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--ttl", type=int, default=300)
    parser.add_argument("--projects", type=int, default=40)
    parser.add_argument("--items", type=int, default=50, help="linked items in each project")
    parser.add_argument("--changes", type=float, default=150.0, help="a day")
    parser.add_argument("--pipelines", type=float, default=400.0, help="a day")
    parser.add_argument("--without-webhooks", action="store_true")
    parser.add_argument("--lost", type=float, default=0.0, help="the share of events that get lost")
    parser.add_argument(
        "--changes-before", type=int, default=0, help="so many have come by webhook already"
    )
    parser.add_argument("--shared-secret", action="store_true", help="one for all webhooks")
    given = parser.parse_args()
    org = Org(
        projects=given.projects,
        items=given.items,
        changes=given.changes,
        pipelines=given.pipelines,
        hooked=not given.without_webhooks,
        lost=given.lost,
        shared_secret=given.shared_secret,
    )
    clock = MovableClock()
    fetches.GATHER_SECONDS = 0.0  # waiting for fuller batches would take real time
    gitlab_links.clock.datetime = clock  # type: ignore[assignment,attr-defined]
    with _running(given.ttl) as (app, gitlab):
        week = _Week(app, gitlab, org, clock, given.ttl)
        week.prepare(given.changes_before)
        week.run(given.days)
        week.report(given.days, given.ttl)


@contextmanager
def _running(ttl: int) -> Iterator[tuple[Flask, SimulatedGitLab]]:
    gitlab_port, port = free_port(), free_port()
    with (
        Supervisor() as supervisor,
        SimulatedGitLab.start(token=TOKEN, port=gitlab_port) as gitlab,
    ):
        settings = Settings(
            secret_key="of the simulated week, and nothing else",
            database_url=f"sqlite:///{supervisor.folder / 'week.db'}",
            redis_url=start_redis(supervisor),
            encryption_keys=(Fernet.generate_key().decode(),),
            metadata_ttl=ttl,
            public_base_url=f"http://{LOOPBACK}:{port}",
            gitlab_allowed_hosts=AllowedHosts.parse((f"{LOOPBACK}:{gitlab_port}",)),
            log_level="ERROR",
        )
        app = create_app(settings)
        with app.app_context():
            upgrade(directory=str(PROJECT / "migrations"))
        server = make_server(LOOPBACK, port, app, threaded=True, request_handler=_Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        gitlab.state.calls.limit = 10**9
        yield app, gitlab
        server.shutdown()


class _Week:
    def __init__(
        self, app: Flask, gitlab: SimulatedGitLab, org: Org, clock: MovableClock, ttl: int
    ) -> None:
        self.app, self.gitlab, self.org, self.clock = app, gitlab, org, clock
        self.random = random.Random(7)  # the same week each time
        self.open: list[Item] = []
        self.watch = Watch(gitlab, ttl)
        self.causes = Causes()

    def prepare(self, changes_before: int) -> None:
        """The org, its links, and its webhooks made with one press each; a few of them have sent
        some changes.
        """
        state = self.gitlab.state
        state.people.add_user("dana", "Dana Moss")
        with self.app.app_context():
            made = bootstrap("admin@example.com", "long enough for all", "Typical")
            admin = Principal(made.org_id, made.user_id, Role.ADMIN)
            configure(admin, IntegrationChange(base_url=self.gitlab.url, token=TOKEN))
            task = create_task(admin, "Everything")
            db.session.commit()
            for number in range(self.org.projects):
                path = f"group-{number % self.org.groups}/project-{number}"
                self._project(admin, task.id, path)
            self.org_id = made.org_id
            self._work()
            if self.org.hooked:
                for project_id in db.session.scalars(select(GitLabProject.id)).all():
                    repair_now(admin, project_id)
            if self.org.shared_secret:
                self._share_one_secret(admin)
            self._work()
            for number in range(changes_before):
                self.clock.go_to(utcnow() + timedelta(seconds=1))
                state.items.edit(self.open[number % len(self.open)], title=f"Before {number}")
                if number % DELIVERIES_AT_ONCE == 0:
                    state.sender.wait_idle()
                    drain_slice(self.org_id)
            state.sender.wait_idle()
            self._work()
        self._go_on(utcnow() + BEGUN, [])
        with self.app.app_context():
            self.causes.begin(self.org_id)
        state.calls.reset()

    def _share_one_secret(self, admin: Principal) -> None:
        configure(admin, IntegrationChange(webhook_secret=SHARED_SECRET))
        db.session.commit()
        hooks = self.gitlab.state.hooks
        for project in self.gitlab.state.projects.all():
            for hook in hooks.of(project):
                hook.token = SHARED_SECRET

    def _project(self, admin: Principal, task_id: uuid.UUID, path: str) -> None:
        state = self.gitlab.state
        project, urls = state.projects.add(path), []
        for number in range(self.org.items):
            add = state.items.add_issue if number % 2 else state.items.add_merge_request
            more: dict[str, Any] = {} if number % 2 else {"source_branch": f"change-{number}"}
            item: Any = add(project, title=f"Item {number}", author="dana", notify=False, **more)
            if number < self.org.items * self.org.open_share:
                self.open.append(item)
            else:
                state.items.close(item)
            item.updated_at -= timedelta(days=self.random.expovariate(1 / 60))
            urls.append(state.urls.item(item))
        for start in range(0, len(urls), MOST_AT_ONCE):
            attach_all(admin, task_id, urls[start : start + MOST_AT_ONCE])
        db.session.commit()

    def run(self, days: float) -> None:
        """Go from one thing that happens or is due to the next."""
        happenings: list[tuple[datetime, int, Callable[[], None]]] = []
        self._happen_later(happenings, self._change, self.org.changes)
        self._happen_later(happenings, self._pipeline, self.org.pipelines)
        self._happen_later(happenings, self._approval, self.org.approvals)
        until = utcnow() + timedelta(seconds=days * DAY)
        while utcnow() < until:
            self._go_on(min(until, utcnow() + PART), happenings)
            self.causes.end_part()

    def _go_on(self, until: datetime, happenings: Any) -> None:
        checked_at = utcnow()
        while utcnow() < until:
            with self.app.app_context():
                # A sweep looks every two seconds, and finds what has become due since.
                first = [happenings[0][0]] if happenings else []
                self.clock.go_to(min(self._next_due(), until, *first) + timedelta(seconds=1))
                happened = self._happen(happenings)
                self.gitlab.state.sender.wait_idle()
                drain_slice(self.org_id)
                self.watch.note()
                self.causes.before(after_events=happened)
                fetch_slice(self.org_id)
                self.causes.after()
                self.watch.check()
                if utcnow() > checked_at + CHECK_EVERY:
                    checked_at = utcnow()
                    find_due_checks()
                    run_checks(self.org_id)
                    self.causes.add_checks()

    def _happen(self, happenings: Any) -> bool:
        """What happens by now, in GitLab; whether anything does."""
        happened = False
        while happenings and happenings[0][0] <= utcnow():
            _moment, _number, happening = heapq.heappop(happenings)
            happened = True
            for moment, then in happening():
                self._at(happenings, moment, then)
        return happened

    def _at(self, happenings: Any, moment: datetime, happening: Any) -> None:
        heapq.heappush(happenings, (moment, self.random.getrandbits(60), happening))

    def _happen_later(self, happenings: Any, happening: Any, a_day: float) -> None:
        """``happening`` again and again, so often a day."""

        def again() -> Any:
            after = timedelta(seconds=self.random.expovariate(a_day / DAY))
            return [*happening(), (utcnow() + after, again)]

        first = timedelta(seconds=self.random.expovariate(a_day / DAY))
        self._at(happenings, utcnow() + first, again)

    def _next_due(self) -> datetime:
        found: list[datetime | None] = [
            db.session.scalar(select(func.min(column)))
            for column in (
                GitLabItem.next_sync_at,
                GitLabItem.status_wanted_at,
                GitLabDeltaMark.due_at,
            )
        ]
        db.session.rollback()
        return min(moment for moment in found if moment is not None)

    def _arrives(self) -> bool:
        return self.org.hooked and self.random.random() >= self.org.lost

    def _change(self) -> Any:
        item = self.random.choice(self.open)
        self.watch.changes += 1
        title = f"Changed {self.watch.changes}"
        self.gitlab.state.items.edit(item, title=title, notify=self._arrives())
        self.watch.expect(item, "title")
        return []

    def _pipeline(self) -> Any:
        """A pipeline runs for ten minutes; before half of them somebody has pushed."""
        requests = [item for item in self.open if isinstance(item, MergeRequest)]
        mr, state = self.random.choice(requests), self.gitlab.state
        self.watch.pipelines += 1
        if self.random.random() < 1 / 2:
            state.items.push(mr, notify=self._arrives())
        state.pipelines.run(mr, "running", notify=self._arrives())
        self.watch.expect(mr, "pipeline_status")
        sha = mr.sha

        def end() -> Any:
            if mr.sha == sha:
                status = self.random.choice(("success", "success", "failed"))
                state.pipelines.set_status(mr, status, notify=self._arrives())
                self.watch.expect(mr, "pipeline_status")
            return []

        return [(utcnow() + timedelta(minutes=10), end)]

    def _approval(self) -> Any:
        """A merge request is approved or no longer so, in a GitLab that does not date that."""
        requests = [item for item in self.open if isinstance(item, MergeRequest)]
        mr = self.random.choice(requests)
        approved = mr.mergeability != "not_approved"
        mr.mergeability = "not_approved" if approved else "mergeable"
        self.watch.expect(mr, "merge_status")
        return []

    def _work(self) -> None:
        for _ in range(4):
            drain_slice(self.org_id)
            fetch_slice(self.org_id)
        find_due_checks()
        run_checks(self.org_id)
        run_checks(self.org_id)

    def report(self, days: float, ttl: int) -> None:
        """Print what it came to."""
        items = self.org.projects * self.org.items
        routes: Counter[str] = Counter()
        for call, count in self.gitlab.state.calls.counts().items():
            routes[f"{call.method} {call.route}"] += count
        print(f"{days:g} days, TTL {ttl} s, webhooks {self.org.webhooks}:")
        print(f"  {self.org.projects} projects in {self.org.groups} groups, {items} linked items")
        self.watch.report()
        print(f"  {sum(routes.values()) / days:.0f} calls a day:")
        self.causes.report(days, items, PART)
        for route, count in routes.most_common():
            print(f"    {count / days:8.1f} a day  {route}")


if __name__ == "__main__":
    main()
