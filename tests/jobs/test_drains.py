"""Draining: every delivery once, a poisonous one alone, few jobs for a flood."""

import threading
from datetime import timedelta

import pytest
import structlog
from rq.timeouts import JobTimeoutException
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.deliveries.processing import process
from gitlab_links.deliveries.replay import replay
from gitlab_links.extensions import db
from gitlab_links.job_triggers import JobKind
from gitlab_links.jobs import drains
from gitlab_links.jobs.drains import drain_slice
from tests.deliveries.conftest import deliveries
from tests.gitlab import bodies
from tests.jobs.conftest import drain_all, queued


def statuses():
    found = [one.status for one in deliveries()]
    db.session.rollback()
    return found


def test_a_slice_takes_everything_that_is_due_in_batches(org, receive, app_context, redis):
    for _ in range(250):
        receive(bodies.issue())
    drain_all(org.id)
    assert statuses() == ["processed"] * 250
    assert not redis.exists(JobKind.DRAIN.flag(org.id))


def test_what_is_left_when_time_is_up_triggers_again(
    org,
    receive,
    app_context,
    redis,
    monkeypatch,
):
    receive(bodies.issue())
    redis.flushdb()
    monkeypatch.setattr(drains, "SLICE_SECONDS", -1)
    drain_slice(org.id)
    assert statuses() == ["received"]
    assert queued(redis, "deliveries") == 1


def test_the_events_of_a_burst_are_published_by_a_job_after_its_last_batch(
    org, factory, receive, app_context, redis, monkeypatch
):
    project = factory.gitlab_project(org, gitlab_id=bodies.PROJECT["id"])
    factory.link(factory.task(org), factory.gitlab_item(project, iid=17))
    order = []
    real = drains.process

    def note(*args, **options):
        order.append("batch")
        return real(*args, **options)

    monkeypatch.setattr(drains, "process", note)
    monkeypatch.setattr(drains, "trigger", lambda kind, _: order.append(kind))
    for title in ("one", "two"):
        receive(bodies.issue(attributes={"title": title}))
    drain_slice(org.id)
    assert order == ["batch", JobKind.PUBLISH]
    assert not redis.exists(JobKind.PUBLISH.flag(org.id))


def test_what_comes_in_while_a_slice_ends_is_processed_or_triggered(
    org,
    receive,
    app_context,
    redis,
    monkeypatch,
):
    """Triggers are allowed before the last check: between the two nothing can be missed."""
    real = drains.allow_triggers

    def at_the_worst_moment(kind, org_id):
        receive(bodies.issue())  # finds triggers suppressed
        real(kind, org_id)

    monkeypatch.setattr(drains, "allow_triggers", at_the_worst_moment)
    receive(bodies.issue())
    redis.flushdb()
    drain_slice(org.id)
    assert statuses() == ["processed", "received"]
    assert queued(redis, "deliveries") == 1


@pytest.fixture
def poison(monkeypatch):
    """Makes the processing of bodies with this title fail, for whatever reason it is given."""
    real = drains.process

    def choose(error):
        def process(org_id, batch, **rest):
            if any(b"poison" in one.payload for one in batch):
                raise error
            return real(org_id, batch, **rest)

        monkeypatch.setattr(drains, "process", process)

    return choose


def test_a_poisonous_delivery_harms_no_other_and_is_tried_again_later(
    org,
    receive,
    app_context,
    poison,
    clock,
):
    poison(RuntimeError("out of order"))
    for title in ("one", "poison", "two"):
        receive(bodies.issue(attributes={"title": title}))
    drain_slice(org.id)
    assert statuses() == ["processed", "received", "processed"]
    bad = deliveries()[1]
    assert (bad.error_code, bad.attempts) == ("processing_error", 1)
    assert timedelta(seconds=3) < bad.due_at - utcnow() <= timedelta(seconds=6)


def test_a_poisonous_delivery_ends_as_failed_and_a_replay_works_after_a_fix(
    org,
    factory,
    receive,
    app_context,
    poison,
    monkeypatch,
):
    admin = factory.principal(org, Role.ADMIN)
    poison(RuntimeError("out of order"))
    receive(bodies.issue(attributes={"title": "poison"}))
    for _ in range(8):
        make_due()
        drain_slice(org.id)
    (failed,) = deliveries()
    assert (failed.status, failed.attempts, failed.due_at) == ("failed", 8, None)
    monkeypatch.undo()
    replay(admin, failed.id)
    db.session.commit()
    drain_slice(org.id)
    assert statuses() == ["processed"]


def make_due():
    db.session.rollback()
    table = GitLabWebhookDelivery.__table__
    db.session.execute(update(table).where(table.c.due_at.is_not(None)).values(due_at=utcnow()))
    db.session.commit()


@pytest.mark.parametrize(
    "error", [OperationalError("SELECT 1", {}, Exception("gone")), JobTimeoutException("late")]
)
def test_what_is_no_fault_of_the_delivery_is_left_to_the_lease(
    org,
    receive,
    app_context,
    poison,
    error,
    clock,
):
    poison(error)
    receive(bodies.issue(attributes={"title": "poison"}))
    with pytest.raises(type(error)):
        drain_slice(org.id)
    db.session.rollback()
    (left,) = deliveries()
    assert (left.status, left.error_code, left.attempts) == ("processing", None, 1)
    assert timedelta(seconds=20) < left.due_at - utcnow() <= timedelta(seconds=30)


