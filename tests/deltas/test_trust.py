"""Webhooks that are proven to arrive: changes are read every hour, and one miss ends that."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from gitlab_links.clock import utcnow
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.deltas.trust import ENOUGH_CHANGES, trusted_projects
from gitlab_links.extensions import db
from gitlab_links.jobs.health_checks import find_due_checks
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.links.link_filters import LinkFilter
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.links.queries import links_page
from gitlab_links.observations.change_counts import count_changes
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.observations.project_watches import note_events, note_missed
from tests.deltas.test_deltas import pass_ttl


@pytest.fixture
def proven(connected, clock):
    """A linked issue of a project, whose webhook works and has brought many changes."""
    issue = connected.issue(connected.project())
    link = connected.link(issue)
    connected.fetch()
    for _ in range(2):
        pass_ttl(connected, clock)
        connected.fetch()
    prove(connected, ENOUGH_CHANGES)
    pass_ttl(connected, clock)
    connected.fetch()
    connected.gitlab.state.calls.reset()
    return issue, link


def prove(connected, changes):
    """What deliveries and the check of the webhook record."""
    project = db.session.scalars(select(GitLabProject.id)).one()
    note_events(connected.org.id, {project: (utcnow(), "project")}, utcnow())
    count_changes(connected.org.id, "by_webhook", {project: changes}, utcnow().date())
    db.session.execute(update(GitLabProjectWatch).values(state=HookState.OK.value))
    db.session.commit()
    return project


def next_reading():
    found = db.session.scalar(select(func.min(GitLabDeltaMark.due_at)))
    db.session.rollback()
    return found - utcnow()


@pytest.mark.differs_by_database
def test_proven_webhooks_stretch_the_interval_and_the_items_stay_fresh(connected, proven, clock):
    assert next_reading() > timedelta(minutes=50)
    clock.advance(3000)
    connected.fetch()
    assert connected.calls() == 0
    for status in (SyncStatus.OK, SyncStatus.STALE):
        found = links_page(connected.org.id, LinkFilter(sync_status=status))
        assert len(found) == (status is SyncStatus.OK)
    assert connected.view(proven[1]).sync.status == "ok"


def test_an_item_that_is_due_after_its_webhook_waits_for_the_next_reading(connected, proven, clock):
    db.session.execute(update(GitLabItem).values(next_sync_at=utcnow()))
    db.session.commit()
    connected.fetch()
    assert connected.calls() == 0
    assert connected.item(proven[1]).next_sync_at > utcnow() + timedelta(minutes=50)


@pytest.mark.differs_by_database
def test_one_missed_event_brings_the_ttl_back_at_once(connected, proven, clock):
    issue, link = proven
    project = db.session.scalars(select(GitLabProject.id)).one()
    note_missed(connected.org.id, [project], utcnow())
    db.session.commit()
    connected.gitlab.state.items.edit(issue, title="Paper tears", notify=False)
    find_due_checks()
    assert connected.view(link).sync.status == "ok"
    connected.fetch()
    assert connected.view(link).title == "Paper tears"
    assert next_reading() < timedelta(seconds=300)


def test_a_webhook_that_gitlab_calls_disabled_is_relied_on_no_more(connected, proven, clock):
    db.session.execute(update(GitLabProjectWatch).values(state=HookState.DISABLED.value))
    db.session.commit()
    find_due_checks()
    assert next_reading() <= timedelta()
    assert db.session.scalar(select(GitLabProject.trusted_until)) is None


def test_few_changes_prove_nothing(connected, clock):
    connected.link(connected.issue(connected.project()))
    connected.fetch()
    project = prove(connected, ENOUGH_CHANGES - 1)
    assert trusted_projects(connected.org.id, utcnow()) == frozenset()
    count_changes(connected.org.id, "by_webhook", {project: 1}, utcnow().date())
    assert trusted_projects(connected.org.id, utcnow()) == {project}
    count_changes(connected.org.id, "by_sweep", {project: 1}, utcnow().date())
    assert trusted_projects(connected.org.id, utcnow()) == frozenset()


def test_an_item_is_stale_when_the_reading_does_not_come(connected, proven, clock):
    clock.advance(3600 + 301)
    assert connected.view(proven[1]).sync.status == "stale"
