"""When a call ends, however the other side drags it out or fills it up."""

import gzip
import itertools
import socket
import time
import tracemalloc

import pytest

from tests.gitlab.asking import failure, tls_client
from tests.gitlab.servers import make_authority, reply, serving
from tests.hanging import HANGS

pytestmark = pytest.mark.slow


def drip(start: bytes, byte: bytes):
    yield start
    while True:
        time.sleep(0.05)
        yield byte


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: drip(b"", b"H"),
        lambda: drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        lambda: drip(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        lambda: drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        lambda: drip(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        lambda: drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n["], drip(b"", b"")),
    ],
    ids=["status", "headers", "continues", "body", "endless", "chunks", "silence"],
)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_slow_answer_is_cut_at_the_deadline(server, make_client, tmp_path, pieces, secure):
    authority = make_authority(tmp_path, "gitlab.test") if secure else None
    with serving(lambda _: pieces(), authority and authority.server) as slow:
        name = f"gitlab.test:{slow.port}"
        client = make_client(
            f"{'https' if secure else 'http'}://{name}",
            listed=(name,),
            resolver=lambda *_: ["127.0.0.1"],
            seconds=1.0 if secure else 0.5,  # of which the handshake has its part
            ca_file=str(authority.ca_file) if authority else None,
        )
        started = time.monotonic()
        raised = failure(client)
        assert (raised.code, "in time" in raised.detail) == ("network_error", True)
        assert 0.4 < time.monotonic() - started < HANGS


def test_a_handshake_that_never_comes_is_cut_at_the_deadline(make_client):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        raised = failure(tls_client(make_client, mute.getsockname()[1], seconds=0.5))
        assert raised.code == "network_error"
        assert time.monotonic() - started < HANGS


def test_one_deadline_covers_all_redirects(server, make_client):
    def answer(request):
        time.sleep(0.3)
        return reply(status=302, headers={"Location": request.target})

    server.answer = answer
    assert failure(make_client(seconds=0.5)).code == "network_error"
    assert len(server.requests) <= 2, "of 0.3 seconds each, in 0.5 seconds for all"


# Size


def test_a_gzip_bomb_is_cut_while_it_unpacks(server, make_client):
    bomb = gzip.compress(b" " * 300_000_000, compresslevel=9)
    server.answer = lambda _: reply(bomb, headers={"Content-Encoding": "gzip"})
    client = make_client(max_bytes=1_000_000)
    tracemalloc.start()
    try:
        raised = failure(client)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (raised.code, "more than" in raised.detail) == ("http_200", True)
    assert peak < 20_000_000


@pytest.mark.parametrize("status", [200, 404, 500])
def test_an_endless_body_is_cut_at_the_limit(server, make_client, status):
    def answer(_):
        yield f"HTTP/1.1 {status} Whatever\r\n\r\n".encode()
        while True:
            yield b" " * 65536

    server.answer = answer
    assert failure(make_client(max_bytes=500_000)).code == f"http_{status}"
