"""Changes that came by webhook and those only a sweep has found are told apart."""

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.words import summary
from gitlab_links.http.hooks import repair_now
from gitlab_links.webhooks.models import GitLabWebhookDelivery


def counts(connected):
    found = connected.watched()
    return found.changes_by_webhook, found.changes_by_sweep


def hooked(connected):
    with connected.app.app_context():
        repair_now(connected.admin, connected.project_id)
    connected.work()


def edit(connected, number=0, **changes):
    connected.gitlab.state.items.edit(connected.issues[number], **changes)


def drop(connected, **how):
    for name, value in how.items():
        setattr(connected.gitlab.state.faults.webhooks, name, value)


def test_a_change_that_an_event_told_is_counted_once(connected):
    hooked(connected)
    edit(connected, title="Told")
    connected.work()
    connected.sweep()
    connected.watch()

    assert counts(connected) == (1, 0)


def test_a_change_that_no_event_told_is_counted_after_a_while(connected, clock):
    hooked(connected)
    drop(connected, drop_next=1)
    edit(connected, title="Not told")
    connected.work()
    connected.sweep()
    connected.watch()
    assert counts(connected) == (0, 0), "its event may be under way"

    clock.advance(31)
    connected.watch()
    assert counts(connected) == (0, 1)
    clock.advance(31)
    connected.watch()
    assert counts(connected) == (0, 1)


def test_an_event_that_comes_after_the_sweep_has_told_the_change_all_the_same(connected, clock):
    hooked(connected)
    drop(connected, delay=0.3)
    edit(connected, title="Told late")
    connected.sweep()
    connected.work()
    clock.advance(31)
    connected.watch()

    assert counts(connected) == (1, 0)


def test_what_waits_for_a_worker_is_not_missed(connected, clock):
    hooked(connected)
    drop(connected, drop_next=1)
    edit(connected, title="Not told yet")
    connected.sweep()
    connected.factory.add(
        GitLabWebhookDelivery(
            org_id=connected.org.id,
            status="received",
            due_at=utcnow(),
            size_bytes=2,
            payload=b"{}",
            payload_sha256="0" * 64,
            headers={},
        )
    )
    clock.advance(31)
    connected.watch()
    assert counts(connected) == (0, 0)

    connected.work()
    connected.watch()
    assert counts(connected) == (0, 1)


def test_what_events_do_not_tell_is_no_missed_change(connected, clock):
    hooked(connected)
    drop(connected, drop_every=1)
    connected.gitlab.state.items.comment(connected.issues[0], "A comment moves its time", by="dana")
    connected.sweep()
    clock.advance(31)
    connected.watch()

    assert counts(connected) == (0, 0)


def test_a_first_fetch_is_no_change(connected, clock):
    clock.advance(31)
    connected.watch()

    assert counts(connected) == (0, 0)


def test_a_project_whose_changes_come_only_by_sweep_is_flagged(connected, clock):
    hooked(connected)
    drop(connected, drop_every=1)
    clock.advance(2 * 3600)
    for number in (0, 1):
        edit(connected, number, title=f"Not told {number}")
    connected.sweep()
    clock.advance(31)
    connected.watch()

    (finding,) = connected.health().findings
    assert (finding.code, finding.severity) == ("changes_only_by_sweep", "critical")
    assert "found only by looking" in summary(finding)
    assert counts(connected) == (0, 2)

    drop(connected, drop_every=0)
    edit(connected, 2, title="Told again")
    connected.work()
    connected.watch()
    assert "changes_only_by_sweep" not in connected.codes()


def test_a_gitlab_that_loses_every_third_event_is_told_within_a_minute_of_the_sweep(
    connected, clock
):
    hooked(connected)
    connected.gitlab.state.faults.webhooks.seen = 0
    drop(connected, drop_every=3)
    for number in (0, 1, 2):
        edit(connected, number, title=f"Changed {number}")
    connected.work()
    connected.sweep()
    clock.advance(31)
    connected.watch()

    (finding,) = connected.health().findings
    assert (finding.code, finding.detail["by_webhook"], finding.detail["by_sweep"]) == (
        "events_missed",
        2,
        1,
    )
    assert summary(finding) == (
        "ships/engine: some events do not arrive: 1 of 3 changes in 7 days were found only by "
        "looking."
    )


def test_a_missed_change_has_the_hook_looked_at_at_once(connected, clock):
    hooked(connected)
    clock.advance(60)
    connected.watch()
    (hook,) = connected.gitlab.state.hooks.of(connected.project)
    hook.recent_failures = 40
    edit(connected, title="Not told: the hook is off")
    connected.gitlab.state.calls.reset()
    connected.sweep()
    clock.advance(31)
    connected.watch()

    assert connected.gitlab.state.calls.total("/hooks") == 1
    assert "hook_disabled" in connected.codes()


def test_events_of_items_that_nobody_links_tell_that_the_hook_works(connected):
    hooked(connected)
    before = connected.watched().last_event_at
    connected.gitlab.state.items.add_issue(connected.project, title="Unlinked", author="dana")
    connected.work()

    assert connected.watched().last_event_at > before
    assert counts(connected) == (0, 0)


def test_counts_of_a_month_ago_are_forgotten(connected, clock):
    hooked(connected)
    edit(connected, title="Told")
    connected.work()
    clock.advance(8 * 86_400)
    assert counts(connected) == (0, 0), "shown are 7 days"
    clock.advance(31 * 86_400)
    from gitlab_links.hooks.models import GitLabChangeCount
    from gitlab_links.jobs.functions import clean

    with connected.app.app_context():
        clean()
        assert db.session.scalars(db.select(GitLabChangeCount)).all() == []
