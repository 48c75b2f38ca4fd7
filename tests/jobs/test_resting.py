"""A ``worker.py`` that rests: one process while nothing happens, all of them when jobs wait."""

import os
import signal
from types import SimpleNamespace

import pytest
from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import select

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.job_triggers import SCHEDULE_QUEUE, JobKind, enqueue, queue_names, trigger
from gitlab_links.jobs import worker_requests
from gitlab_links.jobs.allowed_jobs import AllowedJob
from gitlab_links.jobs.redis_trouble import RedisTrouble
from gitlab_links.jobs.worker_pool import queues_of_workers
from gitlab_links.jobs.worker_requests import WorkerRequests, waiting_queues
from gitlab_links.jobs.workers import PoolWorker
from gitlab_links.local.processes import start_worker
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.outages import is_alive
from tests.soak.stage import pids_below

WORKERS = 2
ALL = WORKERS + 1  # with the sender
# Longer than a busy machine takes for a look at who works.
REST_AFTER = 10
ALL_BUT_SENDING = {SCHEDULE_QUEUE, *queue_names()} - {JobKind.SEND.queue}
ON_SQLITE = [pytest.mark.processes, pytest.mark.only_on("sqlite")]


@pytest.fixture
def pool(dialect, app, environment, processes, redis: Redis):
    changes = {
        "WORKER_PROCESSES": str(WORKERS),
        "WORKERS_REST_AFTER_SECONDS": str(REST_AFTER),
        "GITLAB_TIMEOUT_SECONDS": "10",
    }
    child = start_worker(processes, {**environment, **changes})
    # On a busy machine its first jobs may take so long that the others start, and rest again.
    within(HANGS, lambda: redis.scard("rq:workers") == len(members(child)) == 1)
    return child


def members(pool):
    return set(pids_below(pool.pid)) - {pool.pid}


def is_done(delivery_id):
    status = db.session.scalar(
        select(GitLabWebhookDelivery.status).where(GitLabWebhookDelivery.id == delivery_id)
    )
    db.session.rollback()
    return status not in (DeliveryStatus.RECEIVED, DeliveryStatus.PROCESSING)


class TestOfProcesses:
    pytestmark = ON_SQLITE

    def test_while_nothing_happens_one_process_ticks_and_works(self, pool, redis):
        assert len(members(pool)) == 1
        (worker,) = SimpleWorker.all(connection=redis, serializer=JSONSerializer)
        assert set(worker.queue_names()) == ALL_BUT_SENDING
        within(HANGS, lambda: redis.keys("gitlab_links:asked:tick-sweep-*"))

    def test_a_fetch_that_takes_long_makes_no_other_org_wait(
        self, pool, connected, factory, gitlab, redis
    ):
        gitlab.state.faults.latency = HANGS  # however busy the machine
        link = connected.link(connected.issue(connected.project()))
        within(HANGS, lambda: connected.calls() > 0)
        other = factory.org()
        waiting = factory.delivery(other, status="received", due_at=utcnow())
        trigger(JobKind.DRAIN, other.id)
        within(HANGS, lambda: is_done(waiting.id))
        assert connected.item(link).last_synced_at is None
        within(HANGS, lambda: len(members(pool)) == ALL)
        gitlab.state.faults.latency = 0.0
        within(2 * HANGS, lambda: len(members(pool)) == 1)
        assert redis.scard("rq:workers") == 1
        assert "process_died" not in pool.log.read_text()

    def test_if_the_only_one_is_killed_it_is_replaced(self, pool, redis):
        (only,) = members(pool)
        os.kill(only, signal.SIGKILL)
        within(HANGS, lambda: not is_alive(only) and len(members(pool)) == 1)
        redis.flushdb()
        within(HANGS, lambda: redis.keys("gitlab_links:asked:tick-sweep-*"))

    def test_the_sender_starts_when_there_is_something_to_send(
        self, pool, app_context, factory, redis
    ):
        trigger(JobKind.SEND, factory.org().id)
        # Both at once: it rests again after REST_AFTER seconds.
        within(HANGS, lambda: redis.scard("rq:workers") == len(members(pool)) == 2)
        within(HANGS, lambda: not redis.llen(f"rq:queue:{JobKind.SEND.queue}"))
        within(2 * HANGS, lambda: len(members(pool)) == 1)


