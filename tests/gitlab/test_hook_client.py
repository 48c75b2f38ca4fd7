"""Hooks and tokens are changed as GitLab has it; an odd answer is a failure with a code."""

from datetime import date

import pytest

from gitlab_links.gitlab.answers import GitLabFailure, NewToken
from gitlab_links.gitlab.hook_client import MaintainingClient
from gitlab_links.gitlab.hooks import HookSettings
from tests.gitlab.servers import reply, reply_json

SETTINGS = HookSettings("https://links.example.com/hook", "s3cret", "", frozenset())
HOOK = {"id": 7, "url": "https://links.example.com/hook", "issues_events": True}


@pytest.fixture
def client(make_client):
    return make_client(kind=MaintainingClient)


def refusal(call):
    with pytest.raises(GitLabFailure) as caught:
        call()
    assert caught.value.detail.endswith((".", "?"))
    return caught.value


@pytest.mark.parametrize(
    ("given", "expires_at"),
    [("2027-02-01", date(2027, 2, 1)), (None, None), ("soon", None)],
)
def test_a_new_token_comes_with_its_end(server, client, given, expires_at):
    server.answer = lambda _: reply_json({"token": "glpat-new", "expires_at": given})
    assert client.rotate_token(date(2027, 2, 1)) == NewToken("glpat-new", expires_at)
    assert server.last.method == "POST"
    assert server.last.path == "/api/v4/personal_access_tokens/self/rotate"


@pytest.mark.parametrize("body", [{}, {"token": None}, {"token": ""}, {"token": "x" * 256}])
def test_an_answer_without_a_token_is_no_rotation(server, client, body):
    server.answer = lambda _: reply_json(body)
    assert "has no new token" in refusal(lambda: client.rotate_token(None)).detail


@pytest.mark.parametrize("body", [{}, {"id": "seven"}, {"id": True}])
def test_a_hook_without_an_id_was_not_made(server, client, body):
    server.answer = lambda _: reply_json(body, 201)
    assert "has no hook id" in refusal(lambda: client.create_hook(42, SETTINGS)).detail


def test_an_answer_that_is_no_json_is_reported_with_its_status(server, client):
    server.answer = lambda _: reply("<html>Created</html>", 201)
    raised = refusal(lambda: client.create_hook(42, SETTINGS))
    assert (raised.http_status, "is not usable JSON" in raised.detail) == (201, True)


def test_hooks_are_read_page_by_page_and_odd_rows_are_skipped(server, client):
    pages = [[HOOK] * 99 + ["odd"], [{"id": 8, "url": None}, HOOK | {"id": 9}]]
    server.answer = lambda request: reply_json(pages[int(request.query["page"][0]) - 1])
    assert [hook.id for hook in client.hooks("acme/press")] == [7] * 99 + [9]
    assert server.last.path == "/api/v4/projects/acme%2Fpress/hooks"


def test_hooks_beyond_the_page_limit_are_not_read(server, client):
    server.answer = lambda _: reply_json([HOOK] * 100)
    assert len(client.hooks(42)) == 500


@pytest.mark.parametrize("body", [None, {}, "hooks"])
def test_a_list_that_is_none_has_no_hooks(server, client, body):
    server.answer = lambda _: reply_json(body)
    assert client.hooks(42) == []


def test_failed_events_come_oldest_first_and_odd_rows_are_skipped(server, client):
    failed = {"client_failure": [{"id": 5}, {"id": 2}, {}, 3], "server_failure": [{"id": 4}]}
    server.answer = lambda request: reply_json(failed[request.query["status"][0]])
    assert client.failed_events(42, 7) == [2, 4, 5]


def test_a_hook_without_details_counts_as_working(server, client):
    server.answer = lambda _: reply_json([HOOK])
    (hook,) = client.hooks(42)
    assert (hook.alert_status, hook.disabled_until, hook.has_token, hook.signs) == (
        "executable",
        None,
        True,
        False,
    )
