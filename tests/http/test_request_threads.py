"""Which lane a request goes to, and that no lane waits for another."""

import socket
import threading
from concurrent.futures import wait
from types import SimpleNamespace

import pytest

from gitlab_links.http.request_threads import (
    WEBHOOK_THREADS,
    Lane,
    RequestThreads,
    lane_of,
    seconds_waited,
)
from tests.hanging import HANGS

WEBHOOK = b"POST /api/orgs/x/integrations/gitlab/webhook HTTP/1.1\r\nContent-Length: 9\r\n"
PROBE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
PAGE = b"GET /login HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "lane"),
    [
        (PROBE, Lane.PROBE),
        (PROBE.replace(b"GET", b"HEAD"), Lane.PROBE),
        (PROBE.replace(b"/healthz", b"/under/a/path/healthz?x=1"), Lane.PROBE),
        (PROBE[:-2], Lane.OTHER),
        (PROBE.replace(b"GET", b"POST"), Lane.OTHER),
        (WEBHOOK, Lane.WEBHOOK),
        (WEBHOOK.replace(b" /", b" /under/a/path/"), Lane.WEBHOOK),
        (WEBHOOK.replace(b"POST", b"GET"), Lane.OTHER),
        (PAGE, Lane.OTHER),
        (b"", Lane.OTHER),
        (b"\x16\x03\x01", Lane.OTHER),
    ],
)
def test_the_lane_depends_on_the_first_bytes(head: bytes, lane: Lane) -> None:
    assert lane_of(head) is lane


def test_a_lane_whose_threads_all_wait_delays_no_other() -> None:
    release = threading.Event()
    threads = RequestThreads(2)

    def handle(connection: SimpleNamespace) -> str:
        if connection.slow:
            release.wait(HANGS)
        return "answered"

    def send(head: bytes, *, slow: bool) -> SimpleNamespace:
        near, far = socket.socketpair()
        far.sendall(head)
        connection = SimpleNamespace(sock=near, far=far, slow=slow)
        connection.future = threads.submit(handle, connection)
        return connection

    try:
        slow = [send(PAGE, slow=True) for _ in range(6)]
        assert send(WEBHOOK, slow=False).future.result(HANGS) == "answered"
        slow += [send(WEBHOOK, slow=True) for _ in range(WEBHOOK_THREADS + 2)]
        assert send(PROBE, slow=False).future.result(HANGS) == "answered"
        assert not any(one.future.done() for one in slow)
    finally:
        release.set()
    wait([one.future for one in slow], HANGS)
    threads.shutdown()


def test_a_request_knows_how_long_it_has_waited_for_its_thread() -> None:
    assert seconds_waited() == 0
    release, threads = threading.Event(), RequestThreads(1)
    near, far = socket.socketpair()
    far.sendall(PAGE)
    connection = SimpleNamespace(sock=near)
    first = threads.submit(lambda _: release.wait(HANGS), connection)
    second = threads.submit(lambda _: seconds_waited(), connection)
    wait([first], 0.2)
    release.set()
    assert second.result(HANGS) >= 0.2
    threads.shutdown()
