"""The requests to GitLab, and what the client returns for good answers."""

import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from gitlab_links import __version__
from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.gitlab.answers import GitLabFailure, RateLimit, TokenCheck
from gitlab_links.gitlab.client import GitLabClient
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import Label, Person
from gitlab_links.gitlab.token_client import CheckingClient
from gitlab_links.gitlab.urls import BaseUrl
from tests.gitlab.asking import TOKEN
from tests.gitlab.servers import reply, reply_json

ISSUE, MERGE_REQUEST = ItemType.ISSUE, ItemType.MERGE_REQUEST


def item(iid, **more):
    return {"iid": iid, "project_id": 42, "title": f"Item {iid}", "state": "opened"} | more


def listing(request):
    """Answers a list request with the requested items, without those over 100."""
    wanted = [int(iid) for iid in request.query["iids[]"]]
    return reply_json([item(iid) for iid in wanted if iid <= 100])


# Batches


def test_a_batch_of_a_hundred_is_one_request(server, make_client):
    server.answer = listing
    before = utcnow()
    fetched = make_client().fetch_items(42, ISSUE, range(1, 101))
    assert list(fetched.items) == list(range(1, 101))
    assert fetched.items[7].title == "Item 7"
    assert before <= fetched.started_at <= utcnow()
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/api/v4/projects/42/issues")
    assert request.query["iids[]"] == [str(iid) for iid in range(1, 101)]
    assert request.query["per_page"] == ["100"]
    assert request.query["with_labels_details"] == ["true"]


def test_the_token_is_sent_as_a_bearer_and_nowhere_else(server, make_client):
    server.answer = listing
    make_client().fetch_items(42, ISSUE, [1])
    assert server.last.headers["authorization"] == f"Bearer {TOKEN}"
    assert server.last.head.count(TOKEN) == 1


def test_gitlab_reads_which_version_calls_it(server, make_client):
    server.answer = listing
    make_client().fetch_items(42, ISSUE, [1])
    assert server.last.headers["user-agent"] == f"gitlab_links/{__version__}"


@pytest.mark.parametrize(
    ("project", "item_type", "path"),
    [
        (42, MERGE_REQUEST, "/api/v4/projects/42/merge_requests"),
        ("ships/engine", ISSUE, "/api/v4/projects/ships%2Fengine/issues"),
        ("a/b.c/d-e", ISSUE, "/api/v4/projects/a%2Fb.c%2Fd-e/issues"),
    ],
)
@pytest.mark.parametrize("root", ["", "/tools/gitlab"])
def test_a_project_is_requested_by_id_or_by_path(
    server, make_client, project, item_type, path, root
):
    server.answer = listing
    client = make_client(f"http://127.0.0.1:{server.port}{root}")
    assert set(client.fetch_items(project, item_type, [3]).items) == {3}
    assert server.last.path == root + path


def test_absent_items_are_missing_and_unrequested_ones_are_left_out(server, make_client):
    server.answer = lambda _: reply_json([item(1), item(9), item(1, title="again")])
    fetched = make_client().fetch_items(42, ISSUE, [3, 1, 1])
    assert set(fetched.items) == {1}
    assert server.last.query["iids[]"] == ["1", "3"]


def test_an_empty_batch_makes_no_request(server, make_client):
    assert make_client().fetch_items(42, ISSUE, []).items == {}
    assert server.requests == []


def test_more_than_a_page_is_the_callers_mistake(make_client):
    with pytest.raises(ValueError, match="101"):
        make_client().fetch_items(42, ISSUE, range(1, 102))


def test_a_batch_that_is_too_large_is_fetched_in_halves(server, make_client):
    def answer(request):
        wanted = [int(iid) for iid in request.query["iids[]"]]
        return reply_json([item(iid, description="x" * 4_000) for iid in wanted])

    server.answer = answer
    fetched = make_client(max_bytes=10_000).fetch_items(42, ISSUE, range(1, 9))
    assert list(fetched.items) == list(range(1, 9))
    assert [len(one.query["iids[]"]) for one in server.requests] == [8, 4, 2, 2, 4, 2, 2]


def test_one_item_that_is_too_large_is_a_failure(server, make_client):
    server.answer = lambda _: reply_json([item(1, description="x" * 20_000)])
    with pytest.raises(GitLabFailure) as caught:
        make_client(max_bytes=10_000).fetch_items(42, ISSUE, [1])
    assert caught.value.code == "http_200"
    assert len(server.requests) == 1


