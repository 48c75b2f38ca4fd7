"""After a new token every item is fetched anew, and whoever saves it waits for none of them."""

import pytest
from sqlalchemy import select

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.models import GitLabItem
from gitlab_links.sync import reconnected_items
from gitlab_links.sync.due_items import has_due, orgs_due
from gitlab_links.sync.fetching import Fetcher
from gitlab_links.sync.reconnected_items import make_next_due
from tests.conftest import GITLAB_TOKEN

pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def five(connected, clock, monkeypatch):
    """Five items that were fetched a second ago, one of them in vain; pieces are of two."""
    monkeypatch.setattr(reconnected_items, "PIECE", 2)
    project = connected.project()
    issues = [connected.issue(project) for _ in range(5)]
    connected.link_all(issues)
    connected.gitlab.state.items.delete(issues[4])
    connected.fetch()
    clock.advance(1)
    assert sorted(one.failures for one in items()) == [0, 0, 0, 0, 1]
    return connected


def items():
    db.session.expire_all()
    found = db.session.scalars(select(GitLabItem).order_by(GitLabItem.iid)).all()
    for one in found:
        db.session.expunge(one)
    db.session.rollback()
    return found


def save_a_token(connected):
    configure(connected.principal, IntegrationChange(token=GITLAB_TOKEN))
    db.session.commit()
    return connected.integration().items_due_since


def test_saving_a_token_writes_no_item_and_a_worker_makes_all_due(five):
    before = [(one.next_sync_at, one.changed_at) for one in items()]
    since = save_a_token(five)
    assert [(one.next_sync_at, one.changed_at) for one in items()] == before
    assert make_next_due(five.org.id, since)
    db.session.commit()  # and this worker dies
    assert len([one for one in items() if one.next_sync_at <= since]) == 2

    fetch_slice(five.org.id)

    fetched = items()
    assert all(one.fetched_at >= since for one in fetched[:4])
    assert fetched[4].failures == 1, "it was tried again, from the beginning"
    assert five.integration().items_due_since is None


def test_the_sweep_finds_an_org_whose_items_have_to_be_made_due(five):
    assert db.session.scalars(orgs_due(utcnow())).all() == []
    save_a_token(five)
    assert db.session.scalars(orgs_due(utcnow())).all() == [five.org.id]
    assert has_due(five.org.id, utcnow())
    db.session.rollback()


def test_a_token_that_is_saved_meanwhile_makes_all_due_again(five, clock):
    first = save_a_token(five)
    clock.advance(1)
    second = save_a_token(five)
    while make_next_due(five.org.id, first):
        pass
    db.session.commit()
    assert five.integration().items_due_since == second


def test_a_token_saved_by_a_clock_that_was_ahead_makes_each_item_due_once_and_at_once(five, clock):
    since = save_a_token(five)
    clock.advance(-3600)
    pieces = 0
    while make_next_due(five.org.id, since):
        db.session.commit()
        assert (pieces := pieces + 1) <= 3, "it would go on for the hour"
    assert all(one.next_sync_at <= utcnow() for one in items())


def fetched_rounds(connected, monkeypatch, note):
    """What ``note`` says of the batches of each round, before it is fetched."""
    noted, fetch = [], Fetcher.fetch

    def noting(fetcher, batches):
        noted.append(note(batches))
        return fetch(fetcher, batches)

    monkeypatch.setattr(Fetcher, "fetch", noting)
    connected.fetch()
    return noted


def test_a_piece_is_fetched_before_the_next_one_is_made_due(five, monkeypatch):
    """Else an org of 300,000 items would fetch nothing for as long as all are made due."""
    since = save_a_token(five)
    left = fetched_rounds(
        five, monkeypatch, lambda _: len([one for one in items() if one.changed_at < since])
    )
    assert left[0] == 3


def test_a_call_takes_along_what_the_new_token_has_not_read(five, monkeypatch):
    """Pieces follow the time of the last change: one may have an item each of many projects."""
    save_a_token(five)
    sizes = fetched_rounds(five, monkeypatch, lambda batches: [len(one.items) for one in batches])
    assert sizes[0] == [5]
