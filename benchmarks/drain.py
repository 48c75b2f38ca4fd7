"""Two thousand webhooks for five hundred items: how long, how many calls, how many jobs."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert

from benchmarks.accept import WARM_UP, webhooks
from benchmarks.load import Load, send
from benchmarks.processes import cpu_seconds
from benchmarks.report import Result, Row, below, median
from benchmarks.seeds import (
    WEBHOOK_SECRET,
    World,
    forget_deliveries,
    make_hook_secrets,
    make_world,
    titles,
    unconfirmed,
    unfinished,
)
from benchmarks.stage import Stage, Web
from benchmarks.webhooks import BODY_BYTES, Item, issue_event, note_event, request
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.storage.database import new_id

EventMaker = Callable[[Item, str, datetime], bytes]

PROJECTS = 20
PER_PROJECT = 25
EVENTS_PER_ITEM = 4
DELIVERIES = PROJECTS * PER_PROJECT * EVENTS_PER_ITEM
JOBS = 50
BACKLOG = 12_000
BUSY_SECONDS = 3.0
POLL_SECONDS = 0.05
GIVE_UP_SECONDS = 60


class Wrong(Exception):
    """The links do not show what GitLab has: then speed means nothing."""


@dataclass(frozen=True, slots=True)
class Drained:
    """One run: seconds of accepting and until all was done; calls, jobs, CPU seconds.

    ``confirming`` are the calls that were made after that to confirm the webhooks.
    """

    accepted: float
    done: float
    calls: int
    jobs: int
    worker_cpu: float
    confirming: int


def run(stage: Stage) -> Result:
    """With bodies that say all, and with comments, for which GitLab must be asked."""
    world = make_world(stage, "drain", projects=PROJECTS, issues=PER_PROJECT)
    web = stage.start_web()
    send(web.port, webhooks(world, WARM_UP), keep_alive=False)
    forget_deliveries(world)
    stage.redis.flushdb()
    rows: list[Row] = []
    own = make_hook_secrets(world)
    for what, event, secrets, limits in (
        ("bodies say all", issue_event, {}, (100, 100)),
        ("each hook has a secret of its own", issue_event, own, (0, 0)),
        ("an item's fetch needed", note_event, {}, (200, 100)),
    ):
        drained = [_drain(stage, world, web, event, secrets) for _ in range(2)]
        rows += _rows(what, drained, *limits)
    rows.append(_accept_beside_backlog(stage, world, web))
    stage.stop(web.child)
    return Result(rows)


def _rows(what: str, runs: Sequence[Drained], limit: int, confirming: int) -> list[Row]:
    ratio = median([run.done / run.accepted for run in runs])
    done, accepted = median([run.done for run in runs]), median([run.accepted for run in runs])
    cpu = median([run.worker_cpu for run in runs]) / DELIVERIES * 1000
    return [
        Row(
            f"{what}: accepted and drained",
            f"{done:.1f} s",
            f"{accepted:.1f} s to accept",
            ratio,
            "<= 1.2x",
            ratio <= 1.2,
        ),
        below(f"{what}: GitLab calls", max(run.calls for run in runs), limit, "calls"),
        below(
            f"{what}: calls that confirm",
            max(run.confirming for run in runs),
            confirming,
            "calls",
        ),
        below(f"{what}: RQ jobs", max(run.jobs for run in runs), JOBS, "jobs"),
        Row(f"{what}: worker CPU per delivery", f"{cpu:.2f} ms"),
    ]


def _drain(
    stage: Stage, world: World, web: Web, event: EventMaker, secrets: Mapping[str, str]
) -> Drained:
    final = f"As of {utcnow().isoformat()}"
    requests = _edit_everything(stage, world, final, event, secrets)
    worker = stage.start_worker()
    stage.control("reset_calls")
    jobs, cpu = stage.jobs_run(), cpu_seconds(worker.pid)
    started = time.perf_counter()
    send(web.port, requests, keep_alive=False)
    accepted = time.perf_counter() - started
    _wait(world)
    done = time.perf_counter() - started
    calls, jobs = stage.gitlab_calls(), stage.jobs_run() - jobs
    cpu = cpu_seconds(worker.pid) - cpu
    _wait(world, unconfirmed)
    drained = Drained(accepted, done, calls, jobs, cpu, stage.gitlab_calls() - calls)
    stage.stop(worker)
    wrong = [key for key, title in titles(world).items() if title != final]
    if wrong:
        raise Wrong(f"{len(wrong)} items are not current, such as {wrong[0]}")
    forget_deliveries(world)
    return drained


def work_off_everything(stage: Stage, world: World, web: Web) -> None:
    """Twice as many webhooks as a drain, half of which need a fetch, until the last is applied."""
    for event in (issue_event, note_event):
        final = f"As of {utcnow().isoformat()}"
        send(web.port, _edit_everything(stage, world, final, event, {}), keep_alive=False)
        _wait(world)


def _edit_everything(
    stage: Stage, world: World, final: str, event: EventMaker, secrets: Mapping[str, str]
) -> list[bytes]:
    """Change every item in GitLab; the webhooks that tell of it, in the order of time."""
    now = utcnow()
    requests: list[bytes] = []
    for number in range(EVENTS_PER_ITEM):
        last = number == EVENTS_PER_ITEM - 1
        moment = now + timedelta(milliseconds=number)
        title = final if last else f"Draft {number} of it"
        for item in world.spread(PER_PROJECT):
            secret = secrets.get(item.project_path, WEBHOOK_SECRET)
            requests.append(request(world.org_id, secret, event(item, title, moment)))
            if last:
                edit_in_gitlab(stage, item, title, moment.isoformat())
    return requests


def edit_in_gitlab(stage: Stage, item: Item, title: str, at: str) -> None:
    stage.control(
        "edit",
        project=item.project_path,
        type="issue",
        iid=item.iid,
        title=title,
        at=at,
        notify=False,
    )


def _wait(world: World, left: Callable[[World], int] = unfinished) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while left(world):
        if time.monotonic() > deadline:
            raise Wrong(f"{left(world)} deliveries or items are left")
        time.sleep(POLL_SECONDS)


def _accept_beside_backlog(stage: Stage, world: World, web: Web) -> Row:
    """The rate at which webhooks are taken while thousands of others are being worked off."""
    idle, busy = [], []
    for _ in range(3):
        idle.append(send(web.port, webhooks(world, 400), keep_alive=False).per_second)
        forget_deliveries(world)
        busy.append(_busy_rate(stage, world, web))
    ratio = median(busy) / median(idle)
    return Row(
        "accepting while a backlog drains",
        f"{median(busy):.0f}/s",
        f"{median(idle):.0f}/s when idle",
        ratio,
        ">= 0.75x",
        ratio >= 0.75,
    )


def _busy_rate(stage: Stage, world: World, web: Web) -> float:
    _store_backlog(world)
    requests = webhooks(world, DELIVERIES)
    worker = stage.start_worker()
    stop = threading.Event()
    threading.Timer(BUSY_SECONDS, stop.set).start()
    load: Load = send(web.port, requests, keep_alive=False, going_on=lambda: not stop.is_set())
    if not unfinished(world):
        raise Wrong("the backlog was gone before the accepting was")
    stage.stop(worker)
    forget_deliveries(world)
    return load.per_second


def _store_backlog(world: World) -> None:
    now = utcnow()
    rows = [
        {
            "id": new_id(),
            "org_id": world.org_id,
            "status": DeliveryStatus.RECEIVED,
            "due_at": now,
            "received_at": now,
            "size_bytes": BODY_BYTES,
            "payload_sha256": "",
            "headers": {"X-Gitlab-Event": "Issue Hook"},
            "payload": issue_event(world.items[number % len(world.items)], "Backlog", now),
        }
        for number in range(BACKLOG)
    ]
    with world.app.app_context():
        db.session.execute(insert(GitLabWebhookDelivery), rows)
        db.session.commit()