def test_label_colours_come_with_a_batch(server, make_client):
    label = {"name": "urgent", "color": "#d9534f", "text_color": "#FFFFFF"}
    server.answer = lambda _: reply_json([item(1, labels=[label])])
    (snapshot,) = make_client().fetch_items(42, ISSUE, [1]).items.values()
    assert snapshot.labels == (Label("urgent", "#d9534f", "#ffffff"),)


# Single things


def test_one_item_is_fetched_in_full(server, make_client):
    server.answer = lambda _: reply_json(item(4, head_pipeline={"status": "running"}))
    snapshot = make_client().fetch_item("ships/engine", MERGE_REQUEST, 4)
    assert (snapshot.iid, snapshot.pipeline_status) == (4, "running")
    assert server.last.path == "/api/v4/projects/ships%2Fengine/merge_requests/4"
    assert len(server.requests) == 1


def test_the_id_of_a_project_is_found_behind_a_former_path(server, make_client):
    def answer(request):
        if request.path.endswith("ships%2Fold"):
            return reply(status=301, headers={"Location": "/api/v4/projects/42"})
        return reply_json({"id": 42, "path_with_namespace": "ships/engine"})

    server.answer = answer
    assert make_client().project_id("ships/old") == 42


# Rate limits


def test_the_client_has_the_latest_rate_limit(server, make_client):
    client = make_client()
    assert client.rate_limit is None
    headers = {"RateLimit-Limit": 2000, "RateLimit-Remaining": 7, "RateLimit-Reset": 1780000000}
    server.answer = lambda _: reply_json([], headers=headers)
    client.fetch_items(42, ISSUE, [1])
    seen = RateLimit(2000, 7, datetime.fromtimestamp(1780000000, UTC))
    assert client.rate_limit == seen
    server.answer = lambda _: reply_json([])
    client.fetch_items(42, ISSUE, [1])
    assert client.rate_limit == seen


# Tokens

SELF = {"id": 1, "name": "Links", "scopes": ["read_api"], "expires_at": "2026-12-31"}
USER = {"id": 9, "username": "project_42_bot", "name": "Links", "bot": True}


def token_server(**answers):
    known = {
        "/api/v4/personal_access_tokens/self": reply_json(SELF),
        "/api/v4/user": reply_json(USER),
        "/api/v4/version": reply_json({"version": "18.2.1-ee", "revision": "abc"}),
        "/api/v4/projects": reply_json([]),
    } | {f"/api/v4/{path}": answer for path, answer in answers.items()}
    return lambda request: known[request.path]


def test_a_token_that_works_is_described(server, make_client):
    server.answer = token_server()
    assert make_client(kind=CheckingClient).check_token() == TokenCheck(
        user=Person("project_42_bot", "Links"),
        scopes=("read_api",),
        expires_at=date(2026, 12, 31),
        gitlab_version="18.2.1-ee",
    )


@pytest.mark.parametrize("scopes", [["api"], ["read_user", "read_api"], ["api", "sudo", 7]])
def test_api_and_read_api_are_enough(server, make_client, scopes):
    own = SELF | {"scopes": scopes, "expires_at": None}
    server.answer = token_server(**{"personal_access_tokens/self": reply_json(own)})
    check = make_client(kind=CheckingClient).check_token()
    assert check.scopes == tuple(scope for scope in scopes if scope != 7)
    assert check.expires_at is None


@pytest.mark.parametrize("scopes", [[], ["read_user"], ["read_repository", "write_repository"]])
def test_other_scopes_are_not_enough(server, make_client, scopes):
    own = SELF | {"scopes": scopes}
    lacking = reply_json({"error": "insufficient_scope", "scope": "api read_api"}, 403)
    server.answer = token_server(
        **{"personal_access_tokens/self": reply_json(own), "projects": lacking}
    )
    with pytest.raises(GitLabFailure) as caught:
        make_client(kind=CheckingClient).check_token()
    assert caught.value.code == "insufficient_scope"
    assert "read_api" in caught.value.detail
    assert caught.value.held == tuple(scopes)


