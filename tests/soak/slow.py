"""Four orgs whose GitLab takes seconds for each answer, beside one whose GitLab is well."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import requests

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.links.changes import refresh_links_of_task
from gitlab_links.links.queries import find_link
from gitlab_links.pasting.changes import attach
from tests.factories import Factory
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.figures import Figure, at_least, at_most, exactly
from tests.soak.outages import Sender
from tests.soak.stage import GITLAB_TOKEN, Stage
from tests.soak.world import Background, World

SLOW_ORGS = 4
ANSWER_SECONDS = 4.5
VALIDATING_AT_ONCE = 20


@dataclass
class SlowOrg:
    """An org with links that are always due, and a key that asks for validations."""

    org: Org
    principal: Principal
    key: str
    tasks: list[uuid.UUID] = field(default_factory=list)

    @classmethod
    def make(cls, stage: Stage, gitlab: SimulatedGitLab, number: int) -> "SlowOrg":
        """Connected to ``gitlab``, with two projects."""
        factory: Factory = stage.factory
        org = factory.org()
        factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
        made = cls(org, factory.principal(org), factory.api_key(org))
        for name in ("one", "two"):
            project = gitlab.state.projects.add(f"slow{number}/{name}")
            item = gitlab.state.items.add_issue(project, "Slow", author="root")
            task = factory.task(org)
            with stage.app.app_context():
                attach(made.principal, task.id, gitlab.state.urls.item(item))
                db.session.commit()
            made.tasks.append(task.id)
        return made

    def refresh(self, stage: Stage) -> None:
        """Somebody presses *Refresh now* on each task."""
        with stage.app.app_context():
            for task_id in self.tasks:
                refresh_links_of_task(self.org.id, task_id)
            db.session.commit()


def slow_gitlabs(stage: Stage, *, links: int) -> Sequence[Figure]:
    """Neither the web nor the workers wait for somebody else's GitLab."""
    stage.serve()
    world = World.make(stage, projects=2, issues=5)
    world.settle(HANGS)
    sender, validated = Sender(world), Counter[int]()
    with SimulatedGitLab.start(token=GITLAB_TOKEN, port=stage.slow_port) as gitlab:
        slow = [SlowOrg.make(stage, gitlab, number) for number in range(SLOW_ORGS)]
        gitlab.state.calls.limit = 10**9
        gitlab.state.faults.latency = ANSWER_SECONDS
        with ExitStack() as stack:
            for org in slow:
                stack.enter_context(Background(lambda org=org: org.refresh(stage), 1.0))
            for number in range(VALIDATING_AT_ONCE):
                one = slow[number % SLOW_ORGS]
                stack.enter_context(
                    Background(lambda one=one: _validate(stage, one, validated), 1.0)
                )
            time.sleep(2 * ANSWER_SECONDS)
            stack.enter_context(Background(sender.send, 0.05))
            seconds = [_link_to_title(stage, world, number) for number in range(links)]
        asked = gitlab.state.calls.total()
    settled = within(HANGS, lambda: world.undone() == 0, every=0.2)
    return [
        exactly("answers to webhooks of the other org", {*sender.answers}, {202}),
        at_most("the slowest of them", max(sender.seconds), 2),
        exactly("answers to validations", {*validated} - {200, 429, 503}, set()),
        at_least("validations answered", validated[200], 1),
        at_least("validations refused at once", validated[429] + validated[503], 10),
        at_most("the slowest link to its title", max(seconds), 10),
        at_least("calls that the slow GitLab got", asked, 1),
        exactly("deliveries lost, failed or left over", world.lost(), 0),
        at_most("all is done afterwards", settled, 10),
    ]


def _validate(stage: Stage, one: SlowOrg, answers: Counter[int]) -> None:
    root = f"http://127.0.0.1:{stage.web_port}/api/orgs/{one.org.id}"
    answer = requests.post(
        f"{root}/integrations/gitlab/validate",
        headers={"Authorization": f"Bearer {one.key}"},
        timeout=HANGS,
    )
    with _lock:
        answers[answer.status_code] += 1


_lock = threading.Lock()


def _link_to_title(stage: Stage, world: World, number: int) -> float:
    state = stage.gitlab.state
    project = next(iter(world.links.values())).project
    item = state.items.add_issue(project, f"New {number}", author="root")
    principal, task = stage.factory.principal(world.org), stage.factory.task(world.org)
    with stage.app.app_context():
        link_id = attach(principal, task.id, state.urls.item(item))
        db.session.commit()

    def shown() -> bool:
        with stage.app.app_context():
            return find_link(world.org.id, task.id, link_id).title == f"New {number}"

    return within(HANGS, shown, every=0.1)
