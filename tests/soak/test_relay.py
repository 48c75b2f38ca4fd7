"""The network of the scenarios breaks as networks do."""

import socket
from pathlib import Path

import pytest

from tests.hanging import HANGS
from tests.soak.relay import Relay

pytestmark = pytest.mark.slow  # it waits for sockets that stay silent

HERE = "127.0.0.2"


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(HANGS)
        yield server


@pytest.fixture
def relay(server):
    with Relay(HERE, 0, server.getsockname()) as relay:
        yield relay


def ends(relay, server):
    """Both ends of a connection through the relay."""
    near = socket.create_connection((relay.host, relay.port), timeout=HANGS)
    far, _ = server.accept()
    far.settimeout(HANGS)
    return near, far


def hears_nothing(end):
    end.settimeout(1)
    with pytest.raises(TimeoutError):
        end.recv(1)
    end.settimeout(HANGS)


def test_it_passes_bytes_both_ways(relay, server):
    near, far = ends(relay, server)
    near.sendall(b"ping")
    assert far.recv(10) == b"ping"
    far.sendall(b"pong")
    assert near.recv(10) == b"pong"


def test_in_silence_connections_stay_open_and_are_heard_afterwards(relay, server):
    near, far = ends(relay, server)
    relay.silence()
    near.sendall(b"ping")
    late = socket.create_connection((relay.host, relay.port), timeout=HANGS)
    late.sendall(b"hello")
    for end in (far, late):
        hears_nothing(end)
    relay.heal()
    assert far.recv(10) == b"ping"
    late_far, _ = server.accept()
    assert late_far.recv(10) == b"hello"


def test_in_silence_an_end_is_not_heard_of_either(relay, server):
    near, far = ends(relay, server)
    relay.silence()
    near.close()
    hears_nothing(far)
    relay.heal()
    assert far.recv(1) == b""


def test_a_reset_breaks_off_what_there_is_and_what_comes(relay, server):
    near, far = ends(relay, server)
    relay.reset()
    for end in (near, far):
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    with pytest.raises(ConnectionResetError):  # while it is made, or as soon as it is used
        socket.create_connection((relay.host, relay.port), timeout=HANGS).recv(1)
    relay.heal()
    near, far = ends(relay, server)
    near.sendall(b"ping")
    assert far.recv(10) == b"ping"


def test_a_unix_socket_will_do_as_the_other_side(tmp_path: Path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        with Relay(HERE, 0, path) as relay:
            near, far = ends(relay, server)
            near.sendall(b"ping")
            assert far.recv(10) == b"ping"
