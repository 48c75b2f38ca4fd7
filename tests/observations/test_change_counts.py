"""Changes by webhook and changes found by polling are counted separately."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.messages import summary
from gitlab_links.jobs.functions import clean
from gitlab_links.observations.models import GitLabChangeCount
from gitlab_links.pasting.changes import attach
from tests.observations.conftest import repair


@pytest.fixture
def hooked(connected):
    """The org, whose project has a hook created by this service."""
    repair(connected)
    connected.work()
    return connected


def counts(org):
    found = org.watched()
    return found.changes_by_webhook, found.changes_by_sweep


def edit(org, number=0, **changes):
    org.gitlab.state.items.edit(org.issues[number], **changes)


def drop(org, **how):
    for name, value in how.items():
        setattr(org.gitlab.state.faults.webhooks, name, value)


@pytest.mark.differs_by_database
def test_a_change_by_webhook_is_counted_once(hooked):
    edit(hooked, title="Told")
    hooked.work()
    hooked.sweep()
    hooked.watch()

    assert counts(hooked) == (1, 0)


def test_a_change_without_an_event_is_counted_after_a_while(hooked, clock):
    drop(hooked, drop_next=1)
    edit(hooked, title="No event")
    hooked.work()
    hooked.sweep()
    hooked.watch()
    assert counts(hooked) == (0, 0), "its event may be under way"

    clock.advance(31)
    hooked.watch()
    assert counts(hooked) == (0, 1)
    clock.advance(31)
    hooked.watch()
    assert counts(hooked) == (0, 1)


def test_an_event_after_the_sweep_still_counts_as_the_source(hooked, clock):
    drop(hooked, delay=0.3)
    edit(hooked, title="Told late")
    hooked.sweep()
    hooked.work()
    clock.advance(31)
    hooked.watch()

    assert counts(hooked) == (1, 0)


def test_a_delivery_that_waits_for_a_worker_is_not_missed(hooked, clock):
    drop(hooked, drop_next=1)
    edit(hooked, title="No event yet")
    hooked.sweep()
    hooked.factory.delivery(hooked.org, status="received", due_at=utcnow())
    clock.advance(31)
    hooked.watch()
    assert counts(hooked) == (0, 0)

    hooked.work()
    hooked.watch()
    assert counts(hooked) == (0, 1)


def test_a_change_that_events_never_have_is_not_missed(hooked, clock):
    drop(hooked, drop_every=1)
    hooked.gitlab.state.items.comment(hooked.issues[0], "A comment moves its time", by="dana")
    hooked.sweep()
    clock.advance(31)
    hooked.watch()

    assert counts(hooked) == (0, 0)


def test_a_first_fetch_is_no_change(connected, clock):
    clock.advance(31)
    connected.watch()

    assert counts(connected) == (0, 0)


def link(org, issue):
    with org.app.app_context():
        task = org.factory.task(org.org)
        attach(org.admin, task.id, org.gitlab.state.urls.item(issue))
        db.session.commit()


def test_an_event_that_comes_before_the_first_fetch_leaves_nothing_missed(hooked, clock):
    """The body of a comment names no assignee; the fetch that it requests does."""
    items = hooked.gitlab.state.items
    busy = items.add_issue(hooked.project, title="Busy", author="dana", assignees=["dana"])
    hooked.work()
    link(hooked, busy)
    items.comment(busy, "Linked to our task board.", by="dana")
    hooked.work()
    clock.advance(31)
    hooked.watch()

    assert counts(hooked)[1] == 0
    assert hooked.codes() == []


def test_a_change_found_by_a_fetch_for_an_event_is_not_missed(hooked, clock):
    """The comment's body names no assignee, and nobody knows whether another event did."""
    items = hooked.gitlab.state.items
    drop(hooked, drop_next=1)
    edit(hooked, assignees=["dana"])
    clock.advance(2)
    items.comment(hooked.issues[0], "Mine now", by="dana")
    hooked.work()
    clock.advance(31)
    hooked.watch()

    assert counts(hooked)[1] == 0
    assert hooked.codes() == []


def test_a_change_that_is_lost_after_an_event_was_applied_is_missed(hooked, clock):
    edit(hooked, title="Told")
    hooked.work()
    drop(hooked, drop_next=1)
    edit(hooked, title="No event")
    hooked.sweep()
    clock.advance(31)
    hooked.watch()

    assert counts(hooked) == (1, 1)


def test_a_project_whose_changes_come_only_by_sweep_is_flagged(hooked, clock):
    drop(hooked, drop_every=1)
    clock.advance(2 * 3600)
    for number in (0, 1):
        edit(hooked, number, title=f"No event {number}")
    hooked.sweep()
    clock.advance(31)
    hooked.watch()

    (finding,) = hooked.health().findings
    assert (finding.code, finding.severity) == ("changes_only_by_sweep", "critical")
    assert "found only by polling" in summary(finding)
    assert counts(hooked) == (0, 2)

    drop(hooked, drop_every=0)
    edit(hooked, 2, title="Told again")
    hooked.work()
    hooked.watch()
    assert "changes_only_by_sweep" not in hooked.codes()


def test_a_gitlab_that_loses_every_third_event_is_reported_within_a_minute(hooked, clock):
    hooked.gitlab.state.faults.webhooks.seen = 0
    drop(hooked, drop_every=3)
    for number in (0, 1, 2):
        edit(hooked, number, title=f"Changed {number}")
    hooked.work()
    hooked.sweep()
    clock.advance(31)
    hooked.watch()

    (finding,) = hooked.health().findings
    assert (finding.code, finding.detail["by_webhook"], finding.detail["by_sweep"]) == (
        "events_missed",
        2,
        1,
    )
    assert summary(finding) == (
        "ships/engine: some events do not arrive. 1 of 3 changes in 7 days were found only by "
        "polling."
    )


def test_a_missed_change_has_the_hook_checked_at_once(hooked, clock):
    clock.advance(60)
    hooked.watch()
    (hook,) = hooked.gitlab.state.hooks.of(hooked.project)
    hook.recent_failures = 40
    edit(hooked, title="No event: the hook is off")
    hooked.gitlab.state.calls.reset()
    hooked.sweep()
    clock.advance(31)
    hooked.watch()

    assert hooked.gitlab.state.calls.total("/hooks") == 1
    assert "hook_disabled" in hooked.codes()


def test_events_of_unlinked_items_show_that_the_hook_works(hooked):
    before = hooked.watched().last_event_at
    hooked.gitlab.state.items.add_issue(hooked.project, title="Unlinked", author="dana")
    hooked.work()

    assert hooked.watched().last_event_at > before
    assert counts(hooked) == (0, 0)


def test_counts_of_a_month_ago_are_deleted(hooked, clock):
    edit(hooked, title="Told")
    hooked.work()
    assert counts(hooked) == (1, 0)
    clock.advance(8 * 86_400)
    assert counts(hooked) == (0, 0), "shown are 7 days"
    clock.advance(31 * 86_400)
    with hooked.app.app_context():
        clean()
        assert db.session.scalars(db.select(GitLabChangeCount)).all() == []
