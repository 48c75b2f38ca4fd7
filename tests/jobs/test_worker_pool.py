"""``worker.py`` as a real process: what dies is replaced, and nothing is left behind."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from redis import Redis

from gitlab_links.local.processes import start_worker
from gitlab_links.local.services import free_port, python, redis_answers, redis_server
from gitlab_links.local.supervisor import signal_all
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.outages import is_alive
from tests.soak.stage import pids_below

pytestmark = [pytest.mark.processes, pytest.mark.only_on("sqlite")]

WORKERS = 2
# The sender works beside them.
REGISTERED = WORKERS + 1


@pytest.fixture
def pool(dialect, app, environment, processes, redis: Redis):
    """A ``worker.py`` with two RQ workers, which have registered."""
    child = start_worker(processes, {**environment, "WORKER_PROCESSES": str(WORKERS)})
    within(HANGS, lambda: redis.scard("rq:workers") == REGISTERED)
    return child


def members(pool):
    return set(pids_below(pool.pid)) - {pool.pid}


def test_the_pool_is_its_workers_a_sender_and_one_ticker(pool, redis):
    within(HANGS, lambda: len(members(pool)) == REGISTERED + 1)
    within(HANGS, lambda: redis.keys("gitlab_links:asked:tick-sweep-*"))


def test_whoever_of_the_pool_is_killed_is_replaced(pool):
    before = members(pool)
    signal_all(list(before), signal.SIGKILL)
    within(HANGS, lambda: len(members(pool) - before) == REGISTERED + 1)
    assert not any(is_alive(pid) for pid in before)


def test_sigterm_ends_all_of_it_at_once_when_there_is_nothing_to_do(pool):
    below = members(pool)
    pool.process.terminate()
    assert pool.process.wait(HANGS) == 0
    assert not any(is_alive(pid) for pid in below)


def test_the_pool_ends_with_its_parent_however_that_ended(pool):
    below = members(pool)
    os.kill(pool.pid, signal.SIGKILL)
    pool.process.wait(HANGS)
    within(HANGS, lambda: not any(is_alive(pid) for pid in below))


def test_a_pool_that_finds_no_redis_waits_for_it(dialect, app, environment, processes):
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    pool = start_worker(processes, {**environment, "REDIS_URL": url, "WORKER_PROCESSES": "1"})
    within(HANGS, lambda: "worker_pool.redis_away" in pool.log.read_text())
    time.sleep(2)
    assert not pool.died()
    processes.start(
        "late-redis",
        [redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        ready=lambda: redis_answers(url),
    )
    with Redis.from_url(url) as redis:
        within(HANGS, lambda: redis.scard("rq:workers") == 2)
        within(HANGS, lambda: redis.keys("gitlab_links:asked:tick-sweep-*"))
    logged = pool.log.read_text()
    assert logged.count("worker_pool.redis_away") == 1
    assert "could not connect" not in logged
    assert "Connection refused" in logged
    assert "Traceback" not in logged


def can_be_first_process():
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "--pid", "--fork", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_be_first_process(), reason="needs unshare --pid, which root may do")
def test_as_the_first_process_of_a_container_it_works_and_ends_alike(
    dialect, app, environment, processes, redis
):
    """PID 1 has no default handlers, and inherits every orphan."""
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *python("worker.py")]
    outer = processes.start("first", command, settings={**environment, "WORKER_PROCESSES": "1"})
    within(HANGS, lambda: redis.scard("rq:workers") == 2)
    below = set(pids_below(outer.pid)) - {outer.pid}
    (first,) = (pid for pid in below if first_process(pid))
    worker = max(below - {first})
    os.kill(worker, signal.SIGKILL)
    within(HANGS, lambda: not is_alive(worker))
    within(HANGS, lambda: len(set(pids_below(first))) == 4)
    os.kill(first, signal.SIGTERM)
    outer.process.wait(HANGS)
    assert not any(is_alive(pid) for pid in below)


def first_process(pid):
    """Whether a process is number 1 where it lives."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("NSpid"))
    return line.split()[-1] == "1"


@pytest.fixture
def own_redis(processes):
    """A Redis of this test's own, whose memory it may fill."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    server = [redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    processes.start("own-redis", server, ready=lambda: redis_answers(url))
    with Redis.from_url(url) as redis:
        yield redis


def _all_json(log: str) -> list[dict]:
    return [json.loads(line) for line in log.splitlines()]


@pytest.mark.parametrize("when", ["before the start", "at work"])
def test_a_redis_whose_memory_is_full_is_waited_for(
    dialect, app, environment, processes, own_redis, when
):
    kwargs = own_redis.connection_pool.connection_kwargs
    changes = {"REDIS_URL": f"redis://127.0.0.1:{kwargs['port']}/0", "WORKER_PROCESSES": "2"}
    if when == "before the start":
        own_redis.config_set("maxmemory", 1)
    pool = start_worker(processes, {**environment, **changes})
    if when == "at work":
        within(HANGS, lambda: own_redis.scard("rq:workers") == REGISTERED)
        own_redis.config_set("maxmemory", 1)
    within(HANGS, lambda: "worker_pool.redis_refuses" in pool.log.read_text())
    within(HANGS, lambda: len(members(pool)) >= 4)  # ticker, sender and two workers
    before = members(pool)
    time.sleep(6)
    # Nobody has died, and of all processes one says it, once.
    assert members(pool) == before
    logged = [line["event"] for line in _all_json(pool.log.read_text())]
    assert [event for event in logged if "redis" in event.lower()] == ["worker_pool.redis_refuses"]
    assert len(logged) < 12
    own_redis.config_set("maxmemory", 0)
    own_redis.flushdb()
    within(HANGS, lambda: own_redis.scard("rq:workers") == REGISTERED)
    within(HANGS, lambda: own_redis.keys("gitlab_links:asked:tick-sweep-*"))
    pool.process.terminate()
    assert pool.process.wait(HANGS) == 0
