"""``worker.py`` cut off from the database: it takes no jobs that others could do."""

import uuid
from pathlib import Path

import pytest
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import make_url

from gitlab_links.job_triggers import JobKind, enqueue
from gitlab_links.local.services import python
from tests.hanging import HANGS
from tests.jobs import patient_worker
from tests.patience import within
from tests.soak.relay import Relay

pytestmark = [pytest.mark.processes, pytest.mark.only_on("postgresql")]

QUEUE = f"rq:queue:{JobKind.DRAIN.queue}"


@pytest.fixture
def network(settings):
    folder = make_url(settings.database_url).query["host"]
    with Relay("127.0.0.2", 0, Path(folder) / ".s.PGSQL.5432") as relay:
        yield relay


@pytest.fixture
def pool(settings, environment, processes, redis, network):
    """A ``worker.py`` with one RQ worker, at the other end of the network."""
    url = make_url(settings.database_url)
    url = url.set(host=network.host, port=network.port, query={}).render_as_string()
    changes = {"DATABASE_URL": url, "DATABASE_TIMEOUT_SECONDS": "1", "WORKER_PROCESSES": "1"}
    settings = {**environment, **changes}
    child = processes.start("worker", python("-m", patient_worker.__name__), settings=settings)
    within(HANGS, lambda: redis.scard("rq:workers") == 2)
    return child


def queue_drains(number):
    for _ in range(number):
        enqueue(JobKind.DRAIN.queue, JobKind.DRAIN.job, str(uuid.uuid4()))


def heartbeat(redis):
    """When the worker was last alive."""
    workers = SimpleWorker.all(connection=redis, serializer=JSONSerializer)
    (worker,) = (one for one in workers if JobKind.DRAIN.queue in one.queue_names())
    return worker.last_heartbeat


def stay(redis, number):
    """Whether so many jobs more are left in the queue by a worker that is not just slow: between
    two heartbeats it would take one.
    """
    before = redis.llen(QUEUE)
    queue_drains(number)
    for _ in range(2):
        seen = heartbeat(redis)
        within(HANGS, lambda seen=seen: heartbeat(redis) != seen)
    return redis.llen(QUEUE) == before + number


@pytest.mark.parametrize("how", ["reset", "silence"])
def test_jobs_stay_in_the_queue_until_the_database_is_back(pool, app_context, redis, network, how):
    queue_drains(3)
    within(HANGS, lambda: redis.llen(QUEUE) == 0)
    getattr(network, how)()
    # The worker learns it by one of these, or by a sweep.
    within(HANGS, lambda: stay(redis, 1))
    assert stay(redis, 5)
    network.heal()
    within(HANGS, lambda: redis.llen(QUEUE) == 0)
    assert not pool.died()


def test_it_still_ends_on_sigterm_and_need_not_be_killed(pool, app_context, redis, network):
    network.reset()
    within(HANGS, lambda: stay(redis, 1))
    pool.process.terminate()
    assert pool.process.wait(HANGS) == 0
    assert "worker_pool.process_killed" not in pool.log.read_text()
