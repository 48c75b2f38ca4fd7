"""Jobs of a slow GitLab wait on a separate queue."""

import uuid

import pytest
from flask import Flask
from redis import Redis

from gitlab_links import slow_gitlabs
from gitlab_links.job_triggers import JobKind, moved_to_slow, trigger
from gitlab_links.jobs.allowed_jobs import AllowedJob
from gitlab_links.slow_gitlabs import QUEUE, charge, is_slow

pytestmark = pytest.mark.usefixtures("app_context")
ORG = uuid.UUID(int=7)


def waiting(redis: Redis) -> dict[str, int]:
    return {name: redis.llen(f"rq:queue:{name}") for name in ("deliveries", "fetches", QUEUE)}


def test_one_slow_answer_sends_jobs_that_call_gitlab_to_the_other_queue(
    app_context: Flask, redis: Redis
) -> None:
    charge(ORG, slow_gitlabs.SLOW_SECONDS + 0.1)
    for kind in (JobKind.SYNC, JobKind.RUN_CHECKS, JobKind.DRAIN):
        trigger(kind, ORG)
        trigger(kind, uuid.UUID(int=8))
    assert waiting(redis) == {"deliveries": 2, "fetches": 2, QUEUE: 2}


def test_a_used_up_budget_makes_a_gitlab_slow(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitlab_links.slow_gitlabs.time.time", lambda: 1_800_000_000.0)
    for _ in range(round(slow_gitlabs.BUDGET_SECONDS / 2)):
        charge(ORG, 2.0)
    assert not is_slow(ORG)
    charge(ORG, 2.0)
    assert is_slow(ORG)


def test_a_quick_gitlab_is_not_slow() -> None:
    for _ in range(5):
        charge(ORG, 0.3)
    assert not is_slow(ORG)


def test_a_quick_answer_ends_the_slow_state() -> None:
    charge(ORG, slow_gitlabs.SLOW_SECONDS + 1)
    charge(ORG, 0.2)
    assert not is_slow(ORG)


def test_the_slow_state_expires(redis: Redis) -> None:
    charge(ORG, slow_gitlabs.SLOW_SECONDS + 1)
    assert is_slow(ORG)
    assert 0 < redis.ttl(f"gitlab_links:slow:{ORG}") <= 3600


def test_a_job_queued_before_gitlab_became_slow_is_moved_once(redis: Redis) -> None:
    trigger(JobKind.RUN_CHECKS, ORG)
    charge(ORG, slow_gitlabs.SLOW_SECONDS + 0.1)
    assert moved_to_slow(JobKind.RUN_CHECKS.job, "fetches", ORG)
    assert waiting(redis)[QUEUE] == 1
    assert moved_to_slow(JobKind.RUN_CHECKS.job, "fetches", ORG), "a second one of the same"
    assert waiting(redis)[QUEUE] == 1
    assert not moved_to_slow(JobKind.RUN_CHECKS.job, QUEUE, ORG), "it is on the right queue"
    assert not moved_to_slow(JobKind.DRAIN.job, "deliveries", ORG), "it does not call GitLab"
    assert not moved_to_slow(JobKind.RUN_CHECKS.job, "fetches", uuid.UUID(int=8))


def test_a_worker_leaves_a_slow_job_to_the_worker_for_slow_ones(
    app_context: Flask, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr("gitlab_links.jobs.allowed_jobs.ALLOWED", {JobKind.SYNC.job: done.append})
    monkeypatch.setattr(AllowedJob, "app", app_context, raising=False)
    for queue, org_id in (("fetches", ORG), ("fetches", uuid.UUID(int=8)), (QUEUE, ORG)):
        charge(ORG, slow_gitlabs.SLOW_SECONDS + 0.1)
        job = AllowedJob.create(JobKind.SYNC.job, (str(org_id),), connection=redis, origin=queue)
        job.func(*job.args)
    assert done == [str(uuid.UUID(int=8)), str(ORG)]


def test_while_a_slow_job_waits_no_other_is_queued(redis: Redis) -> None:
    charge(ORG, slow_gitlabs.SLOW_SECONDS + 0.1)
    trigger(JobKind.SYNC, ORG)
    assert redis.ttl(JobKind.SYNC.flag(ORG)) > JobKind.SYNC.quiet_seconds
