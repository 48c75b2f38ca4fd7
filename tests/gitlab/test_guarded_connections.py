"""Where connections go and what they carry, tried on real sockets."""

import contextlib
import socket
import time

import pytest

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.gitlab.client import GitLabClient
from gitlab_links.gitlab.urls import BaseUrl
from tests.gitlab.asking import ONE_ISSUE, TOKEN, failure, fetch, tls_client
from tests.gitlab.servers import make_authority, reply, reply_json, serving
from tests.hanging import HANGS


def never(*_):
    raise AssertionError("this must not be called")


def test_every_record_of_a_name_is_checked_before_any_is_used(server, make_client):
    client = make_client(
        "https://gitlab.example.com", resolver=lambda *_: ["93.184.216.34", "10.0.0.1"]
    )
    assert failure(client).code == "blocked_address"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "100.64.0.1", "169.254.169.254", "0.0.0.0"),
        *("::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fe80::1%lo"),
    ],
)
def test_a_name_that_points_inside_is_refused(make_client, address):
    client = make_client("https://gitlab.example.com", resolver=lambda *_: [address])
    raised = failure(client)
    assert (raised.code, raised.http_status) == ("blocked_address", None)


def test_the_checked_address_is_the_one_connected_to(server, make_client, monkeypatch):
    server.answer = lambda _: reply_json(ONE_ISSUE)
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    client = make_client(
        f"http://gitlab.test:{server.port}",
        listed=(f"gitlab.test:{server.port}",),
        resolver=lambda *_: next(answers),
    )
    monkeypatch.setattr(socket, "getaddrinfo", never)
    assert fetch(client)
    # The name now points elsewhere; a new connection is checked anew.
    server.answer = lambda _: reply_json(ONE_ISSUE, headers={"Connection": "close"})
    assert fetch(client)
    assert failure(client).code == "blocked_address"
    assert server.connections == 1


def test_a_loopback_server_that_is_not_listed_sees_no_connection(server):
    # As if the operator took the host off the list after an admin had set it.
    base = BaseUrl("http", "127.0.0.1", server.port, "")
    with GitLabClient(base, TOKEN, allowed=AllowedHosts.parse([])) as client:
        assert failure(client).code == "blocked_address"
    assert server.connections == 0


def test_a_listed_loopback_name_is_resolved_by_the_system(server, make_client):
    server.answer = lambda _: reply_json(ONE_ISSUE)
    name = f"localhost:{server.port}"
    assert set(fetch(make_client(f"http://{name}", listed=(name,)))) == {1}


def test_the_next_address_is_tried_when_one_does_not_answer(server, make_client):
    server.answer = lambda _: reply_json(ONE_ISSUE)
    name = f"gitlab.test:{server.port}"
    client = make_client(
        f"http://{name}", listed=(name,), resolver=lambda *_: ["127.0.0.2", "127.0.0.1"]
    )
    assert set(fetch(client)) == {1}


def raising(error):
    def resolve(*_):
        raise error

    return resolve


@pytest.mark.parametrize(
    ("resolver", "seconds", "words"),
    [
        (raising(socket.gaierror(-2, "unknown")), HANGS, "does not resolve"),
        (raising(UnicodeError("label too long")), HANGS, "does not resolve"),
        (lambda *_: [], HANGS, "cannot be reached"),
        (lambda *_: time.sleep(5) or [], 0.4, "in time"),
    ],
)
def test_a_name_that_does_not_resolve_is_a_network_error(make_client, resolver, seconds, words):
    raised = failure(make_client("https://gitlab.example.com", resolver=resolver, seconds=seconds))
    assert (raised.code, words in raised.detail) == ("network_error", True)


def test_proxies_and_netrc_of_the_environment_are_ignored(
    server, make_client, monkeypatch, tmp_path
):
    server.answer = lambda _: reply_json(ONE_ISSUE)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(lambda _: reply_json([])) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert fetch(make_client())
        assert proxy.connections == 0
    assert server.last.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("name", ["localhost", "metadata.google.internal"])
