"""Much at once: copies of one delivery, a flooded org beside another, several workers."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import update

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from gitlab_links.observations.call_counts import CallKind
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.outages import post
from tests.soak.stage import Stage
from tests.soak.world import World, editing, percentile

SEED = 20260501
# What is due waits this long for the sweep, and on a busy machine as long again for its calls.
# A TTL of minutes leaves room for that in its last fifth, one of seconds does not.
SWEPT_SECONDS = 2.0
# All calls of a check of the token together take no longer.
CHECK_SECONDS = 5.0


def copies(stage: Stage, *, deliveries: int, of_each: int) -> Sequence[Figure]:
    """``of_each`` concurrent copies of a delivery, again and again: one row, one effect each."""
    stage.serve()
    world = World.make(stage, projects=1, issues=3)
    world.settle(HANGS)
    bodies = stage.gitlab.state.publisher.bodies
    before, answers, ids = world.count(), Counter[object](), set()
    items = list(world.links.values())
    with ThreadPoolExecutor(of_each) as pool:
        for number in range(deliveries):
            item = items[number % len(items)]
            stage.gitlab.state.items.edit(item, title=f"Title {number}", notify=False)
            body = bodies.item(item, action="update", by=item.author, changes={})
            key, start = str(uuid.uuid4()), threading.Barrier(of_each)

            def send(body=body, key=key, start=start):
                start.wait()
                return post(world.url, body, key)

            for status, _, answer in pool.map(lambda call: call(), [send] * of_each):
                told = answer.json() if answer is not None else {}
                answers[status, told.get("status")] += 1
                ids.add(told.get("delivery_id"))
    settled = world.settle(60)
    wanted = {(202, "accepted"): deliveries}
    if of_each > 1:
        wanted[202, "duplicate"] = deliveries * (of_each - 1)
    return [
        exactly("answers", dict(answers), wanted),
        exactly("rows", world.count() - before, deliveries),
        exactly("delivery ids returned", len(ids), deliveries),
        exactly(
            "deliveries lost, failed or left over", world.count() - world.count("processed"), 0
        ),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("all is done", settled, 30),
    ]


def flood(stage: Stage, *, events: int, watched: int) -> Sequence[Figure]:
    """One org is flooded while its GitLab answers 429; another one's changes come through."""
    stage.serve()
    flooded, other = (World.make(stage, projects=2, issues=5) for _ in range(2))
    for world in (flooded, other):
        world.settle(HANGS)
    _have_paused(flooded)
    before = stage.gitlab_calls(flooded.project_ids)
    watching = threading.Event()
    watching.set()
    pouring = threading.Thread(target=_pour, args=(flooded, events, watching))
    pouring.start()
    waits = [_seconds_until_shown(other, f"Watched {number}") for number in range(watched)]
    watching.clear()
    pouring.join()
    stage.gitlab.state.sender.wait_idle(60)
    settled = within(120, lambda: flooded.count("received", "processing") == 0, every=0.2)
    calls = stage.gitlab_calls(flooded.project_ids) - before
    return [
        at_least("events of the flooded org", flooded.count(), events * 0.9),
        at_most("another org's change is visible, 95 of 100", percentile(waits, 0.95), 2),
        at_most("another org's change is visible, at worst", max(waits), 5),
        at_most("the flood itself is drained after its last event", settled, 60),
        exactly("calls to the GitLab that asks for a pause", calls, 0),
    ]


def _have_paused(world: World) -> None:
    """Its GitLab asks for no calls for ten minutes, and the service knows."""
    for project_id in world.project_ids:
        world.stage.gitlab.state.faults.answer(
            "status", status=429, retry_after="600", times=None, project_id=project_id
        )
    _in_step(world)
    within(HANGS, world.is_paused, every=0.1)
    # A check of the token that had begun by then makes the calls that it still needs.
    last = -1
    while (calls := world.stage.gitlab_calls(world.project_ids)) != last:
        last = calls
        time.sleep(CHECK_SECONDS)


