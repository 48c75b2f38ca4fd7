"""Workers killed while events go to three endpoints: a good one, a slow one, a failing one."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import func, select
from standardwebhooks import Webhook, WebhookVerificationError

from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.local.services import LOOPBACK
from gitlab_links.outgoing.endpoints import EndpointChange, create_endpoint, update_endpoint
from gitlab_links.outgoing.models import Format, OutgoingDelivery
from gitlab_links.tasks.changes import create_task, update_task
from tests.hanging import HANGS
from tests.outgoing.by_hand import verified
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.stage import Stage

SEED = 20261129
TASKS = 40
NAMES = ("good", "slow", "failing")


@dataclass
class Receivers:
    """Three endpoints in this process, by the path; what arrived, when, and whether it verifies."""

    slow_seconds: float
    fails: bool = True
    secrets: dict[str, str] = field(default_factory=dict)
    arrivals: dict[str, list[tuple[str, float, dict[str, Any]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    forged: int = 0

    def take(self, name: str, headers: dict[str, str], body: bytes) -> int:
        now = datetime.now(UTC)
        if name == "slow":
            time.sleep(self.slow_seconds)
        if name == "failing" and self.fails:
            return 503
        try:
            Webhook(self.secrets[name]).verify(body, headers)
            genuine = verified(self.secrets[name], headers, body)
        except (WebhookVerificationError, LookupError, ValueError):
            genuine = False
        self.forged += not genuine
        event = json.loads(body)
        late = (now - datetime.fromisoformat(event["timestamp"])).total_seconds()
        self.arrivals[name].append((headers["webhook-id"], late, event))
        return 200

    def ids(self, name: str) -> Counter[str]:
        return Counter(message_id for message_id, _, _ in self.arrivals[name])


def serve(receivers: Receivers, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receivers.take(self.path.strip("/"), headers, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_what: object) -> None:
            return None

    server = ThreadingHTTPServer((LOOPBACK, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def outgoing(
    stage: Stage,
    *,
    events: int,
    kills: int,
    flushes: int,
    away: float,
    slow_seconds: float = 9.0,
    p95: float = 2.0,
) -> Sequence[Figure]:
    """``events`` in the time that ``kills`` take, one a second; Redis is flushed now and then,
    and once away for so many seconds.
    ``p95`` is what is promised of the good endpoint.
    """
    stage.serve(workers=2)
    receivers = Receivers(slow_seconds)
    server = serve(receivers, stage.slow_port)
    choose, org = random.Random(SEED), stage.factory.org()
    principal = stage.factory.principal(org, Role.ADMIN)
    endpoints = {}
    with stage.app.app_context():
        tasks = [create_task(principal, f"Task {number}").id for number in range(TASKS)]
        db.session.commit()
    within(HANGS, lambda: _positions(stage, org.id) == TASKS)
    with stage.app.app_context():
        for name in NAMES:
            url = f"http://{LOOPBACK}:{stage.slow_port}/{name}"
            made = create_endpoint(principal, Format.STANDARD, EndpointChange(url=url))
            db.session.commit()
            receivers.secrets[name], endpoints[name] = made.secret or "", made.endpoint.id
    made_events, stop = [0], threading.Event()

    def make() -> None:
        pause = kills / events
        with stage.app.app_context():
            while made_events[0] < events and not stop.is_set():
                number = made_events[0]
                title = {"title": f"Title {number}"}
                update_task(principal, choose.choice(tasks), title)
                db.session.commit()
                made_events[0] += 1
                time.sleep(pause * choose.uniform(0.5, 1.5))

    maker = threading.Thread(target=make)
    maker.start()
    killed, was_away = 0, False
    forget = {(number + 1) * kills // (flushes + 1) for number in range(flushes)}
    while killed < kills or maker.is_alive():
        if killed < kills:
            killed += _kill_one(stage, choose)
            if killed in forget:
                stage.redis.flushall()
            if killed == kills // 2 and not was_away:
                was_away = _take_redis_away(stage, away)
        time.sleep(0.9)
    stop.set()
    maker.join()
    within(HANGS, lambda: len(receivers.ids("good")) >= events)
    lates = sorted(late for _, late, _ in _first(receivers.arrivals["good"]))
    receivers.slow_seconds, receivers.fails = 0.0, False
    with stage.app.app_context():
        for name in NAMES[1:]:
            for enabled in (False, True):
                update_endpoint(principal, endpoints[name], EndpointChange(enabled=enabled))
            db.session.commit()
    within(60 + events, lambda: all(len(receivers.ids(name)) >= events for name in NAMES))
    within(HANGS, lambda: _left(stage, org.id) == 0)
    server.shutdown()
    return [
        at_least("workers killed", killed, kills),
        exactly("times that Redis was away", int(was_away), 1),
        *(exactly(f"events missing at the {name} endpoint",
                  events - len(receivers.ids(name)), 0) for name in NAMES),
        exactly("signatures that a receiver cannot verify", receivers.forged, 0),
        exactly("events of a task out of order at the good endpoint", _disordered(receivers), 0),
        at_most("p95 of the good endpoint, s", lates[int(len(lates) * 0.95)], p95),
        at_most("the slowest event of the good endpoint, s", lates[-1], 60.0),
        at_most(
            "events that arrived twice, with the same id",
            sum(count - 1 for name in NAMES for count in receivers.ids(name).values()),
            events,
            "",
        ),
    ]  # fmt: skip


def _take_redis_away(stage: Stage, seconds: float) -> bool:
    stage.stop_redis()
    time.sleep(seconds)
    stage.start_redis()
    return True


def _kill_one(stage: Stage, choose: random.Random) -> int:
    found = [pid for worker in stage.workers for pid in stage.children(worker)]
    if not found:
        return 0
    try:
        os.kill(choose.choice(found), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def _first(arrivals: list[tuple[str, float, dict[str, Any]]]) -> list[tuple[str, float, Any]]:
    return list({one[0]: one for one in reversed(arrivals)}.values())


def _disordered(receivers: Receivers) -> int:
    """First arrivals of a task's events that came before an earlier one of the same task."""
    newest: dict[str, int] = {}
    seen: set[str] = set()
    wrong = 0
    for message_id, _, event in receivers.arrivals["good"]:
        if message_id not in seen:
            task = event["data"]["task"]["id"]
            wrong += event["position"] < newest.get(task, 0)
            newest[task] = max(newest.get(task, 0), event["position"])
        seen.add(message_id)
    return wrong


def _positions(stage: Stage, org_id: Any) -> int:
    from gitlab_links.events.publishing import last_position

    with stage.app.app_context():
        return last_position(org_id)


def _left(stage: Stage, org_id: Any) -> int:
    one = OutgoingDelivery
    with stage.app.app_context():
        waiting = select(func.count()).where(one.org_id == org_id, one.due_at.is_not(None))
        return db.session.scalar(waiting) or 0
