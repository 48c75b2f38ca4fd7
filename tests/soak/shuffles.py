"""Sequences of real events in every order, with ties, a wrong clock and times to come."""

import random
import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, update

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import has_due
from gitlab_links.deliveries.intake import accept
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.demo.gitlab.records import Item
from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.integrations.changes import generate_webhook_secret
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.models import GitLabItem
from tests.gitlab.bodies import sent
from tests.jobs.conftest import Connected
from tests.mentions.conftest import Mentioning
from tests.mentions.test_orders import TASKS, ends_alike
from tests.soak.figures import Figure, at_least, exactly
from tests.soak.stage import GITLAB_TOKEN, Stage
from tests.soak.world import SECRET, World

SEED = 20260501
# How far GitLab's clock is from ours, in seconds, for each of the items.
SKEWS = (0, -3600, 3600, 59, 61)
EDITS = 6


def shuffles(stage: Stage, *, count: int) -> Sequence[Figure]:
    """Bodies as GitLab made them, taken in and drained here, fetches in between."""
    stage.serve(workers=0)
    choose = random.Random(SEED)
    world = World.make(stage, projects=1, issues=len(SKEWS) - 1)
    with stage.app.app_context():
        _settle(world)
    stale, told = 0, 0
    for number in range(count):
        item, skew = choose.choice(list(zip(world.links.values(), SKEWS, strict=True)))
        stage.gitlab.state.clock.offset = timedelta(seconds=skew)
        bodies = _history(stage, item, choose, number)
        choose.shuffle(bodies)
        told += len(bodies)
        with stage.app.app_context():
            for body in bodies:
                key = {"X-Gitlab-Token": SECRET, "Idempotency-Key": str(uuid.uuid4())}
                with single_write() as connection:
                    accept(connection, world.org.id, key, body)
                if choose.random() < 0.3:
                    drain_slice(world.org.id)
                if choose.random() < 0.15:
                    fetch_slice(world.org.id)
            _settle(world)
        stale += len(world.differing())
    return [
        at_least("sequences of events", count, count),
        at_least("events taken in", told, count * 2),
        exactly("stale links", stale, 0),
    ]


def shuffled_mentions(stage: Stage, *, count: int) -> Sequence[Figure]:
    """Edits that add, move and take back mentions; their events in any order, some lost, some
    twice, by a project's own secret or the shared one, with fetches in between.
    """
    stage.serve(workers=0)
    org = stage.factory.org()
    stage.factory.connect(org, base_url=stage.gitlab.url, token=GITLAB_TOKEN)
    wrong = 0
    with stage.app.app_context():
        connected = Connected(org, stage.factory.principal(org), stage.factory, stage.gitlab)
        shared = generate_webhook_secret(connected.principal)
        db.session.commit()
        mentioning = Mentioning(stage.app, connected, shared)
        for number in TASKS:
            mentioning.task(number)
        for seed in range(SEED, SEED + count):
            wrong += not ends_alike(mentioning, lambda task: f"{org.task_key}-{task}", seed)
    return [
        at_least("sequences of edits", count, count),
        exactly("sequences whose links are not what GitLab's texts ask for", wrong, 0),
    ]


def _history(stage: Stage, item: Item, choose: random.Random, number: int) -> list[bytes]:
    """Some changes of one item, and what GitLab would send of each; some bear the same time."""
    state, bodies = stage.gitlab.state, []
    moment = item.updated_at
    for step in range(choose.randrange(2, EDITS)):
        if choose.random() < 0.6:
            moment = max(moment + timedelta(milliseconds=choose.randrange(99)), state.clock.now())
        kind = choose.random()
        if kind < 0.2:
            (state.items.close if item.state == "opened" else state.items.reopen)(item, at=moment)
        else:
            title = f"Title {number}.{step}"
            state.items.edit(item, title=title, at=moment, notify=False)
        body = state.publisher.bodies.item(item, action="update", by=item.author, changes={})
        bodies.append(sent(body))
    return bodies


def _settle(world: World) -> None:
    """Everything that is due or was asked for is done, as workers would."""
    org_id = world.org.id
    for _ in range(20):
        while has_due(org_id, utcnow()):
            drain_slice(org_id)
        fetch_slice(org_id)
        if world.undone() == 0:
            db.session.execute(delete(GitLabWebhookDelivery))
            db.session.commit()
            return
        _let_time_pass()
    raise AssertionError("requests do not come to an end")


def _let_time_pass() -> None:
    """What is to be asked again in three seconds is asked again now."""
    now, item = utcnow(), GitLabItem
    db.session.execute(
        update(item)
        .where(item.refresh_requested_at > now)
        .values(refresh_requested_at=now, next_sync_at=now)
    )
    db.session.commit()
