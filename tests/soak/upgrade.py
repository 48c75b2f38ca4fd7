"""``python -m tests.soak.upgrade v0.1.0``: the upgrade of docs/deploy.md, from there to here.

Needs the history that the argument, any name git knows, is in; so it is no part of
``make soak``, but of a release. Uncommitted changes are not tried.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
from alembic.script import ScriptDirectory
from flask_migrate import downgrade

from gitlab_links.extensions import db
from gitlab_links.local.processes import migrate
from gitlab_links.local.supervisor import PROJECT, Child, Supervisor
from tests.databases import DIALECTS, MIGRATIONS
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, as_table, at_least, at_most, exactly
from tests.soak.outages import Sender, missing
from tests.soak.stage import Stage
from tests.soak.world import Background, World, editing, percentile

SEED = 20260501


class Installation(Supervisor):
    """Starts processes in a clone of the project, which can be at any version."""

    def __enter__(self) -> "Installation":
        super().__enter__()
        self.clone = self.folder / "installation"
        _git(self.folder, "clone", "--quiet", str(PROJECT), str(self.clone))
        self.newest = _git(self.clone, "rev-parse", "HEAD")
        return self

    def start(self, *args: Any, **options: Any) -> Child:
        return super().start(*args, **{"folder": self.clone, **options})

    def check_out(self, version: str) -> None:
        """Have the files be those of a version, also below running processes."""
        _git(self.clone, "checkout", "--quiet", version)

    def revision(self) -> str:
        """The newest revision of the schema that the files know."""
        (head,) = ScriptDirectory(str(self.clone / "migrations")).get_heads()
        return str(head)


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


class Reader:
    """Somebody who reads all the time, each time on a connection of its own."""

    def __init__(self, world: World) -> None:
        org, stage = world.org, world.stage
        self._root = f"http://127.0.0.1:{stage.web_port}"
        self._headers = {"Authorization": f"Bearer {stage.factory.api_key(org)}"}
        self._paths = (
            "/login",
            "/readyz",
            f"/api/orgs/{org.id}/integrations/gitlab/health",
            f"/api/orgs/{org.id}/tasks",
        )
        self.answers: Counter[int | None] = Counter()
        self.seconds: list[float] = []

    def look(self) -> None:
        """Ask for a page, for the state of the process, and for what stands on most tables."""
        for path in self._paths:
            started = time.monotonic()
            try:
                url = self._root + path
                answer = requests.get(url, headers=self._headers, timeout=15)
                status: int | None = answer.status_code
            except requests.RequestException:
                status = None
            self.answers[status] += 1
            self.seconds.append(time.monotonic() - started)


def upgrade(stage: Stage, installation: Installation, version: str) -> Sequence[Figure]:
    """From ``version`` to the newest under load, with some seconds between the steps."""
    world = World.make(stage, projects=3, issues=8)
    sender, reader = Sender(world), Reader(world)
    installation.check_out(version)
    with stage.app.app_context():
        downgrade(directory=MIGRATIONS, revision=installation.revision())
        db.engine.dispose()
    stage.serve()
    world.settle(60)
    with (
        editing(world, SEED, per_second=10),
        Background(sender.send, 0.02),
        Background(reader.look, 0.05),
    ):
        time.sleep(3)
        installation.check_out(installation.newest)
        migrate(installation, stage.environment())
        time.sleep(3)  # the version before on the new schema
        _replace(stage)
        time.sleep(3)
    stage.gitlab.state.sender.wait_idle(HANGS)
    settled = within(HANGS, lambda: world.undone() == 0, every=0.2)
    return [
        exactly("answers to webhooks", set(sender.answers), {202}),
        exactly("answers to readers", set(reader.answers), {200}),
        at_least("webhooks accepted", len(sender.accepted), 100),
        at_most("the slowest answer", percentile(sender.seconds + reader.seconds, 1), 10),
        exactly("accepted webhooks that are not stored", missing(world, sender.accepted), 0),
        exactly("deliveries lost, failed or left over", world.lost(), 0),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("all is done afterwards", settled, 45),
    ]


def _replace(stage: Stage) -> None:
    """Reload the web process, restart the worker."""
    assert stage.web is not None
    before = set(stage.children(stage.web))
    stage.web.process.send_signal(signal.SIGHUP)
    within(HANGS, lambda: not before & set(stage.children(stage.web)))
    stage.restart_workers()


def main() -> int:
    """Upgrade on each database; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.upgrade")
    parser.add_argument("version", help="the version before, as git knows it")
    version = parser.parse_args().version
    rows = []
    for dialect in DIALECTS:
        installation = Installation()
        with Stage(dialect, installation) as stage:
            figures = upgrade(stage, installation, version)
        rows += [(f"{version} to here", dialect, figure) for figure in figures]
    print(as_table(rows))
    return 0 if all(figure.kept for _, _, figure in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
