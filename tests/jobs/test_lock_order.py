"""Whoever locks the connection and its items locks the connection first: none waits in a circle."""

import threading

import pytest

from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange, lock_integration
from gitlab_links.jobs import fetches
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.changes import refresh_links_of_task
from gitlab_links.pasting.changes import attach_all
from tests.beside import Beside
from tests.conftest import GITLAB_TOKEN
from tests.hanging import HANGS
from tests.lock_waits import wait_for_somebody_to_wait

# On SQLite one waits for the other from the first word on.
pytestmark = pytest.mark.only_on("postgresql")


def save_the_token(connected):
    """The part of a door that comes after it has locked the connection."""
    configure(connected.principal, IntegrationChange(token=GITLAB_TOKEN))
    db.session.commit()


def test_a_token_is_saved_while_an_answer_is_written(app, connected, monkeypatch):
    for number in range(3):
        connected.link(connected.issue(connected.project(f"acme/p{number}")))
    asked, locked = threading.Event(), threading.Event()
    real = fetches.Fetcher.fetch

    def meanwhile(self, batches):
        answers = real(self, batches)
        asked.set()
        assert locked.wait(HANGS)
        return answers

    monkeypatch.setattr(fetches.Fetcher, "fetch", meanwhile)
    worker = Beside(app, lambda: fetch_slice(connected.org.id))
    assert asked.wait(HANGS)
    lock_integration(connected.org.id)
    locked.set()
    wait_for_somebody_to_wait()

    save_the_token(connected)

    assert worker.end() == []


def test_a_token_is_saved_while_somebody_refreshes(app, connected, clock):
    link = connected.link(connected.issue(connected.project()))
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].revoked = True
    for _ in range(2):
        connected.fetch()
        clock.advance(6)  # the second pause is longer
    lock_integration(connected.org.id)
    member = Beside(app, lambda: refresh_links_of_task(connected.org.id, connected.tasks[link]))
    wait_for_somebody_to_wait()

    save_the_token(connected)

    assert member.end() == []


def test_a_token_is_saved_while_somebody_links_the_same_item(app, factory, connected, clock):
    issue = connected.issue(connected.project())
    connected.link(issue)
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].revoked = True
    for _ in range(2):
        connected.fetch()
        clock.advance(6)  # the second pause is longer
    lock_integration(connected.org.id)
    task = factory.task(connected.org)
    url = connected.gitlab.state.urls.item(issue)
    member = Beside(app, lambda: attach_all(connected.principal, task.id, [url]))
    wait_for_somebody_to_wait()

    save_the_token(connected)

    assert member.end() == []
