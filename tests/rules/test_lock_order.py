"""Rules, webhooks, fetches and people at the same tasks and items: none waits in a circle."""

import random
import threading
import time

import pytest
from sqlalchemy import select, text

from gitlab_links.errors import DomainError
from gitlab_links.extensions import db
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.jobs.rule_slices import rules_slice
from gitlab_links.links.changes import detach
from gitlab_links.links.models import TaskGitLabLink
from gitlab_links.links.task_removal import remove_task
from gitlab_links.pasting.changes import attach
from gitlab_links.rules.undo_and_pin import pin, undo, unpin
from gitlab_links.tasks.changes import update_task

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
