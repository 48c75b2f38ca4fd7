"""Triggers: one job for many triggers, and never an error for the caller."""

import json
import time
import uuid
from dataclasses import replace

import pytest
from redis import Redis
from sqlalchemy import text

from gitlab_links.app import create_app
from gitlab_links.extensions import db
from gitlab_links.job_triggers import (
    FLAG_SECONDS,
    RUNNING_SECONDS,
    JobKind,
    allow_triggers,
    suppress_triggers,
    trigger,
    trigger_after_commit,
)
from gitlab_links.local.services import free_port, start_redis
from tests.hanging import HANGS

ORG = uuid.UUID(int=7)


def queued(redis, kind):
    return redis.llen(f"rq:queue:{kind.queue}")


def test_2000_triggers_are_one_job_while_the_flag_lasts(app_context, redis):
    for _ in range(2000):
        assert trigger(JobKind.DRAIN, ORG)
    assert queued(redis, JobKind.DRAIN) == 1


def test_each_org_and_each_kind_has_its_own_job(app_context, redis):
    for org in (ORG, uuid.UUID(int=8)):
        trigger(JobKind.DRAIN, org)
        trigger(JobKind.SYNC, org)
    assert queued(redis, JobKind.DRAIN) == queued(redis, JobKind.SYNC) == 2


def test_triggers_are_ignored_while_a_job_runs_and_work_afterwards(app_context, redis):
    suppress_triggers(JobKind.DRAIN, ORG)
    trigger(JobKind.DRAIN, ORG)
    assert queued(redis, JobKind.DRAIN) == 0
    allow_triggers(JobKind.DRAIN, ORG)
    trigger(JobKind.DRAIN, ORG)
    assert queued(redis, JobKind.DRAIN) == 1


@pytest.mark.shipped_limits
def test_the_flag_of_a_lost_job_expires(app_context, redis):
    gone = -2  # already, on a busy machine; what never expires is -1
    trigger(JobKind.DRAIN, ORG)
    assert redis.ttl(JobKind.DRAIN.flag(ORG)) in {gone, *range(FLAG_SECONDS + 1)}
    suppress_triggers(JobKind.DRAIN, ORG)
    assert redis.ttl(JobKind.DRAIN.flag(ORG)) in {gone, *range(RUNNING_SECONDS + 1)}
    assert (FLAG_SECONDS, RUNNING_SECONDS) <= (3, 2)


def test_a_trigger_is_one_round_trip_while_a_job_is_queued(app_context, redis):
    trigger(JobKind.DRAIN, ORG)
    before = redis.info("commandstats")["cmdstat_set"]["calls"]
    total = redis.info("stats")["total_commands_processed"]
    for _ in range(10):
        trigger(JobKind.DRAIN, ORG)
    assert redis.info("commandstats")["cmdstat_set"]["calls"] == before + 10
    assert redis.info("stats")["total_commands_processed"] - total <= 10 + 4  # and ours


def test_a_job_carries_the_orgs_id_and_nothing_else(app_context, redis):
    trigger(JobKind.SYNC, ORG)
    (job_id,) = redis.lrange("rq:queue:fetches", 0, -1)
    job = redis.hgetall(b"rq:job:" + job_id)
    assert str(ORG).encode() in job[b"description"]
    assert int(job[b"result_ttl"]) == 0


@pytest.fixture
def without_redis(settings, database):
    """Applications whose Redis is down, or accepts connections without an answer."""
    made = []

    def make(url):
        made.append(create_app(replace(settings, redis_url=url)))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


def test_a_trigger_without_redis_raises_nothing(without_redis):
    with without_redis(f"redis://127.0.0.1:{free_port()}/0").app_context():
        assert trigger(JobKind.DRAIN, ORG) is False
        suppress_triggers(JobKind.DRAIN, ORG)
        allow_triggers(JobKind.DRAIN, ORG)


def test_the_log_says_why_redis_did_not_take_a_trigger(without_redis, capsys):
    with without_redis(f"redis://127.0.0.1:{free_port()}/0").app_context():
        trigger(JobKind.DRAIN, ORG)
    (line,) = capsys.readouterr().err.splitlines()
    logged = json.loads(line)
    assert (logged["event"], logged["kind"]) == ("trigger.not_sent", "DRAIN")
    assert "Connection refused" in logged["error"]


@pytest.mark.shipped_limits
def test_a_redis_that_hangs_delays_nobody_for_long(without_redis, processes):
    import os
    import signal

    url = start_redis(processes)
    with without_redis(url).app_context(), Redis.from_url(url) as redis:
        trigger(JobKind.SYNC, ORG)
        pid = redis.info("server")["process_id"]
        os.kill(pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            assert trigger(JobKind.DRAIN, ORG) is False
            assert time.monotonic() - started < HANGS
        finally:
            os.kill(pid, signal.SIGCONT)


def begin():
    db.session.execute(text("SELECT 1"))


def test_a_trigger_after_the_commit_enqueues_nothing_before(app_context, redis):
    begin()
    trigger_after_commit(db.session, JobKind.DRAIN, ORG)
    assert queued(redis, JobKind.DRAIN) == 0
    db.session.commit()
    assert queued(redis, JobKind.DRAIN) == 1


def test_a_rollback_drops_the_trigger(app_context, redis):
    begin()
    trigger_after_commit(db.session, JobKind.DRAIN, ORG)
    db.session.rollback()
    begin()
    db.session.commit()
    assert queued(redis, JobKind.DRAIN) == 0


def test_a_removed_session_drops_the_trigger(app_context, redis):
    begin()
    trigger_after_commit(db.session, JobKind.DRAIN, ORG)
    db.session.remove()
    begin()
    db.session.commit()
    assert queued(redis, JobKind.DRAIN) == 0


def test_equal_triggers_of_one_transaction_enqueue_once(app_context, redis):
    begin()
    for _ in range(3):
        trigger_after_commit(db.session, JobKind.DRAIN, ORG)
    trigger_after_commit(db.session, JobKind.SYNC, ORG)
    db.session.commit()
    assert queued(redis, JobKind.DRAIN) == queued(redis, JobKind.SYNC) == 1


def test_a_savepoint_is_no_commit_and_its_rollback_is_no_rollback(app_context, redis):
    begin()
    with db.session.begin_nested():
        trigger_after_commit(db.session, JobKind.DRAIN, ORG)
    assert queued(redis, JobKind.DRAIN) == 0
    db.session.begin_nested().rollback()
    db.session.commit()
    assert queued(redis, JobKind.DRAIN) == 1


def test_triggers_are_not_repeated_by_the_next_commit(app_context, redis):
    begin()
    trigger_after_commit(db.session, JobKind.DRAIN, ORG)
    db.session.commit()
    redis.flushdb()
    begin()
    db.session.commit()
    assert queued(redis, JobKind.DRAIN) == 0


def test_a_commit_succeeds_while_redis_is_away(without_redis):
    with without_redis(f"redis://127.0.0.1:{free_port()}/0").app_context():
        begin()
        trigger_after_commit(db.session, JobKind.DRAIN, ORG)
        db.session.commit()
