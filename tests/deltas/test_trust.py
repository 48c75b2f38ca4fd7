"""Webhooks that are proven to arrive: changes are read every hour, and one miss ends that."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from gitlab_links.clock import utcnow
from gitlab_links.deltas.call_costs import ReadBy, call_costs_of
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.deltas.trust import ENOUGH_CHANGES, Because, trusted_projects
from gitlab_links.extensions import db
from gitlab_links.jobs.health_checks import find_due_checks, run_checks
from gitlab_links.links.freshness import SyncStatus
from gitlab_links.links.link_filters import LinkFilter
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.links.queries import links_page
from gitlab_links.observations.change_counts import count_changes
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.models import GitLabProjectWatch
from gitlab_links.observations.project_watches import note_events, note_missed
from gitlab_links.ops.metric_sources import projects_read
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


def call_costs(connected):
    found = call_costs_of(connected.org.id, connected.integration(), utcnow(), 300)
    [project] = found.projects
    return project


def counted(costs):
    """The calls since yesterday: midnight may come within a test."""
    return costs.calls_yesterday + costs.calls_today


def test_it_is_said_how_a_project_is_read_and_why_and_what_it_cost(connected, proven, clock):
    before = call_costs(connected)
    assert (before.by, before.because) == (ReadBy.LIST, Because.PROVEN)
    assert (before.every_seconds, before.error_code) == (3600, None)
    clock.advance(3700)
    connected.fetch()
    assert counted(call_costs(connected)) == counted(before) + connected.calls()
    note_missed(connected.org.id, [before.project_id], utcnow())
    find_due_checks()
    after = call_costs(connected)
    assert (after.because, after.every_seconds) == (Because.MISSED, 264)
    clock.advance(86_400)
    assert call_costs(connected).calls_yesterday == after.calls_today
    clock.advance(7 * 86_400)
    assert call_costs(connected).because is Because.SILENT


def test_a_hook_that_loses_events_is_checked_once_an_hour(connected, proven, clock):
    project = db.session.scalars(select(GitLabProject.id)).one()

    def checks_after(seconds, *, missed=True):
        clock.advance(seconds)
        if missed:
            note_missed(connected.org.id, [project], utcnow())
            db.session.commit()
        run_checks(connected.org.id)
        return connected.gitlab.state.calls.total("/hooks")

    assert checks_after(1) == 1
    assert checks_after(600) == 1
    assert checks_after(1500) == 1
    assert checks_after(1500, missed=False) == 2


def test_metrics_count_projects_by_how_they_are_read(connected, proven, clock):
    counts = {"every_ttl": 0, "every_hour": 0, "by_item": 0}
    assert projects_read(utcnow()) == counts | {"every_hour": 1}
    assert projects_read(utcnow() + timedelta(hours=2)) == counts | {"every_ttl": 1}
    db.session.rollback()
    connected.link(connected.issue(connected.project("acme/third")))
    connected.fetch()
    assert projects_read(utcnow()) == counts | {"every_hour": 1, "by_item": 1}
