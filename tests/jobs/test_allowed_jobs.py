"""Jobs planted in Redis are refused, not run; triggered and scheduled ones exist."""

import json
import zlib

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from gitlab_links.job_triggers import SCHEDULE_QUEUE, JobKind, enqueue
from gitlab_links.jobs import functions
from gitlab_links.jobs.allowed_jobs import AllowedJob
from gitlab_links.jobs.functions import ALLOWED
from gitlab_links.jobs.redis_trouble import RedisTrouble
from gitlab_links.jobs.schedule import SCHEDULE
from gitlab_links.jobs.workers import PoolWorker

CALLED = []


def called(*arguments, **rest):
    """What a planted callback names."""
    CALLED.append(arguments)


@pytest.fixture
def work(app, redis_url, monkeypatch):
    """Works off the queue in this process, with the worker that production uses."""
    monkeypatch.setattr(AllowedJob, "app", app, raising=False)

    def burst():
        worker = PoolWorker.of(
            redis_url, [SCHEDULE_QUEUE, JobKind.DRAIN.queue, JobKind.SYNC.queue], RedisTrouble()
        )
        monkeypatch.setattr(worker, "_install_signal_handlers", lambda: None)
        # Its thread is waited for, for a second.
        monkeypatch.setattr(worker, "subscribe", lambda: None)
        worker.work(burst=True, logging_level="CRITICAL")
        return worker

    return burst


def plant(redis: Redis, tmp_path, **fields):
    """Put a job into the queue as someone with access to Redis would."""
    job_id = "planted"
    job = Job.create("os.system", ("true",), connection=redis, serializer=JSONSerializer, id=job_id)
    job.timeout = 5
    job.save()
    redis.hset(f"rq:job:{job_id}", mapping=fields)
    redis.rpush("rq:queue:deliveries", job_id)


def payload(*parts):
    return zlib.compress(json.dumps(parts).encode())


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.check_output",
        "builtins.exec",
        "gitlab_links.jobs.drains.drain_slice",
        "gitlab_links.jobs.functions.os.system",
        "",
    ],
)
def test_a_planted_name_is_refused(redis, work, tmp_path, name):
    proof = tmp_path / "ran"
    plant(redis, tmp_path, data=payload(name, None, [f"touch {proof}"], {}))
    work()
    assert not proof.exists()
    failed = AllowedJob.fetch("planted", connection=redis, serializer=JSONSerializer)
    assert failed.is_failed


def test_a_planted_instance_is_refused(redis, work, tmp_path):
    plant(redis, tmp_path, data=payload("upper", "text", [], {}))
    work()
    assert AllowedJob.fetch("planted", connection=redis, serializer=JSONSerializer).is_failed


def test_a_planted_pickle_is_not_unpickled(redis, work, tmp_path):
    import pickle

    proof = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            import os

            return os.system, (f"touch {proof}",)

    plant(redis, tmp_path, data=zlib.compress(pickle.dumps(Evil())))
    work()
    assert not proof.exists()


@pytest.mark.parametrize("kind", ["success", "failure", "stopped"])
@pytest.mark.parametrize("name", [f"{functions.__name__}.sweep", "os.system"])
def test_a_planted_callback_does_not_run(redis, work, tmp_path, kind, name):
    CALLED.clear()
    plant(
        redis,
        tmp_path,
        data=payload(name, None, [], {}),
        **{f"{kind}_callback_name": f"{__name__}.called"},
    )
    work()
    assert CALLED == []


def test_the_workers_own_jobs_run(redis, work, app_context):
    enqueue(JobKind.DRAIN.queue, f"{functions.__name__}.sweep", job_id="honest", result_ttl=60)
    work()
    assert AllowedJob.fetch("honest", connection=redis, serializer=JSONSerializer).is_finished


def test_a_worker_without_the_allow_list_would_have_run_it(redis, app, tmp_path, monkeypatch):
    """The planted job is a working one: what stops it is the list."""
    proof = tmp_path / "ran"
    plant(redis, tmp_path, data=payload("os.system", None, [f"touch {proof}"], {}))
    queue = Queue("deliveries", connection=redis, serializer=JSONSerializer)
    worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
    monkeypatch.setattr(worker, "_install_signal_handlers", lambda: None)
    worker.work(burst=True, logging_level="CRITICAL")
    assert proof.exists()


def test_every_kind_of_job_and_every_scheduled_one_is_allowed(app):
    names = {kind.job for kind in JobKind}
    names |= {f"{functions.__name__}.{entry.job.__name__}" for entry in SCHEDULE}
    assert names <= set(ALLOWED)
    for name in ALLOWED.keys() - functions.FORMER_NAMES.keys():
        function = ALLOWED[name]
        assert name == f"{function.__module__}.{function.__name__}"