def test_the_loser_of_a_deadlock_is_processed_again_at_once(
    org, receive, app_context, redis, monkeypatch
):
    receive(bodies.issue())
    losses = [OperationalError("UPDATE", {}, Exception("deadlock detected"))]

    def lose_once(*args, **options):
        if losses:
            raise losses.pop()
        return process(*args, **options)

    monkeypatch.setattr(drains, "process", lose_once)
    drain_slice(org.id)
    (done,) = deliveries()
    assert (done.status, done.attempts) == ("processed", 1)


def test_effect_and_state_change_commit_together(
    org,
    factory,
    receive,
    app_context,
    monkeypatch,
):
    """A worker that dies just before its commit leaves neither."""
    from gitlab_links.links.models import GitLabItem

    project = factory.gitlab_project(
        org, base_url="https://gitlab.example.com", gitlab_id=42, path="ships/engine"
    )
    item = factory.gitlab_item(project, iid=17)
    receive(bodies.issue())
    real = drains.process

    def die(*arguments, **rest):
        real(*arguments, **rest)
        db.session.flush()
        raise SystemExit

    monkeypatch.setattr(drains, "process", die)
    with pytest.raises(SystemExit):
        drain_slice(org.id)
    db.session.rollback()
    assert db.session.get_one(GitLabItem, item.id, populate_existing=True).title is None
    assert statuses() == ["processing"]


def test_drains_of_one_org_at_once_process_each_delivery_once(
    app,
    org,
    receive,
    app_context,
    monkeypatch,
):
    for _ in range(300):
        receive(bodies.issue())
    real, seen = drains.process, []

    def note(org_id, batch, **rest):
        seen.extend(one.id for one in batch)
        real(org_id, batch, **rest)

    monkeypatch.setattr(drains, "process", note)
    start = threading.Barrier(6)

    def work():
        with app.app_context():
            start.wait()
            drain_all(org.id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(one.id for one in deliveries())
    db.session.rollback()
    assert statuses() == ["processed"] * 300


def test_a_flood_costs_few_jobs(org, receive, app_context, redis):
    """Each webhook triggers; a job is queued or busy nearly all the time."""
    jobs = 0
    for number in range(300):
        receive(bodies.issue())
        if number % 50 == 49:
            jobs += queued(redis, "deliveries")
            redis.delete("rq:queue:deliveries")
            drain_all(org.id)
    assert jobs <= 6
    waiting = select(func.count()).where(GitLabWebhookDelivery.status != "processed")
    assert db.session.scalar(waiting) == 0


def test_bodies_that_say_all_cost_no_call_to_gitlab(connected):
    """Only the first fetch of new links is needed, whatever comes in afterwards."""
    from gitlab_links.deliveries.intake import accept
    from gitlab_links.http.transactions import single_write
    from gitlab_links.integrations.webhook_secrets import hash_webhook_secret

    projects = [connected.project(f"acme/p{number}") for number in range(5)]
    issues = [
        connected.issue(project, f"Issue {number}") for project in projects for number in range(5)
    ]
    links = [connected.link(issue) for issue in issues]
    connected.fetch()
    before = connected.calls()
    digest = hash_webhook_secret(connected.org.id, "secret")
    db.session.execute(
        db.text("UPDATE org_gitlab_integrations SET webhook_secret_hash = :digest"),
        {"digest": digest},
    )
    db.session.commit()
    publisher = connected.gitlab.state.publisher
    for number in range(200):
        issue = issues[number % len(issues)]
        connected.gitlab.state.items.edit(issue, title=f"Title {number}", notify=False)
        body = publisher.bodies.item(issue, action="update", by=issue.author, changes={})
        with single_write() as connection:
            accept(connection, connected.org.id, {"X-Gitlab-Token": "secret"}, bodies.sent(body))
    connected.drain()
    connected.fetch()
    assert connected.calls() == before
    shown = {connected.view(link).title for link in links}
    assert shown == {issue.title for issue in issues}


def test_the_line_of_a_batch_names_its_deliveries_and_their_items_and_no_content(
    org, receive, app_context, redis, monkeypatch
):
    # One that was used before keeps writing where it wrote then, and is not captured.
    monkeypatch.setattr(drains, "log", structlog.get_logger(drains.__name__))
    taken = [receive(bodies.issue(attributes={"iid": number})) for number in (1, 2)]
    with capture_logs() as lines:
        drain_all(org.id)
    (line,) = (line for line in lines if line["event"] == "delivery.batch_processed")
    assert (line["org_id"], line["deliveries"]) == (str(org.id), 2)
    assert [(one["delivery_id"], one["item"]) for one in line["processed"]] == [
        (str(taken[0].delivery_id), "ships/engine#1"),
        (str(taken[1].delivery_id), "ships/engine#2"),
    ]
    assert "Pump leaks" not in repr(lines)
