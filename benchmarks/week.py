"""How many calls a typical org costs its GitLab: ``python -m benchmarks.week --days 7``.

The clock is moved, everything else is real: the jobs, SQLite, Redis, the service and the
simulated GitLab over HTTP, which counts its calls. Time goes on to the next thing that is
due; a day takes some minutes.
"""

import argparse
import random
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
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
from gitlab_links.accounts.bootstrap import bootstrap
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.app import create_app
from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.config.settings import Settings
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Item
from gitlab_links.extensions import db
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.jobs.health_checks import find_due_checks, run_checks
from gitlab_links.links.changes import attach
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.local.services import LOOPBACK, free_port, start_redis
from gitlab_links.local.supervisor import PROJECT, Supervisor
from gitlab_links.tasks.changes import create_task

TOKEN = "glpat-of-the-simulated-week"
SHARED_SECRET = "one-for-all-webhooks-of-the-week"
DAY = 86_400.0
# What the schedule does every 10 s, which costs no call unless something is due.
LOOK_EVERY = timedelta(seconds=60)


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
    """A typical org: a third of what is linked is open, a tenth of that changes in an hour of
    work; ``hooked`` says whether its webhooks are set up, each with a secret of its own unless
    they have a ``shared_secret``, so that GitLab's API is asked to confirm them.
    """

    projects: int = 8
    items: int = 25
    open_share: float = 1 / 3
    changes_a_day: float = 2.0
    hooked: bool = True
    shared_secret: bool = False


def main() -> None:
    """Simulate and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.week")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--ttl", type=int, default=300)
    parser.add_argument("--projects", type=int, default=8)
    parser.add_argument("--items", type=int, default=25, help="linked items in each project")
    parser.add_argument("--without-webhooks", action="store_true")
    parser.add_argument("--shared-secret", action="store_true", help="one for all webhooks")
    given = parser.parse_args()
    org = Org(
        projects=given.projects,
        items=given.items,
        hooked=not given.without_webhooks,
        shared_secret=given.shared_secret,
    )
    clock = MovableClock()
    gitlab_links.clock.datetime = clock  # type: ignore[assignment,attr-defined]
    with _running(given.ttl) as (app, gitlab):
        week = _Week(app, gitlab, org, clock)
        week.prepare()
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
    def __init__(self, app: Flask, gitlab: SimulatedGitLab, org: Org, clock: MovableClock) -> None:
        self.app, self.gitlab, self.org, self.clock = app, gitlab, org, clock
        self.random = random.Random(7)  # the same week each time
        self.open: list[Item] = []
        self.oldest = 0.0
        self.changes = 0

    def prepare(self) -> None:
        """The org, its links, and its webhooks made with one press each."""
        state = self.gitlab.state
        state.people.add_user("dana", "Dana Moss")
        with self.app.app_context():
            made = bootstrap("admin@example.com", "long enough for all", "Typical")
            admin = Principal(made.org_id, made.user_id, Role.ADMIN)
            configure(admin, IntegrationChange(base_url=self.gitlab.url, token=TOKEN))
            task = create_task(admin, "Everything")
            db.session.commit()
            for number in range(self.org.projects):
                self._project(admin, task.id, f"typical/project-{number}")
            self.org_id = made.org_id
            self._work()
            if self.org.hooked:
                for project_id in db.session.scalars(select(GitLabProject.id)).all():
                    repair_now(admin, project_id)
            if self.org.shared_secret:
                self._share_one_secret(admin)
            self._work()
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
        project = state.projects.add(path)
        for number in range(self.org.items):
            add = state.items.add_issue if number % 2 else state.items.add_merge_request
            more: dict[str, Any] = {} if number % 2 else {"source_branch": f"change-{number}"}
            item: Any = add(project, title=f"Item {number}", author="dana", notify=False, **more)
            if number < self.org.items * self.org.open_share:
                self.open.append(item)
            else:
                state.items.close(item)
                item.updated_at -= timedelta(days=self.random.expovariate(1 / 60))
            attach(admin, task_id, state.urls.item(item))
        db.session.commit()

    def run(self, days: float) -> None:
        """Go from one thing that is due to the next."""
        until = utcnow() + timedelta(seconds=days * DAY)
        change_at, looked_at = self._next_change(), utcnow()
        while utcnow() < until:
            with self.app.app_context():
                moment = min(change_at, self._next_due(), until)
                # A sweep looks every two seconds, and finds what has become due since.
                self.clock.go_to(moment + timedelta(seconds=1))
                if utcnow() > change_at:
                    self._change()
                    change_at = self._next_change()
                    drain_slice(self.org_id)
                self._note_age()
                fetch_slice(self.org_id)
                if utcnow() > looked_at + LOOK_EVERY:
                    looked_at = utcnow()
                    find_due_checks()
                    run_checks(self.org_id)

    def _next_due(self) -> datetime:
        found: datetime | None = db.session.scalar(select(func.min(GitLabItem.next_sync_at)))
        db.session.rollback()
        assert found is not None
        return found

    def _next_change(self) -> datetime:
        rate = len(self.open) * self.org.changes_a_day / DAY
        return utcnow() + timedelta(seconds=self.random.expovariate(rate))

    def _change(self) -> None:
        self.changes += 1
        item = self.random.choice(self.open)
        self.gitlab.state.items.edit(item, title=f"Changed {self.changes}")
        self.gitlab.state.sender.wait_idle()

    def _work(self) -> None:
        drain_slice(self.org_id)
        fetch_slice(self.org_id)
        find_due_checks()
        run_checks(self.org_id)

    def _note_age(self) -> None:
        """How long ago the open item that waited longest was last brought up to date."""
        oldest = db.session.scalar(
            select(func.min(GitLabItem.last_synced_at)).where(GitLabItem.state == "opened")
        )
        db.session.rollback()
        if oldest is not None:
            self.oldest = max(self.oldest, (utcnow() - oldest).total_seconds())

    def _hooks(self) -> str:
        if not self.org.hooked:
            return "off"
        return "with one secret" if self.org.shared_secret else "with a secret each"

    def report(self, days: float, ttl: int) -> None:
        """Print what it came to."""
        items = self.org.projects * self.org.items
        calls: Counter[str] = Counter()
        for call, count in self.gitlab.state.calls.counts().items():
            calls[f"{call.method} {call.route}"] += count
        total = sum(calls.values())
        print(f"{days:g} days, TTL {ttl} s, webhooks {self._hooks()}:")
        print(
            f"  {self.org.projects} projects, {items} linked items, {len(self.open)} of them open"
        )
        print(f"  {self.changes} changes, open items never older than {self.oldest:.0f} s")
        print(
            f"  {total} calls: {total / days:.0f} a day, {total / days / items:.1f} an item and day"
        )
        for route, count in calls.most_common():
            print(f"    {count / days:8.1f} a day  {route}")


if __name__ == "__main__":
    main()