def test_a_gitlab_without_token_details_is_checked_by_reading(server, make_client):
    missing = reply_json({"error": "404 Not Found"}, 404)
    server.answer = token_server(**{"personal_access_tokens/self": missing, "version": missing})
    check = make_client(kind=CheckingClient).check_token()
    assert check == TokenCheck(Person("project_42_bot", "Links"), None, None, None)
    lacking = reply_json({"error": "insufficient_scope", "scope": "api read_api"}, 403)
    server.answer = token_server(**{"personal_access_tokens/self": missing, "projects": lacking})
    with pytest.raises(GitLabFailure) as caught:
        make_client(kind=CheckingClient).check_token()
    assert caught.value.code == "insufficient_scope"


@pytest.mark.parametrize("path", ["personal_access_tokens/self", "user", "version"])
def test_a_token_gitlab_refuses_is_an_auth_error(server, make_client, path):
    revoked = reply_json({"error": "invalid_token", "error_description": "Token revoked."}, 401)
    server.answer = token_server(**{path: revoked})
    with pytest.raises(GitLabFailure) as caught:
        make_client(kind=CheckingClient).check_token()
    assert (caught.value.code, caught.value.http_status) == ("auth_error", 401)


DENIED = {
    "error": "insufficient_granular_scope",
    "error_description": "Access denied: This operation requires a fine-grained personal access "
    "token with the following project permissions: [Work Item: Read].",
}
GRANULAR = {"personal_access_tokens/self": reply_json(SELF | {"scopes": ["granular"]})}


def test_a_fine_grained_token_is_judged_by_the_lists_it_has_to_read(server, make_client):
    lists = {"projects/7/issues": reply_json([]), "projects/7/merge_requests": reply_json([])}
    denied = reply_json(DENIED, 403)
    needed = [(7, ISSUE), (7, ItemType.MERGE_REQUEST)]
    check = make_client(kind=CheckingClient).check_token

    server.answer = token_server(**GRANULAR, **lists, projects=denied, version=denied)
    assert (check(needed).scopes, check(needed).missing) == (("granular",), ())

    server.answer = token_server(**lists | {"projects/7/issues": denied}, **GRANULAR)
    assert check(needed).missing == ("Work Item: Read",)

    server.answer = token_server(**dict.fromkeys(lists, denied), **GRANULAR)
    with pytest.raises(GitLabFailure) as caught:
        check(needed)
    assert (caught.value.code, caught.value.granular) == ("insufficient_scope", True)
    assert caught.value.needed == ("Work Item: Read",)


def test_a_token_that_may_not_read_itself_is_no_failure(server, make_client):
    refused = reply_json({"message": "403 Forbidden"}, 403)
    introspection = dict.fromkeys(["personal_access_tokens/self", "user", "version"], refused)
    server.answer = token_server(**introspection, **{"projects/7/issues": reply_json([])})
    check = make_client(kind=CheckingClient).check_token([(7, ISSUE)])
    assert check == TokenCheck(None, None, None, None)


def test_a_blocked_account_is_reported_with_gitlabs_reason(server, make_client):
    blocked = reply_json({"message": "403 Forbidden - Your account has been blocked."}, 403)
    server.answer = lambda _: blocked
    client = make_client(kind=CheckingClient)
    for call in (
        client.check_token,
        client.check_account,
        lambda: client.check_token([(7, ISSUE)]),
    ):
        with pytest.raises(GitLabFailure) as caught:
            call()
        assert (caught.value.code, caught.value.reason) == (
            "http_403",
            "Your account has been blocked.",
        )


@pytest.mark.parametrize("token", ["", "glpat abc", "glpat-abc\r\nX-Evil: 1", "tökén", "a\x00b"])
def test_a_token_no_header_can_carry_is_an_auth_error(token):
    with pytest.raises(GitLabFailure) as caught:
        GitLabClient(BaseUrl("https", "gitlab.com", None, ""), token, allowed=AllowedHosts())
    assert caught.value.code == "auth_error"


# Secrets and imports


def test_a_client_does_not_show_its_token(make_client):
    client = make_client()
    assert TOKEN not in repr(client)
    assert TOKEN not in str(client)


def test_taking_a_webhook_imports_neither_python_gitlab_nor_requests():
    modules = ["events", "urls", "signatures", "answers", "answer_headers", "api_snapshot"]
    program = "; ".join(
        [
            "import sys",
            *(f"import gitlab_links.gitlab.{module}" for module in modules),
            "print([name for name in ('gitlab', 'requests', 'urllib3') if name in sys.modules])",
        ]
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"
