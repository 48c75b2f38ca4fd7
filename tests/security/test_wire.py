"""What a client of the test suite cannot send: requests written byte by byte to gunicorn."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from gitlab_links.config.settings import Settings
from gitlab_links.local.processes import start_web
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import Supervisor
from tests.hanging import HANGS
from tests.security.conftest import SECRET, World

pytestmark = pytest.mark.processes

EVENT = b'{"object_kind": "push"}'
CHUNKED = "Transfer-Encoding: chunked"
JSON = "Content-Type: application/json"


@dataclass(frozen=True)
class Wire:
    """A gunicorn as it is deployed."""

    port: int

    def send(self, request_line: str, *headers: str, body: bytes = b"") -> tuple[int, str]:
        """Status and all of the answer to a request as it stands."""
        lines = [f"{request_line} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        with socket.create_connection((LOOPBACK, self.port), timeout=HANGS) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            answer = b""
            # The server may have answered and hung up by now; what it said is still there.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while part := connection.recv(65536):
                    answer += part
        text = answer.decode("latin-1")
        return int(text.split(" ", 2)[1]), text


@pytest.fixture(scope="module")
def wire(standing: World, services: Supervisor) -> Iterator[Wire]:
    settings: Settings = standing.app.extensions["settings"]
    environment = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "PUBLIC_BASE_URL": settings.public_base_url,
        "LOG_LEVEL": settings.log_level,
    }
    port = free_port()
    web = start_web(services, environment, port, name="wire")
    yield Wire(port)
    services.kill(web)


GARBLED = {
    "no number": b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative number": b"-5\r\n{}\r\n0\r\n\r\n",
    "more than it says": b"1\r\n{}\r\n0\r\n\r\n",
    "an endless extension": b"2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n",
    "cut off": b"50\r\n{}",
    "without an end": b"2\r\n{}\r\n",
}


def test_a_body_that_is_garbled_on_the_way_is_a_400_everywhere(standing: World, wire: Wire) -> None:
    routes = {
        standing.webhook: (f"X-Gitlab-Token: {SECRET}", JSON),
        f"{standing.api}/tasks": (f"Authorization: Bearer {standing.key}", JSON),
        "/login": ("Content-Type: application/x-www-form-urlencoded",),
    }
    answers = {
        (path, what): wire.send(f"POST {path}", *headers, CHUNKED, body=body)[0]
        for path, headers in routes.items()
        for what, body in GARBLED.items()
    }
    assert answers == dict.fromkeys(answers, 400)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_chunked_webhook_is_as_good_as_any(standing: World, wire: Wire, size: int) -> None:
    parts = [EVENT[at : at + size] for at in range(0, len(EVENT), size)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    status, answer = wire.send(
        f"POST {standing.webhook}", f"X-Gitlab-Token: {SECRET}", JSON, CHUNKED, body=body
    )
    assert (status, '"ignored"' in answer) == (202, True)


@pytest.mark.parametrize(
    "lengths",
    [("-1",), ("+23",), ("abc",), ("0x17",), ("23", "5"), ("23", "23"), ("99999999999999999999",)],
)
def test_a_length_that_is_none_is_refused(
    standing: World, wire: Wire, lengths: tuple[str, ...]
) -> None:
    headers = [f"Content-Length: {length}" for length in lengths]
    status, _ = wire.send(
        f"POST {standing.webhook}", f"X-Gitlab-Token: {SECRET}", JSON, *headers, body=EVENT
    )
    assert status in (400, 413)


def test_two_lengths_of_two_kinds_are_not_read_one_after_the_other(
    standing: World, wire: Wire
) -> None:
    """A proxy that goes by the one, and a server by the other, smuggle requests."""
    smuggled = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    status, answer = wire.send(
        f"POST {standing.webhook}", JSON, CHUNKED, f"Content-Length: {len(smuggled)}", body=smuggled
    )
    assert (status, answer.count("HTTP/1.1 ")) == (400, 1)


@pytest.mark.parametrize(
    "header",
    ["SCRIPT_NAME: /evil", "PATH_INFO: /healthz", "X-Forwarded-Prefix: /evil",
     "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Forwarded-Ssl: on",
     "X_Forwarded_For: 192.0.2.1", "REMOTE_USER: root"],
)  # fmt: skip
def test_nobody_is_believed_where_no_proxy_is_trusted(wire: Wire, header: str) -> None:
    """From loopback, too: there a proxy may pass on what strangers say."""
    for path in ("/login", "/ops/rq", "/nothing"):
        plain, answer = wire.send(f"GET {path}"), wire.send(f"GET {path}", header)
        assert answer[0] == plain[0], path
        assert location(answer[1]) == location(plain[1])
        assert "evil" not in answer[1]


def test_headers_that_contradict_one_another_are_nothing_to_stop_at(wire: Wire) -> None:
    headers = ("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off", "X-Forwarded-Proto: http")
    assert wire.send("GET /healthz", *headers)[0] == 200


def location(answer: str) -> list[str]:
    return [line for line in answer.split("\r\n") if line.startswith("Location:")]
