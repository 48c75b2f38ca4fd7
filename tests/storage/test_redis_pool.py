"""A Redis that takes what it is sent and says nothing costs a request half a second, once."""

import time

import pytest
from redis.exceptions import RedisError

from gitlab_links.storage.redis_pool import WAIT_SECONDS, connect_redis
from tests.soak.relay import Relay


@pytest.fixture
def network(redis):
    """The way to Redis."""
    options = redis.connection_pool.connection_kwargs
    target = (options["host"], options["port"])
    with Relay("127.0.0.2", 0, target) as relay:
        yield relay


@pytest.fixture
def client(network):
    with connect_redis(f"redis://{network.host}:{network.port}/0") as client:
        yield client


def seconds_to_fail(client):
    started = time.monotonic()
    with pytest.raises(RedisError):
        client.ping()
    return time.monotonic() - started


def test_the_first_callers_wait_and_all_others_are_refused_at_once(client, network):
    client.ping()
    network.silence()
    # The one connection of the pool hears nothing, then a new one does not come to be.
    assert [seconds_to_fail(client) > WAIT_SECONDS * 0.9 for _ in range(2)] == [True, True]
    assert all(seconds_to_fail(client) < WAIT_SECONDS * 0.9 for _ in range(20))


def test_it_is_found_again_a_second_after_it_is_back(client, network):
    client.ping()
    for cut in (network.reset, network.silence):
        cut()
        for _ in range(3):
            seconds_to_fail(client)
        network.heal()
        time.sleep(1.1)
        assert client.ping()