def test_a_name_inside_is_not_even_looked_up(name):
    # As if it had been allowed when the base URL was set.
    base = BaseUrl("https", name, 443, "")
    with GitLabClient(base, TOKEN, allowed=AllowedHosts.parse([]), resolver=never) as client:
        assert "is an internal name" in failure(client).detail


def test_an_address_that_takes_no_connection_is_given_up_in_time(make_client):
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            filler = waiting.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        name = f"127.0.0.1:{full.getsockname()[1]}"
        started = time.monotonic()
        raised = failure(make_client(f"http://{name}", listed=(name,), seconds=0.4))
        assert time.monotonic() - started < HANGS
    assert (raised.code, "in time" in raised.detail) == ("network_error", True)


# TLS


def test_a_private_authority_can_be_trusted(make_client, tmp_path):
    authority = make_authority(tmp_path, "gitlab.test")
    with serving(lambda _: reply_json(ONE_ISSUE), authority.server) as secure:
        client = tls_client(make_client, secure.port, ca_file=str(authority.ca_file))
        assert set(fetch(client)) == {1}
        assert set(fetch(client)) == {1}
        assert secure.connections == 1


@pytest.mark.parametrize(
    ("certified", "trusted"), [("other.test", True), ("127.0.0.1", True), ("gitlab.test", False)]
)
def test_a_certificate_for_another_name_or_by_a_stranger_is_refused(
    make_client, tmp_path, certified, trusted
):
    authority = make_authority(tmp_path, certified)
    ca_file = str(authority.ca_file) if trusted else None
    with serving(lambda _: reply_json(ONE_ISSUE), authority.server) as secure:
        raised = failure(tls_client(make_client, secure.port, ca_file=ca_file))
        assert (raised.code, "certificate" in raised.detail) == ("network_error", True)
        assert secure.requests == []


def test_plain_http_behind_an_https_address_is_a_network_error(server, make_client):
    assert failure(tls_client(make_client, server.port, seconds=0.5)).code == "network_error"


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{other}/api/v4/projects/1",
        "//127.0.0.1:{other}/x",
        "http://localhost:{port}/x",
        "https://127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}@127.0.0.1:{other}/x",
        "http://x@127.0.0.1:{port}/x",
        "http://[::1/x",
        "ftp://127.0.0.1:{port}/x",
        "/not-utf-8-\udcff",
    ],
)
def test_a_redirect_out_of_the_origin_is_never_followed(server, make_client, status, location):
    with serving(lambda _: reply_json(ONE_ISSUE)) as other:
        target = location.format(port=server.port, other=other.port)
        server.answer = lambda _: reply(status=status, headers={"Location": target})
        listed = (f"127.0.0.1:{other.port}", f"localhost:{server.port}")
        assert failure(make_client(listed=listed)).code == f"http_{status}"
        assert (other.connections, len(server.requests)) == (0, 1)


@pytest.mark.parametrize("location", ["/api/v4/projects/42/issues", "http://127.0.0.1:{port}/x"])
def test_a_redirect_within_the_origin_is_followed_with_the_token(server, make_client, location):
    def answer(request):
        if "old" in request.path:
            return reply(status=301, headers={"Location": location.format(port=server.port)})
        return reply_json(ONE_ISSUE)

    server.answer = answer
    assert set(fetch(make_client(), "ships/old")) == {1}
    assert [one.headers["authorization"] for one in server.requests] == [f"Bearer {TOKEN}"] * 2


def test_a_redirect_loop_ends(server, make_client):
    server.answer = lambda request: reply(status=302, headers={"Location": request.target})
    raised = failure(make_client())
    assert (raised.code, raised.http_status) == ("http_302", 302)
    assert len(server.requests) <= 5


# Manners


def test_connections_are_reused_and_cookies_are_not(server, make_client):
    server.answer = lambda _: reply_json(ONE_ISSUE, headers={"Set-Cookie": "_session=1; Path=/"})
    client = make_client()
    for _ in range(3):
        assert fetch(client)
    assert server.connections == 1
    assert "cookie" not in server.last.headers
