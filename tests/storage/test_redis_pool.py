"""A Redis that takes what it is sent and says nothing costs a request half a second, once."""

import time

import pytest
from redis.exceptions import RedisError

from gitlab_links.storage import redis_pool
from gitlab_links.storage.redis_pool import WAIT_SECONDS, connect_redis
from tests.hanging import HANGS
from tests.patience import within
from tests.soak.relay import Relay

pytestmark = pytest.mark.shipped_limits


@pytest.fixture
def network(redis):
    """The way to Redis."""
    options = redis.connection_pool.connection_kwargs
    target = (options["host"], options["port"])
    with Relay("127.0.0.2", 0, target) as relay:
        yield relay


@pytest.fixture
def connect(network):
    """Makes a client that Redis has answered: on a busy machine not the first one in time."""
    made = []

    def is_answered():
        made.append(connect_redis(f"redis://{network.host}:{network.port}/0"))
        return answers(made[-1])

    def make():
        within(HANGS, is_answered)
        return made[-1]

    yield make
    for client in made:
        client.close()


def answers(client):
    try:
        return client.ping()
    except RedisError:
        return False


def fail(client):
    """How a command fails, and whether it has waited for Redis before."""
    started = time.monotonic()
    with pytest.raises(RedisError) as raised:
        client.ping()
    is_refused = str(raised.value) == "Redis does not answer"
    assert is_refused or time.monotonic() - started > WAIT_SECONDS * 0.9
    return "refused" if is_refused else "waited"


def test_the_first_callers_wait_and_all_others_are_refused_at_once(connect, network, monkeypatch):
    monkeypatch.setattr(redis_pool, "QUIET_SECONDS", HANGS)
    client = connect()
    network.silence()
    # The one connection of the pool hears nothing, then a new one does not come to be.
    assert [fail(client) for _ in range(22)] == ["waited"] * 2 + ["refused"] * 20


@pytest.mark.slow
def test_it_is_found_again_after_it_is_back(connect, network):
    client = connect()
    for cut in (network.reset, network.silence):
        cut()
        for _ in range(3):
            with pytest.raises(RedisError):
                client.ping()
        network.heal()
        within(HANGS, lambda: answers(client))
