"""A failure of one call in a round does not affect the others."""

import threading
import uuid

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.answers import Fetched, GitLabFailure
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.sync.due_items import Batch, DueItem
from gitlab_links.sync.fetching import Fetcher
from tests.hanging import HANGS


class Scripted:
    """A client that runs a test's function for one project; all other calls succeed."""

    rate_limit = limited_by = None
    calls = 0

    def __init__(self, behaviour):
        self.behaviour = behaviour

    def fetch_items(self, project, item_type, iids):
        self.behaviour.get(project, lambda: None)()
        found = {iid: Snapshot(item_type, iid, project, None) for iid in iids}
        return Fetched(found, utcnow())

    def close(self):
        pass


def batch(project):
    due = (DueItem(uuid.uuid4(), 1, wants_detail=False),)
    return Batch(uuid.uuid4(), project, f"acme/{project}", ItemType.ISSUE, due)


@pytest.fixture
def fetched():
    """Fetches one batch of each of three projects; the second runs a given function."""
    made = []

    def fetch(behaviour, seconds=5.0):
        fetcher = Fetcher(lambda: Scripted({2: behaviour}), seconds)
        made.append(fetcher)
        return fetcher.fetch([batch(project) for project in (1, 2, 3)]).answers

    yield fetch
    for fetcher in made:
        fetcher.close()


def codes(answers):
    return [answer.failure and answer.failure.code for answer in answers]


def test_a_bug_in_one_call_does_not_affect_the_others(fetched):
    def stumble():
        raise ZeroDivisionError

    answers = fetched(stumble)
    assert codes(answers) == [None, "internal_error", None]
    assert [set(answer.snapshots) for answer in answers] == [{1}, set(), {1}]


def test_a_failure_of_gitlab_does_not_affect_the_others(fetched):
    def refuse():
        raise GitLabFailure("http_403", "No.")

    assert codes(fetched(refuse)) == [None, "http_403", None]


@pytest.mark.slow
def test_a_call_that_hangs_is_not_waited_for(fetched):
    awake = threading.Event()
    answers = fetched(lambda: awake.wait(HANGS), seconds=2)
    awake.set()

    assert codes(answers) == [None, "network_error", None]
    assert "did not resolve in time" in answers[1].failure.detail