@pytest.mark.parametrize("count", range(1, 6))
def test_the_one_that_is_alone_takes_every_job_but_sending(count):
    assert set(queues_of_workers(count)[-1]) == ALL_BUT_SENDING


@pytest.fixture
def seconds(monkeypatch):
    """The time as ``worker_requests`` sees it, to be moved."""

    class Seconds:
        now = 1000.0

    monkeypatch.setattr(worker_requests, "time", SimpleNamespace(monotonic=lambda: Seconds.now))
    return Seconds


def test_others_are_requested_only_while_the_worker_is_busy_and_jobs_wait(seconds):
    requests = WorkerRequests()
    requests.reset()
    requests.request_for({"fetches"})
    assert not requests.are_others_requested()
    requests.begin()
    seconds.now += 2 * worker_requests.BUSY_SECONDS
    requests.request_for(set())
    assert not requests.are_others_requested()
    requests.request_for({"fetches"})
    assert requests.are_others_requested()
    assert not requests.is_sender_requested()
    seconds.now += 2 * worker_requests.REQUEST_SECONDS
    assert not requests.are_others_requested()


def test_the_sender_is_requested_for_what_is_to_be_sent_and_nobody_else(seconds):
    requests = WorkerRequests()
    requests.begin()
    seconds.now += 2 * worker_requests.BUSY_SECONDS
    requests.request_for({JobKind.SEND.queue})
    assert requests.is_sender_requested()
    assert not requests.are_others_requested()


def test_one_short_job_after_the_other_is_busy_as_well(seconds):
    requests = WorkerRequests()
    for _ in range(20):
        requests.begin()
        seconds.now += worker_requests.BUSY_SECONDS / 4
        requests.end()
        seconds.now += worker_requests.BETWEEN_JOBS_SECONDS / 4
    requests.begin()
    requests.request_for({"deliveries"})
    assert requests.are_others_requested()


def test_one_that_has_been_at_a_job_for_long_gets_others_started_whatever_waits(seconds):
    requests = WorkerRequests()
    requests.begin()
    seconds.now += worker_requests.STUCK_SECONDS + 0.1
    assert requests.are_others_requested()
    requests.end()
    assert not requests.are_others_requested()


def test_jobs_of_orgs_wait_and_scheduled_ones_do_not_count(app_context, redis):
    enqueue(SCHEDULE_QUEUE, "gitlab_links.jobs.functions.verdicts")
    assert waiting_queues() == set()
    enqueue(JobKind.SEND.queue, JobKind.SEND.job, "00000000-0000-0000-0000-000000000007")
    assert waiting_queues() == {JobKind.SEND.queue}


@pytest.mark.parametrize(("queue", "counts"), [(SCHEDULE_QUEUE, False), ("deliveries", True)])
def test_a_scheduled_job_does_not_keep_a_worker_from_resting(
    app_context, redis, redis_url, monkeypatch, queue, counts
):
    monkeypatch.setattr(AllowedJob, "app", app_context, raising=False)
    worker = PoolWorker.of(redis_url, [queue], RedisTrouble())
    monkeypatch.setattr(worker, "_install_signal_handlers", lambda: None)
    worker.rests_after = 60
    worker.register_birth()
    enqueue(queue, "gitlab_links.jobs.functions.verdicts")
    job, found = worker.dequeue_job_and_maintain_ttl(None)
    worker._worked_at -= 60
    worker.execute_job(job, found)
    enqueue(queue, "gitlab_links.jobs.functions.verdicts")
    assert (worker.dequeue_job_and_maintain_ttl(None) is not None) is counts
