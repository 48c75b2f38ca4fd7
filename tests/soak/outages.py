"""Redis or PostgreSQL away under load, and processes asked to stop under load."""

import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import select

from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.stage import Stage
from tests.soak.world import SECRET, Background, World, percentile

SEED = 20260501


@dataclass
class Sender:
    """A GitLab that sends webhooks, each once and on a connection of its own.

    ``answers`` counts statuses; None stands for no answer at all.
    """

    world: World
    answers: Counter[int | None] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    without_retry_after: int = 0
    accepted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        publisher = self.world.stage.gitlab.state.publisher
        items = list(self.world.links.values())
        self._bodies = [
            publisher.bodies.item(item, action="update", by=item.author, changes={})
            for item in items
        ]
        self._number = 0
        self._lock = threading.Lock()

    def send(self) -> None:
        """One webhook about one of the items."""
        with self._lock:
            self._number += 1
            body = self._bodies[self._number % len(self._bodies)]
        status, seconds, answer = post(self.world.url, body, str(uuid.uuid4()))
        with self._lock:
            self.answers[status] += 1
            self.seconds.append(seconds)
            if status == 202 and answer is not None:
                self.accepted.append(answer.json()["delivery_id"])
            if status == 503 and answer is not None and "Retry-After" not in answer.headers:
                self.without_retry_after += 1


def post(url: str, body: Any, key: str) -> tuple[int | None, float, requests.Response | None]:
    """Send one webhook; gives status, seconds and the answer."""
    headers = {
        "X-Gitlab-Token": SECRET,
        "X-Gitlab-Event": "Issue Hook",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
        "Connection": "close",
    }
    started = time.monotonic()
    try:
        answer = requests.post(url, data=json.dumps(body), headers=headers, timeout=HANGS)
    except requests.RequestException:
        return None, time.monotonic() - started, None
    return answer.status_code, time.monotonic() - started, answer


def redis_away(stage: Stage, *, seconds: float) -> Sequence[Figure]:
    """Webhooks are taken in all the time; what waited is done soon after Redis is back."""
    stage.serve()
    world = World.make(stage, projects=2, issues=5)
    world.settle(HANGS)
    sender, choose = Sender(world), random.Random(SEED)
    stage.stop_redis()
    with Background(sender.send, 0.05):
        time.sleep(seconds)
    while_away = dict(sender.answers)
    stage.start_redis()
    for _ in range(5):
        world.edit(choose)
    stage.gitlab.state.sender.wait_idle(HANGS)
    settled = within(HANGS, lambda: world.undone() == 0, every=0.1)
    return [
        exactly("answers while Redis was away", set(while_away), {202}),
        at_least("webhooks taken in meanwhile", while_away.get(202, 0), seconds),
        at_most("the slowest tenth of these", percentile(sender.seconds, 0.9), 2),
        exactly("deliveries lost, failed or left over", world.lost(), 0),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("all is done after Redis is back", settled, 10),
    ]


def database_away(stage: Stage, *, times: int, seconds: float) -> Sequence[Figure]:
    """PostgreSQL restarted under load: told as such, none half-written, and over at once."""
    stage.serve()
    world = World.make(stage, projects=2, issues=5)
    world.settle(HANGS)
    sender, recoveries = Sender(world), []
    with ExitStack() as loads:
        for _ in range(4):
            loads.enter_context(Background(sender.send, 0.02))
        for _ in range(times):
            stage.restart_postgresql(seconds)
            recoveries.append(within(HANGS, lambda: _answers_well(world, 20)))
    stage.stop_postgresql()
    meanwhile = burst(world, 16)
    stage.start_postgresql()
    first = burst(world, 16)
    stage.gitlab.state.sender.wait_idle(HANGS)
    settled = within(HANGS, lambda: world.undone() == 0, every=0.2)
    errors = {status for status in sender.answers if status not in (202, 503)}
    return [
        at_least("webhooks refused while it was away", sender.answers[503], times),
        exactly("answers other than 202 and 503", errors, set()),
        exactly("503 without Retry-After", sender.without_retry_after, 0),
        exactly("accepted webhooks that are not stored", missing(world, sender.accepted), 0),
        exactly("answers to a burst while it was away", set(meanwhile), {503}),
        exactly("answers to the first burst after it was back", set(first), {202}),
        at_most("requests that failed after it was back", max(recoveries), 5),
        at_most("the slowest answer", max(sender.seconds), 10),
        exactly("deliveries lost, failed or left over", world.lost(), 0),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("all is done after the last restart", settled, 45),
        at_least("webhooks accepted", len(sender.accepted), 10),
    ]


def _answers_well(world: World, times: int) -> bool:
    """So many good answers in a row: every pooled connection has had its turn."""
    body = {"object_kind": "build"}
    return all(post(world.url, body, str(uuid.uuid4()))[0] == 202 for _ in range(times))


def burst(world: World, callers: int) -> list[int | None]:
    """The statuses of so many webhooks at once."""
    body = {"object_kind": "build"}
    with ThreadPoolExecutor(callers) as pool:
        sent = [pool.submit(post, world.url, body, str(uuid.uuid4())) for _ in range(callers)]
        return [one.result()[0] for one in sent]


def missing(world: World, accepted: Sequence[str]) -> int:
    """How many of the deliveries that were told to be accepted are not there."""
    with world.stage.app.app_context():
        stored = {str(row) for row in db.session.scalars(select(GitLabWebhookDelivery.id))}
    return len(set(accepted) - stored)


def graceful_stops(stage: Stage, *, times: int) -> Sequence[Figure]:
    """SIGTERM to web and workers under load: over in time, nothing accepted is lost."""
    stage.serve()
    world = World.make(stage, projects=2, issues=5)
    world.settle(HANGS)
    sender, choose, waits, left = Sender(world), random.Random(SEED), [], 0
    for _ in range(times):
        stage.serve()
        stage.gitlab.state.faults.latency = 0.2
        with Background(sender.send, 0.01), Background(lambda: world.edit(choose), 0.05):
            time.sleep(0.7)
            below, seconds = _stop_all(stage)
            waits.append(seconds)
        left += sum(is_alive(pid) for pid in below)
        stage.gitlab.state.sender.wait_idle(HANGS)
    stage.serve()
    for _ in range(60):
        world.edit(choose)
    stage.gitlab.state.sender.wait_idle(HANGS)
    settled = within(2 * HANGS, lambda: world.undone() == 0, every=0.2)
    return [
        at_most("SIGTERM until web and worker have ended", max(waits), 10),
        exactly("processes left behind", left, 0),
        exactly("accepted webhooks that are not stored", missing(world, sender.accepted), 0),
        at_least("webhooks accepted", len(sender.accepted), times),
        exactly("deliveries lost, failed or left over", world.lost(), 0),
        at_most("all is done afterwards", settled, 45),
    ]


def _stop_all(stage: Stage) -> tuple[list[int], float]:
    """SIGTERM for all; gives what was running below them, and the seconds until they ended."""
    children = [child for child in (stage.web, *stage.workers) if child is not None]
    below = [pid for child in children for pid in stage.children(child)]
    started = time.monotonic()
    for child in children:
        child.process.terminate()
    for child in children:
        child.process.wait(HANGS)
    return below, time.monotonic() - started


def is_alive(pid: int) -> bool:
    """Whether a process exists and is more than an entry waiting for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
