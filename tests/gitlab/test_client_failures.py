"""GitLab, or what stands in its place, answering badly: each kind ends in its own code."""

import gzip
import time
from datetime import timedelta
from email.utils import format_datetime

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.items import ItemType
from tests.gitlab.asking import TOKEN, failure
from tests.gitlab.servers import reply, reply_json
from tests.hanging import HANGS
from tests.patience import equal_within

PAGE = "<!DOCTYPE html><title>Sign in</title>"
HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, '{"message": "400 Bad request"}', "http_400"),
        (401, '{"message": "401 Unauthorized"}', "auth_error"),
        (401, "", "auth_error"),
        (401, PAGE, "auth_error"),
        (403, '{"message": "403 Forbidden"}', "http_403"),
        (403, '{"error": "insufficient_scope", "scope": "api read_api"}', "insufficient_scope"),
        (404, '{"message": "404 Project Not Found"}', "not_found"),
        (404, PAGE, "not_found"),
        (405, '{"message": "Non GET methods are not allowed"}', "http_405"),
        (409, '{"message": "409 Conflict"}', "http_409"),
        (418, "[1, 2]", "http_418"),
        (429, "Retry later", "rate_limited"),
        (500, '"text"', "http_500"),
        (500, "7", "http_500"),
        (500, "[" * 100_000, "http_500"),
        (502, PAGE, "http_502"),
        (503, "", "http_503"),
        (599, "\x00", "http_599"),
        (304, "", "http_304"),
        (302, "", "http_302"),
        (302, "[" * 100_000, "http_302"),
        (600, "", "http_600"),
    ],
)
def test_a_status_ends_in_its_code(server, make_client, status, body, code):
    server.answer = lambda _: reply(body, status)
    raised = failure(make_client())
    assert (raised.code, raised.http_status, raised.retry_after) == (code, status, None)


def test_a_token_echoed_by_the_server_is_not_repeated(server, make_client):
    for status in (200, 400, 401, 403, 500):
        server.answer = lambda _, status=status: reply_json({"message": TOKEN}, status)
        failure(make_client())


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PAGE, HTML),
        (PAGE, {}),
        ("", {}),
        ("", HTML),
        ("null", {}),
        ("7", {}),
        ('"text"', {}),
        ("{}", {}),
        ('{"message": "ok"}', {}),
        ("[1]", {}),
        ("[null]", {}),
        ("[{}]", {}),
        ('[{"iid": "x"}]', {}),
        ('[{"iid": 1}', {}),
        ('[{"iid": NaN}]', {}),
        (b'[{"iid": 1, "title": "\xff"}]', {}),
        ("[" * 100_000 + "]" * 100_000, {}),
        ('{"a":' * 1_000 + "1" + "}" * 1_000, {}),
        ("[" + "0," * 1_100_000 + "0]", {}),
    ],
)
def test_an_answer_that_is_no_list_of_items_is_refused(server, make_client, body, headers):
    server.answer = lambda _: reply(body, headers=headers)
    raised = failure(make_client())
    assert (raised.code, raised.http_status) == ("http_200", 200)


def test_a_list_is_accepted_with_any_content_type(server, make_client):
    server.answer = lambda _: reply('[{"iid": 1}]', headers={"Content-Type": "text/plain"})
    assert set(make_client().fetch_items(42, ItemType.ISSUE, [1]).items) == {1}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_a_network_error(server, make_client, raw):
    server.answer = lambda _: [raw]
    raised = failure(make_client(seconds=3))
    assert (raised.code, raised.http_status) == ("network_error", None)


def test_a_gzipped_answer_that_breaks_off_is_refused(server, make_client):
    cut = gzip.compress(b'[{"iid": 1, "title": "Pump leaks"}]')[:24]
    server.answer = lambda _: reply(cut, headers={"Content-Encoding": "gzip"})
    assert failure(make_client()).code == "http_200"


def test_nobody_listening_is_a_network_error(server, make_client):
    client = make_client(f"http://127.0.0.1:{server.port}")
    server.answer = lambda _: [b""]
    assert failure(client).code == "network_error"


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again(server, make_client):
    server.answer = lambda _: [reply_json([])]  # closes after the answer, without saying so
    client = make_client()
    for number in (1, 2, 3):
        assert client.fetch_items(42, ItemType.ISSUE, [1]).items == {}
        equal_within(HANGS, lambda: server.closed, number)
    assert server.connections == 3


@pytest.mark.parametrize(
    ("value", "seconds"), [("30", 30), ("0", 0), ("soon", None), ("-1", None), ("", None)]
)
@pytest.mark.parametrize(("status", "code"), [(429, "rate_limited"), (503, "http_503")])
def test_a_wait_is_returned_and_not_slept(server, make_client, status, code, value, seconds):
    server.answer = lambda _: reply("Retry later\n", status, {"Retry-After": value})
    started = time.monotonic()
    raised = failure(make_client())
    assert (raised.code, raised.retry_after) == (code, seconds)
    assert time.monotonic() - started < HANGS
    assert len(server.requests) == 1


def test_a_wait_until_a_date_is_returned_in_seconds(server, make_client, clock):
    until = format_datetime(utcnow() + timedelta(seconds=90), usegmt=True)
    server.answer = lambda _: reply("Retry later\n", 429, {"Retry-After": until})
    assert failure(make_client()).retry_after == pytest.approx(90, abs=1)


def test_a_wait_of_one_answer_is_not_that_of_the_next(server, make_client):
    client = make_client()
    server.answer = lambda _: reply("", 503, {"Retry-After": "30"})
    assert failure(client).retry_after == 30
    server.answer = lambda _: reply("", 500)
    assert failure(client).retry_after is None


def test_a_client_that_met_a_429_asks_nothing_more(server, make_client):
    client = make_client()
    server.answer = lambda _: reply("Retry later\n", 429, {"Retry-After": "30"})
    assert failure(client).retry_after == 30
    server.answer = lambda _: reply_json([])
    for call in (lambda: client.project_id("ships/engine"), client.check_account):
        with pytest.raises(GitLabFailure) as caught:
            call()
        assert (caught.value.code, caught.value.retry_after) == ("rate_limited", 30)
    assert len(server.requests) == 1


def test_single_items_and_projects_fail_in_the_same_ways(server, make_client):
    client = make_client()
    for body in ("[]", "null", '{"title": "no iid"}', PAGE):
        server.answer = lambda _, body=body: reply(body)
        for call in (
            lambda: client.fetch_item(42, ItemType.ISSUE, 1),
            lambda: client.project_id("ships/engine"),
        ):
            with pytest.raises(GitLabFailure) as caught:
                call()
            assert caught.value.code == "http_200"
