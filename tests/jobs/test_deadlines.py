"""The times that must stand in one order for work to be neither lost nor done twice."""

import pytest

from gitlab_links import job_triggers
from gitlab_links.config.settings import Settings
from gitlab_links.deliveries import claims
from gitlab_links.health import report, token_rotation
from gitlab_links.http import transactions
from gitlab_links.jobs import (
    drains,
    fetches,
    health_checks,
    operations,
    slots,
    worker_pool,
    workers,
)
from gitlab_links.storage import circuit_breaker, postgresql
from gitlab_links.storage.database import SQLITE_SHORT_WAIT_SECONDS
from gitlab_links.storage.redis_pool import WAIT_SECONDS as REDIS_WAIT_SECONDS
from gitlab_links.sync import lease
from gitlab_links.sync.fetching import LAST_ANSWER_AT

pytestmark = pytest.mark.shipped_limits

LONGEST_TIMEOUT = Settings(secret_key="k", database_url="sqlite:///x").gitlab_timeout
APPLYING = 2.0
SWEEP = slots.SWEEP.every


def test_no_longer_timeout_than_this_can_be_set():
    environ = {"SECRET_KEY": "k" * 40, "GITLAB_TIMEOUT_SECONDS": str(int(LONGEST_TIMEOUT))}
    assert Settings.from_environ(environ).gitlab_timeout == LONGEST_TIMEOUT


def test_the_longest_slice_of_fetching_ends_before_the_jobs_timeout():
    last_round = fetches.GATHER_SECONDS + LONGEST_TIMEOUT * LAST_ANSWER_AT + APPLYING
    assert fetches.SLICE_SECONDS + last_round < job_triggers.JOB_TIMEOUT_SECONDS


def test_a_rotated_token_is_saved_before_the_jobs_timeout():
    """However slow GitLab is: there is no other copy of it."""
    default = Settings(secret_key="k", database_url="sqlite:///x").database_timeout
    last_attempt = default + postgresql.GRACE_SECONDS
    begins_by = operations.SLICE_SECONDS + token_rotation.SAVING_UNTIL_SECONDS
    assert begins_by + last_attempt < job_triggers.JOB_TIMEOUT_SECONDS
    retried = token_rotation.SAVING_UNTIL_SECONDS - token_rotation.CALLING_SECONDS
    assert retried >= 5, "promised in docs/reliability.md"


def test_a_job_ends_before_its_leases_run_out():
    assert lease.LEASE.total_seconds() > job_triggers.JOB_TIMEOUT_SECONDS
    assert claims.LEASE.total_seconds() > job_triggers.JOB_TIMEOUT_SECONDS


def test_the_work_of_a_killed_worker_is_claimed_again_within_40_seconds():
    triggered_within = job_triggers.FLAG_SECONDS + SWEEP
    for leased in (lease.LEASE, claims.LEASE):
        assert (
            leased.total_seconds()
            + triggered_within
            + worker_pool.RESTART_SECONDS
            + drains.SLICE_SECONDS
            < 40
        )


def test_what_redis_forgot_is_triggered_within_10_seconds():
    assert job_triggers.FLAG_SECONDS + SWEEP + drains.SLICE_SECONDS < 10
    assert workers.PoolWorker.max_connection_wait_time + SWEEP + drains.SLICE_SECONDS < 10


def test_a_viewer_of_health_sees_current_data_within_a_minute():
    page_asks_every = 5
    assert job_triggers.CHECK_SECONDS + page_asks_every + health_checks.CALLING_SECONDS < 60
    # Otherwise what was checked last in one round would be skipped in the next.
    assert (
        report.FRESH_ENOUGH.total_seconds() + health_checks.CALLING_SECONDS
        < job_triggers.CHECK_SECONDS
    )


def test_a_stop_is_over_within_10_seconds():
    assert worker_pool.STOP_SECONDS + worker_pool.POLL_SECONDS < 8


def test_a_trigger_never_takes_a_request_long():
    assert REDIS_WAIT_SECONDS <= 0.5


def test_a_worker_that_redis_does_not_answer_asks_anew_within_10_seconds():
    assert workers.SILENCE_SECONDS + workers.PoolWorker.max_connection_wait_time <= 10
    assert workers.SILENCE_SECONDS > workers.DEQUEUE_SECONDS + 1


def test_the_database_is_given_up_on_before_the_job_is_and_before_gitlab_gives_up():
    default = Settings(secret_key="k", database_url="sqlite:///x").database_timeout
    longest = 20
    environ = {"SECRET_KEY": "k" * 40, "DATABASE_TIMEOUT_SECONDS": str(longest)}
    assert Settings.from_environ(environ).database_timeout == longest
    assert longest + postgresql.GRACE_SECONDS < job_triggers.JOB_TIMEOUT_SECONDS
    gitlab_waits = 10
    reconnecting = postgresql.CONNECT_ARGS["connect_timeout"]
    assert default + postgresql.GRACE_SECONDS + reconnecting < gitlab_waits


def test_a_webhook_is_answered_before_gitlab_gives_up_whatever_the_database_does():
    gitlab_waits, promised = 10, 9
    default = Settings(secret_key="k", database_url="sqlite:///x").database_timeout
    a_statement = default + postgresql.GRACE_SECONDS
    a_connection = (
        circuit_breaker.PATIENCE_SECONDS
        + postgresql.CONNECT_ARGS["connect_timeout"]
        + postgresql.FIRST_STATEMENT_SECONDS
    )
    for last in (a_statement, a_connection, SQLITE_SHORT_WAIT_SECONDS):
        assert transactions.BEGIN_SECONDS + last <= promised < gitlab_waits


def test_what_a_lost_client_has_locked_is_free_before_its_lease_ends():
    for leased in (lease.LEASE, claims.LEASE):
        assert leased.total_seconds() > postgresql.IDLE_IN_TRANSACTION_SECONDS
