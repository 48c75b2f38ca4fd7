"""Ticking: each slot once, however many processes tick, and never blocked by what was lost."""

import threading

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import OperationalError

from gitlab_links.clock import utcnow
from gitlab_links.job_triggers import SCHEDULE_QUEUE
from gitlab_links.jobs import due_work
from gitlab_links.jobs.schedule import SCHEDULE, Ticker
from gitlab_links.jobs.slots import has_ticked
from tests.jobs.conftest import queued

START = 1_800_000_000.0  # a moment at which every slot begins
EVERY = {entry.slots.name: entry.slots.every for entry in SCHEDULE}
# Queued whether or not anything is due, unlike the sweep.
ALWAYS = [entry.slots.name for entry in SCHEDULE if entry.is_needed is None]
CHECKS = "find_due_checks"


def ids(redis):
    return [job_id.decode() for job_id in redis.lrange(f"rq:queue:{SCHEDULE_QUEUE}", 0, -1)]


def named(redis, name):
    return [job_id for job_id in ids(redis) if job_id.startswith(f"tick-{name}-")]


def tick(now):
    """By a process that has just started."""
    Ticker().tick(now)


def test_a_slot_queues_its_job_once_however_often_it_is_ticked(app_context, redis):
    ticker = Ticker()
    ticker.tick(START)
    before = redis.info("stats")["total_commands_processed"]
    ticker.tick(START + 1)
    assert redis.info("stats")["total_commands_processed"] == before + 1  # asking for it
    redis.flushdb()
    for step in range(8):
        tick(START + step)
    assert len(named(redis, CHECKS)) == 1
    tick(START + EVERY[CHECKS])
    assert len(named(redis, CHECKS)) == 2
    assert queued(redis, SCHEDULE_QUEUE) == len(ALWAYS) + 1


def test_of_several_tickers_at_once_one_queues_the_job(app, redis):
    start = threading.Barrier(8)

    def work():
        with app.app_context():
            start.wait()
            for slot in range(10):
                tick(START + slot * EVERY[CHECKS])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(named(redis, CHECKS)) == 10


def test_a_job_that_ran_is_not_queued_again_within_its_slot(app_context, redis):
    tick(START)
    redis.delete(f"rq:queue:{SCHEDULE_QUEUE}")  # a worker took it
    tick(START + 1)
    assert ids(redis) == []


def test_a_job_that_was_lost_does_not_block_the_next_slot(app_context, redis):
    ticker = Ticker()
    ticker.tick(START)
    redis.delete(f"rq:queue:{SCHEDULE_QUEUE}")  # popped by a worker that died
    ticker.tick(START + EVERY[CHECKS])
    assert len(named(redis, CHECKS)) == 1


def test_a_job_that_nobody_takes_is_dropped_in_the_end(app_context, redis):
    tick(START)
    (name,) = named(redis, CHECKS)
    job = Job.fetch(name, connection=redis, serializer=JSONSerializer)
    assert job.ttl == 3 * EVERY[CHECKS]
    assert 0 < redis.ttl(job.key) <= 3 * EVERY[CHECKS]


def test_what_redis_did_not_take_is_enqueued_by_the_next_tick(app_context, redis, monkeypatch):
    ticker = Ticker()
    with monkeypatch.context() as away:
        away.setattr(
            "gitlab_links.job_triggers.redis", lambda: Redis(port=1, retry=Retry(NoBackoff(), 0))
        )
        with pytest.raises(RedisError):
            ticker.tick(START)
    ticker.tick(START + 1)
    assert queued(redis, SCHEDULE_QUEUE) == len(ALWAYS)


def test_a_sweep_is_queued_only_if_it_would_find_something(app_context, factory, redis):
    tick(START)
    assert named(redis, "sweep") == []
    factory.delivery(factory.org(), status="received", due_at=utcnow())
    tick(START + 1)
    assert named(redis, "sweep") == []  # this slot has been asked about
    for _ in range(2):
        tick(START + EVERY["sweep"])
    assert len(named(redis, "sweep")) == 1


def test_without_a_database_a_sweep_is_queued_for_whoever_reaches_it(
    app_context, redis, monkeypatch
):
    def fails(_now):
        raise OperationalError("SELECT", None, Exception("no answer"))

    monkeypatch.setattr(due_work, "is_any", fails)
    tick(START)
    assert len(named(redis, "sweep")) == 1


def test_a_schedule_counts_as_ticking_for_three_sweeps(app_context, redis):
    assert not has_ticked(START)
    tick(START)
    assert has_ticked(START)
    assert has_ticked(START + 2 * EVERY["sweep"])
    assert not has_ticked(START + 3 * EVERY["sweep"])


def test_the_schedule_is_a_list_of_named_jobs():
    assert len({entry.slots.name for entry in SCHEDULE}) == len(SCHEDULE)
    assert EVERY["sweep"] <= 5  # triggered again within 10 s of a flush
