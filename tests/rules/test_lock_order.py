"""Rules, webhooks, fetches and people at the same tasks and items: none waits in a circle."""

import random
import threading
import time

import pytest
from sqlalchemy import select, text

from gitlab_links.errors import DomainError
from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.jobs.rule_slices import rules_slice
from gitlab_links.links.changes import detach, refresh_links_of_org, refresh_links_of_task
from gitlab_links.links.models import TaskGitLabLink
from gitlab_links.links.provenance import keep, leave_to_mentions
from gitlab_links.links.task_removal import remove_task, remove_tasks
from gitlab_links.links.undoing import reattach
from gitlab_links.pasting.changes import attach, attach_all
from gitlab_links.rules.undo_and_pin import pin, undo, unpin
from gitlab_links.tasks.changes import update_task
from tests.conftest import GITLAB_TOKEN

# On SQLite one waits for the other from the first word on.
pytestmark = [pytest.mark.only_on("postgresql"), pytest.mark.slow]

ROUNDS = 25


class Crowd:
    """Threads that do things to the same rows, and what they raised but refusals."""

    def __init__(self, app):
        self.app, self.raised = app, []
        self._threads = []

    def add(self, what):
        thread = threading.Thread(target=self._run, args=(what,))
        self._threads.append(thread)
        thread.start()

    def _run(self, what):
        with self.app.app_context():
            for _ in range(ROUNDS):
                try:
                    what()
                    db.session.commit()
                except DomainError:
                    db.session.rollback()
                except Exception as error:
                    db.session.rollback()
                    self.raised.append(error)

    def end(self):
        for thread in self._threads:
            thread.join()
        return self.raised


def deadlocks():
    """How many the database has broken up; it counts them within a second or two."""
    time.sleep(2)
    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    found = db.session.scalar(text(counted))
    db.session.rollback()
    return found


def test_nobody_waits_in_a_circle(story, project, app):
    items = story.gitlab.state.items
    merge_requests = [story.merge_request(project) for _ in range(6)]
    tasks = [story.task() for _ in range(6)]
    doomed = [story.task() for _ in range(ROUNDS)]
    for task in tasks:
        story.attach(task, *merge_requests)
    for task in doomed:
        story.attach(task, *merge_requests[:3])
    story.settle()
    before, org, principal = deadlocks(), story.org.id, story.principal
    chance = random.Random(24)

    def change():
        for mr in chance.sample(merge_requests, 3):
            chance.choice([items.close, items.reopen])(mr)
        story.clock.advance(1)
        story.deliver(*(story.body(mr) for mr in chance.sample(merge_requests, 3)))

    def link():
        task, mr = chance.choice(tasks), chance.choice(merge_requests)
        found = select(TaskGitLabLink.id).where(TaskGitLabLink.task_id == task)
        link_id = db.session.scalars(found.limit(1)).first()
        db.session.rollback()
        if link_id is not None:
            detach(principal, task, link_id)
            db.session.commit()
        attach(principal, task, story.gitlab.state.urls.item(mr))

    def decide():
        what = chance.choice([undo, pin, unpin])
        what(principal, chance.choice(tasks))
        db.session.commit()
        update_task(principal, chance.choice(tasks), {"status": chance.choice(["open", "done"])})

    crowd = Crowd(app)
    for what in (
        change,
        lambda: drain_slice(org),
        lambda: rules_slice(org),
        lambda: rules_slice(org),
        lambda: fetch_slice(org),
        link,
        decide,
        lambda: remove_task(principal, doomed.pop()),
    ):
        crowd.add(what)
    assert crowd.end() == []
    assert deadlocks() == before


def test_nobody_fails_while_mentions_and_moves_change_links(story, project, app):
    """Workers may meet in a circle, and repeat their batch; whoever waits for an answer may not."""
    issues = [story.issue(project) for _ in range(6)]
    other = story.project("acme/tools")
    tasks = [story.factory.task(story.org) for _ in range(4)]
    doomed = [story.task() for _ in range(2 * ROUNDS)]
    for task in [*(task.id for task in tasks), *doomed[:ROUNDS]]:
        story.attach(task, *issues)
    story.settle()
    org, principal = story.org.id, story.principal
    admin, key = story.admin, story.org.task_key
    chance, edit = random.Random(7), story.gitlab.state.items.edit
    names = {task.id: f"{key}-{task.number}" for task in tasks}

    def mention():
        for issue in chance.sample(issues, 3):
            title = " ".join(["Fix", *chance.sample(list(names.values()), chance.randrange(3))])
            edit(issue, title=title, notify=False)
        story.clock.advance(1)
        story.deliver(*(story.body(issue) for issue in chance.sample(issues, 3)))

    def move():
        number = chance.randrange(len(issues))
        issue = issues[number]
        issues[number] = story.gitlab.state.items.move(issue, chance.choice([project, other]))
        story.clock.advance(1)
        story.deliver(story.body(issue, "close"), story.body(issues[number], "open"))

    def a_link():
        found = select(TaskGitLabLink.id, TaskGitLabLink.task_id).where(
            TaskGitLabLink.task_id.in_(names)
        )
        rows = db.session.execute(found.limit(50)).all()
        db.session.rollback()
        return chance.choice(rows) if rows else None

    def link():
        found = a_link()
        if found is not None:
            gone = detach(principal, found.task_id, found.id)
            db.session.commit()
            if chance.random() < 0.5:
                reattach(principal, found.task_id, gone)
                db.session.commit()
        urls = [story.gitlab.state.urls.item(issue) for issue in chance.sample(issues, 3)]
        attach_all(principal, chance.choice(list(names)), urls)

    def own():
        found = a_link()
        if found is not None:
            chance.choice([keep, leave_to_mentions])(principal, found.task_id, found.id)

    def refresh():
        refresh_links_of_task(org, chance.choice(list(names)))
        db.session.commit()
        refresh_links_of_org(org)

    def save_the_token():
        configure(admin, IntegrationChange(token=GITLAB_TOKEN))

    crowd = Crowd(app)
    for what in (
        mention,
        move,
        lambda: drain_slice(org),
        lambda: fetch_slice(org),
        lambda: rules_slice(org),
        link,
        link,
        own,
        refresh,
        save_the_token,
        lambda: remove_tasks(principal, [doomed.pop(), doomed.pop(0)]),
    ):
        crowd.add(what)
    assert crowd.end() == []
