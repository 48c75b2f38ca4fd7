"""Webhooks that the service turns away, of projects whose webhooks are proven to arrive.

Their changes are read every hour, so what was turned away has to be read because of that.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import exists, func, or_, select, text

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.deltas.models import BY_TIME, GitLabDeltaMark
from gitlab_links.extensions import db
from gitlab_links.links.freshness import TRUSTED_FOR
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.observations.hook_states import EXPECTED_EVENTS
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_most
from tests.soak.stage import Stage
from tests.soak.world import World

# Proven within seconds, and then not read for an hour.
SHORT_TTL = 4
_numbers = itertools.count(1)


@contextmanager
def without_database(stage: Stage, seconds: float) -> Iterator[None]:
    """The server ends at once, and is started after a while."""
    stage.stop_postgresql()
    yield
    time.sleep(seconds)
    stage.start_postgresql()


@contextmanager
def with_locked_table(stage: Stage, _seconds: float) -> Iterator[None]:
    """Nobody can store a webhook; all else works."""
    with stage.app.app_context(), db.engine.begin() as connection:
        connection.execute(text(f"LOCK TABLE {GitLabWebhookDelivery.__tablename__}"))
        yield


@contextmanager
def without_web(stage: Stage, seconds: float) -> Iterator[None]:
    """No web process runs; the workers go on."""
    assert stage.web is not None
    stage.supervisor.kill(stage.web)
    yield
    time.sleep(seconds)
    stage.web = None
    stage.serve(GITLAB_METADATA_TTL_SECONDS=str(SHORT_TTL))


WAYS: dict[str, Callable[[Stage, float], object]] = {
    "the database away": without_database,
    "a locked table": with_locked_table,
    "no web process": without_web,
}


def turned_away(
    stage: Stage, *, seconds: float, ways: Sequence[str] = tuple(WAYS)
) -> Sequence[Figure]:
    """A title is changed while webhooks are turned away; how long until the link shows it."""
    stage.serve(GITLAB_METADATA_TTL_SECONDS=str(SHORT_TTL))
    return [at_most(f"{way}: shown after", _shown_after(stage, way, seconds), 45) for way in ways]


def _shown_after(stage: Stage, way: str, seconds: float) -> float:
    world = _proven_world(stage)
    state, item = stage.gitlab.state, next(iter(world.links.values()))
    with WAYS[way](stage, seconds):  # type: ignore[attr-defined]
        state.items.edit(item, title=f"Changed while {way} {next(_numbers)}")
        state.sender.wait_idle(HANGS)
    return within(HANGS, lambda: not world.differing(), every=0.2, what=world.left_over)


def _proven_world(stage: Stage) -> World:
    """An org whose changes are read every hour, because a hundred came by webhook. A busy machine
    takes longer to that: what a reading finds first is not counted.
    """
    world = World.make(stage, projects=1, issues=4, events=EXPECTED_EVENTS)
    world.settle(HANGS)
    within(2 * HANGS, lambda: _is_read_every_hour(world) or _edit(world, 10), every=0)
    # Such a fetch, a while after a webhook, would find the next change as well.
    within(2 * HANGS, lambda: not _are_unconfirmed(world), every=0.5)
    return world


def _edit(world: World, times: int) -> None:
    items = list(world.links.values())
    for number in range(times):
        title = f"Title {next(_numbers)}"
        world.stage.gitlab.state.items.edit(items[number % len(items)], title=title)
    world.settle(HANGS)


def _are_unconfirmed(world: World) -> bool:
    """Whether items are still to be fetched because of a webhook."""
    item = GitLabItem
    waiting = or_(item.unconfirmed_since.is_not(None), item.refresh_requested_at.is_not(None))
    with world.stage.app.app_context():
        return bool(db.session.scalar(select(exists().where(item.org_id == world.org.id, waiting))))


def _is_read_every_hour(world: World) -> bool:
    mark, project = GitLabDeltaMark, GitLabProject
    with world.stage.app.app_context():
        first = db.session.scalar(
            select(func.min(mark.due_at))
            .join(project, project.id == mark.project_id)
            .where(
                mark.org_id == world.org.id,
                mark.kind.in_(BY_TIME),
                project.trusted_until.is_not(None),
            )
        )
    return first is not None and first > utcnow() + TRUSTED_FOR / 2