def _pour(world: World, events: int, watching: threading.Event) -> None:
    choose, poured = random.Random(SEED), 0
    while poured < events or watching.is_set():
        world.edit(choose)
        poured += 1
        if poured % 100 == 0:
            world.stage.gitlab.state.sender.wait_idle(60)


def _seconds_until_shown(world: World, title: str) -> float:
    """Sent past the queue of the simulated GitLab, which the flood fills as well."""
    item, gitlab = next(iter(world.links.values())), world.stage.gitlab.state
    gitlab.items.edit(item, title=title, notify=False)
    body = gitlab.publisher.bodies.item(item, action="update", by=item.author, changes={})
    started = time.monotonic()
    post(world.url, body, str(uuid.uuid4()))
    within(HANGS, lambda: not world.differing(), every=0.02)
    return time.monotonic() - started


def several_workers(stage: Stage, *, workers: int, ttl: int, rounds: int) -> Sequence[Figure]:
    """What is due is read once per TTL, not once per ``worker.py``."""
    stage.serve(workers=workers, GITLAB_METADATA_TTL_SECONDS=str(ttl))
    world = World.make(stage, projects=3, issues=20)
    world.settle(HANGS)
    groups = 2 * 3  # issues and merge requests of each project
    _in_step(world)
    time.sleep(2.5)
    before = world.calls()
    items = stage.gitlab.state.items
    for item in world.links.values():
        items.edit(item, title=f"{item.title} again", notify=False)
    started = time.monotonic()
    latest = max(ttl, ttl * 0.8 + 2 * SWEPT_SECONDS)
    shown = within(HANGS, lambda: not world.differing(), every=0.1)
    time.sleep(max(0.0, rounds * ttl - (time.monotonic() - started)))
    passed = time.monotonic() - started
    made = world.calls() - before
    # One call for all projects says what changed, after 76 hundredths of the TTL at the soonest;
    # one more is due at each end of the time that is counted.
    readings = passed / (ttl * 0.76) + 2
    # Only then are lists read of what is new, of a group at once where that is cheaper. What has
    # changed lately is looked at again after 38 hundredths of the TTL at the soonest.
    most = (passed / (ttl * 0.38) + 2) * groups
    of_items = made[CallKind.LISTS] + made[CallKind.ITEMS] + made[CallKind.STATUSES]
    return [
        at_most("changes without any webhook are shown", shown, latest),
        at_most(
            f"calls for what changed in {rounds} TTLs", made[CallKind.CHANGES], readings, "calls"
        ),
        at_most(f"calls for {groups} groups of items in {rounds} TTLs", of_items, most, "calls"),
        at_least("calls for either", made[CallKind.CHANGES] + of_items, 1),
    ]


def _in_step(world: World) -> None:
    with world.stage.app.app_context():
        table = GitLabItem.__table__
        due = update(table).where(table.c.org_id == world.org.id).values(next_sync_at=utcnow())
        db.session.execute(due)
        db.session.commit()


def steady(stage: Stage, *, seconds: float, per_second: float) -> Sequence[Figure]:
    """Webhooks in disorder, by four senders at once: in the end every link is right."""
    stage.serve()
    world = World.make(stage, projects=3, issues=8)
    world.settle(HANGS)
    stage.gitlab.state.faults.latency = 0.03
    before = stage.gitlab_calls(world.project_ids)
    with editing(world, SEED, per_second):
        time.sleep(seconds)
    settled = world.settle(60)
    events = world.count()
    made = stage.gitlab_calls(world.project_ids) - before
    return [
        at_least("webhooks received", events, seconds),
        exactly("links that differ from GitLab", len(world.differing()), 0),
        at_most("calls to GitLab per webhook", made / max(events, 1), 1, "calls"),
        at_most("all is done after the last", settled, 10),
    ]
