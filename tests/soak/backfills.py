"""A look back for mentions whose workers are killed goes on where it stopped."""

import os
import random
import signal
import time
from collections.abc import Sequence

from sqlalchemy import func, select

from gitlab_links.accounts.roles import Role
from gitlab_links.backfills import changes
from gitlab_links.backfills.models import Backfill, BackfillItem
from gitlab_links.extensions import db
from gitlab_links.links.models import TaskGitLabLink
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.stage import Stage
from tests.soak.world import World

SEED = 20261130
# So slow that a kill meets a list that is being read.
LATENCY = 0.15
LISTS_OF_A_PROJECT = 3
JOB = "functions.backfill("


def killed_backfill(
    stage: Stage, *, projects: int, mentions: int, kills: int, seconds: float
) -> Sequence[Figure]:
    """Kill the worker that reads lists, so often while it looks and so often while it links."""
    stage.serve(workers=1)
    world = World.make(stage, projects=projects, issues=1)
    world.settle(60)
    principal = stage.factory.principal(world.org, Role.ADMIN)
    task = stage.factory.task(world.org, number=100_001)
    for project in {item.project.id: item.project for item in world.links.values()}.values():
        for number in range(mentions):
            title = f"{number}: {world.org.task_key}-{task.number}"
            stage.gitlab.state.items.add_issue(project, title, author="root", notify=False)
    choose, waits = random.Random(SEED), []
    stage.gitlab.state.faults.latency = LATENCY
    with stage.app.app_context():
        backfill_id = changes.start(principal).id
        db.session.commit()
    waits += _killed(stage, backfill_id, choose, kills, until="found")
    with stage.app.app_context():
        found = db.session.scalar(select(func.count()).select_from(BackfillItem)) or 0
        looked = _seen(backfill_id)
        changes.link_found(principal, backfill_id)
        db.session.commit()
    waits += _killed(stage, backfill_id, choose, kills, until="done")
    stage.gitlab.state.faults.latency = 0.0
    with stage.app.app_context():
        linked = _seen(backfill_id)
        of_task = select(func.count()).where(TaskGitLabLink.task_id == task.id)
        links = db.session.scalar(of_task) or 0
    lists = LISTS_OF_A_PROJECT * projects
    return [
        at_least("workers killed while they read a list", len(waits), 2 * kills),
        exactly("items found", found, projects * mentions),
        exactly("links made", links, projects * mentions),
        # A list that was read to its end and stored is not read again.
        exactly("answers that were stored", (looked[0], linked[0]), (lists, 2 * lists)),
        at_most("the longest time until it went on", max(waits), seconds),
    ]


def _killed(
    stage: Stage, backfill_id: object, choose: random.Random, kills: int, *, until: str
) -> list[float]:
    """How long it took after each kill until another list was read."""
    waits, dead = [], set[int]()
    for _ in range(kills):
        before = _stored(stage, backfill_id)
        within(HANGS, lambda: _stored(stage, backfill_id)[0] > before[0])  # noqa: B023  # called here
        dead.add(_kill_the_reader(stage, dead, choose))
        calls, stage_now = _stored(stage, backfill_id)
        if stage_now == until:
            break
        waits.append(within(90, lambda: _stored(stage, backfill_id)[0] > calls))  # noqa: B023
    within(120, lambda: _stored(stage, backfill_id)[1] == until)
    return waits


def _kill_the_reader(stage: Stage, dead: set[int], choose: random.Random) -> int:
    while True:
        busy = {pid: job for one in stage.workers for pid, job in stage.busy(one).items()}
        readers = [pid for pid, job in busy.items() if JOB in job and pid not in dead]
        if readers:
            time.sleep(choose.uniform(0, LATENCY))
            os.kill(readers[0], signal.SIGKILL)
            return readers[0]
        time.sleep(0.02)


def _stored(stage: Stage, backfill_id: object) -> tuple[int, str]:
    with stage.app.app_context():
        return _seen(backfill_id)


def _seen(backfill_id: object) -> tuple[int, str]:
    row = db.session.execute(
        select(Backfill.calls, Backfill.stage).where(Backfill.id == backfill_id)
    ).one()
    return row.calls, row.stage
