"""Lists of changes against a GitLab that speaks HTTP: calls grow with what changed."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from gitlab_links.clock import utcnow
from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.demo.gitlab import server
from gitlab_links.extensions import db
from gitlab_links.jobs.health_checks import find_due_checks
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.observations.models import GitLabProjectWatch
from tests.hanging import HANGS
from tests.jobs.conftest import queued

TTL = 300


@pytest.fixture
def issues(connected):
    project = connected.project()
    return [connected.issue(project, f"Issue {n}") for n in range(3)]


@pytest.fixture
def links(connected, issues, clock):
    """Linked and fetched, and read about twice: the second list proves what the first began."""
    links = connected.link_all(issues)
    connected.fetch()
    pass_ttl(connected, clock)
    connected.make_due()
    connected.fetch()
    pass_ttl(connected, clock)
    connected.fetch()
    connected.gitlab.state.calls.reset()
    return links


def pass_ttl(connected, clock):
    """To when the next list is due, and no item yet."""
    db.session.rollback()
    due = db.session.scalar(select(GitLabDeltaMark.due_at).order_by(GitLabDeltaMark.due_at))
    db.session.rollback()
    clock.advance((due - utcnow()).total_seconds())


def mark():
    db.session.expire_all()
    found = db.session.scalars(select(GitLabDeltaMark)).one()
    db.session.expunge(found)
    db.session.rollback()
    return found


def test_one_list_proves_that_nothing_changed(connected, links, clock):
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.calls() == 1
    views = [connected.view(link) for link in links]
    assert {view.sync.last_synced_at for view in views} == {mark().proven_at}
    assert mark().proven_at == utcnow()
    assert [view.title for view in views] == ["Issue 0", "Issue 1", "Issue 2"]


@pytest.mark.differs_by_database
def test_a_change_is_found_by_its_time(connected, issues, links, clock):
    connected.gitlab.state.items.edit(issues[1], title="Paper tears", notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.calls() == 1
    assert [connected.view(link).title for link in links] == ["Issue 0", "Paper tears", "Issue 2"]
    assert mark().changes == 1


def test_what_is_not_linked_is_passed_over(connected, issues, links, clock):
    connected.issue(issues[0].project, "Nobody's")
    pass_ttl(connected, clock)
    connected.fetch()
    assert (connected.calls(), mark().changes) == (1, 1)
    assert db.session.query(GitLabItem).count() == 3


def test_what_mentions_a_task_is_linked_at_no_further_call(connected, issues, links, clock):
    """Its webhook was lost, and no task links it yet."""
    task = connected.factory.task(connected.org)
    key = f"{connected.org.task_key}-{task.number}"
    connected.issue(issues[0].project, f"Fixes {key}", description="x", notify=False)
    connected.issue(issues[0].project, f"{connected.org.task_key}-999", notify=False)
    connected.gitlab.state.items.edit(issues[1], description=key, notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.calls() == 1
    found = db.session.execute(
        select(GitLabItem.title, TaskGitLabLink.closes, TaskGitLabLink.made_by_person)
        .join(TaskGitLabLink, TaskGitLabLink.item_id == GitLabItem.id)
        .where(TaskGitLabLink.task_id == task.id)
        .order_by(GitLabItem.iid)
    ).all()
    assert found == [("Issue 1", False, False), (f"Fixes {key}", True, False)]


@pytest.mark.parametrize("skew", [-5400, 5400])
def test_gitlabs_clock_counts_and_not_ours(connected, clock, skew):
    connected.gitlab.state.clock.advance(skew)
    issue = connected.issue(connected.project())
    link = connected.link(issue)
    connected.fetch()
    for title in ("Paper tears", "Paper jams again", "Paper is out"):
        pass_ttl(connected, clock)
        connected.gitlab.state.items.edit(issue, title=title, notify=False)
        connected.fetch()
        assert connected.view(link).title == title
    assert (
        abs(mark().seen_until - utcnow() - timedelta(seconds=min(skew, 0))).total_seconds() < HANGS
    )


def test_a_clock_of_gitlab_that_is_set_back_leaves_no_change_unseen(
    connected, issues, links, clock
):
    connected.gitlab.state.clock.advance(-5400)
    now = connected.gitlab.state.clock.now()
    connected.gitlab.state.items.edit(issues[0], title="Paper tears", at=now, notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links[0]).title == "Paper tears"
    assert mark().seen_until < utcnow() - timedelta(seconds=5300)


@pytest.mark.parametrize("was_blind", [False, True])
def test_a_time_of_the_future_hides_no_change_where_a_proxy_spoils_gitlabs_date(
    connected, issues, links, clock, monkeypatch, was_blind
):
    """GitLab lets the owner of a project write the time of an issue. Before, one of the future
    was taken for how far the changes are known.
    """
    monkeypatch.setattr(server._Handler, "date_time_string", lambda *_: "unknown")
    next_year = utcnow() + timedelta(days=365)
    connected.gitlab.state.items.edit(issues[0], title="Later", notify=False)
    issues[0].updated_at = next_year
    if was_blind:
        db.session.execute(update(GitLabDeltaMark).values(seen_until=next_year))
        db.session.commit()
    for title in ("Paper tears", "Ink dries"):
        pass_ttl(connected, clock)
        connected.fetch()
        assert mark().seen_until <= utcnow()
        connected.gitlab.state.items.edit(issues[1], title=title, notify=False)
        pass_ttl(connected, clock)
        connected.fetch()
        assert connected.view(links[1]).title == title
    assert connected.view(links[0]).title == "Later"


def test_a_change_that_is_committed_late_is_found(connected, issues, links, clock):
    pass_ttl(connected, clock)
    late = connected.gitlab.state.clock.now() - timedelta(seconds=90)
    connected.fetch()
    connected.gitlab.state.items.edit(issues[2], title="Committed late", at=late, notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links[2]).title == "Committed late"


@pytest.mark.slow
def test_a_closed_item_is_proven_unchanged_by_each_list_since_its_fetch(
    connected, issues, links, clock
):
    connected.gitlab.state.items.close(issues[0])
    pass_ttl(connected, clock)
    connected.fetch()
    connected.gitlab.state.calls.reset()
    for _ in range(20):
        pass_ttl(connected, clock)
        connected.fetch()
    assert connected.view(links[0]).state == "closed"
    assert connected.calls() == 20
    connected.gitlab.state.items.edit(issues[0], title="Closed, and renamed", notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links[0]).title == "Closed, and renamed"


@pytest.mark.slow
def test_each_item_is_fetched_once_a_day_all_the_same(connected, issues, links, clock, make_app):
    fetch_for_a_day(connected, issues, links, clock, make_app, ttl=3600)


@pytest.mark.slow
@pytest.mark.only_on("sqlite")  # hundreds of lists more of the same
def test_each_item_is_fetched_once_a_day_however_short_the_ttl(
    connected, issues, links, clock, make_app
):
    fetch_for_a_day(connected, issues, links, clock, make_app, ttl=TTL)


def fetch_for_a_day(connected, issues, links, clock, make_app, *, ttl):
    issues[0].labels = [connected.gitlab.state.projects.label(issues[0].project, "renamed")]
    until = utcnow() + timedelta(hours=24)
    with make_app(metadata_ttl=ttl).app_context():
        while utcnow() < until:
            pass_ttl(connected, clock)
            connected.fetch()
        assert [label["name"] for label in connected.view(links[0]).labels] == ["renamed"]
    calls = connected.gitlab.state.calls
    lists = 24 * 3600 / (ttl * 0.8 * 0.95)
    assert connected.calls() <= lists + 3
    assert calls.total("/issues") == connected.calls()


def test_an_item_that_a_list_should_have_is_fetched_and_found_gone(connected, issues, links, clock):
    connected.gitlab.state.items.edit(issues[1], title="Last words", notify=False)
    connected.make_due()
    connected.fetch()
    connected.gitlab.state.items.delete(issues[1])
    clock.advance(1)
    mark_due()
    connected.fetch()
    assert connected.view(links[1]).sync.error_code == "not_found"
    assert connected.view(links[0]).sync.error_code is None


def test_a_webhook_that_gitlab_denies_is_not_proven_by_a_list(connected, issues, links, clock):
    """The list lacks the change, so the item is not unchanged but in doubt."""
    forged = {"unconfirmed_since": utcnow(), "unconfirmed_updated_at": utcnow()}
    item = connected.item(links[0])
    db.session.execute(update(GitLabItem).where(GitLabItem.id == item.id).values(forged))
    db.session.commit()
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.item(links[0]).last_synced_at < connected.item(links[1]).last_synced_at


def test_a_failure_moves_no_mark_and_items_are_fetched_instead(connected, issues, links, clock):
    before = mark()
    connected.gitlab.state.faults.answer("status", status=500, times=None, route="/issues")
    pass_ttl(connected, clock)
    connected.fetch()
    failed = mark()
    assert (failed.seen_until, failed.proven_at) == (before.seen_until, before.proven_at)
    assert failed.failures == 1
    assert connected.item(links[0]).last_synced_at == before.proven_at


def test_what_was_not_current_before_a_list_is_not_proven_by_it(connected, issues, links, clock):
    late = connected.link(connected.issue(issues[0].project, "Linked later"))
    connected.fetch()
    fetched = connected.item(late).last_synced_at
    db.session.execute(update(GitLabItem).values(last_synced_at=fetched - timedelta(days=2)))
    db.session.commit()
    pass_ttl(connected, clock)
    connected.gitlab.state.calls.reset()
    connected.fetch()
    assert connected.item(links[0]).last_synced_at < utcnow() - timedelta(days=1)


def test_the_sweep_triggers_a_list_that_is_due(connected, links, clock, redis):
    redis.flushdb()
    sweep()
    assert queued(redis, "fetches") == 0
    pass_ttl(connected, clock)
    sweep()
    assert queued(redis, "fetches") == 1


def test_a_list_waits_while_the_budget_of_the_rate_limit_is_used_up(connected, links, clock):
    pass_ttl(connected, clock)
    integration = connected.integration()
    integration.rate_limit, integration.rate_limit_remaining = 10, 4
    integration.rate_limit_reset_at = utcnow() + timedelta(seconds=50)
    db.session.merge(integration)
    db.session.commit()
    connected.fetch()
    assert connected.calls() == 0
    assert mark().due_at > utcnow() + timedelta(seconds=40)


def mark_due():
    db.session.execute(update(GitLabDeltaMark).values(due_at=utcnow()))
    db.session.commit()


def test_a_watched_project_without_links_is_read_for_mentions(connected, clock):
    project = connected.project("acme/watched")
    row = connected.factory.gitlab_project(
        connected.org,
        base_url=connected.gitlab.url,
        gitlab_id=project.id,
        path=project.path_with_namespace,
    )
    connected.factory.add(
        GitLabProjectWatch(org_id=connected.org.id, project_id=row.id, picked_at=utcnow())
    )
    find_due_checks()
    task = connected.factory.task(connected.org)
    clock.advance(60)
    connected.issue(project, f"{connected.org.task_key}-{task.number}", notify=False)
    clock.advance(TTL)
    connected.fetch()
    found = db.session.scalars(select(TaskGitLabLink.task_id)).all()
    assert found == [task.id]
