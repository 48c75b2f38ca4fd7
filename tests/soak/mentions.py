"""How soon a mention is a link, on a system that does nothing else."""

import time
from collections.abc import Sequence

from sqlalchemy import exists, select

from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most
from tests.soak.stage import Stage
from tests.soak.world import World, percentile

PAUSE = 0.5


def mention_to_link(stage: Stage, *, count: int) -> Sequence[Figure]:
    """A title is edited to name a task, by a hook with the shared secret, so that GitLab's API is
    asked first; until the link is stored with its title, as pages show it.
    """
    stage.serve(workers=1)
    world = World.make(stage, projects=1, issues=1)
    world.settle(60)
    task, state = stage.factory.task(world.org, number=100_001), stage.gitlab.state
    project = next(iter(world.links.values())).project
    waits = []
    for number in range(count):
        item = state.items.add_issue(project, "Quiet", author="root", notify=False)
        title = f"{number}: {world.org.task_key}-{task.number}"
        state.items.edit(item, title=title)
        waits.append(
            within(HANGS, lambda title=title: _is_linked(stage, task.id, title), every=0.02)
        )
        time.sleep(PAUSE)
    return [
        at_least("mentions that became links", len(waits), count),
        at_most("p95 from the edit to the link", percentile(waits, 0.95), 2),
    ]


def _is_linked(stage: Stage, task_id: object, title: str) -> bool:
    link, item = TaskGitLabLink, GitLabItem
    found = exists().where(link.task_id == task_id, link.item_id == item.id, item.title == title)
    with stage.app.app_context():
        return bool(db.session.scalar(select(found)))
