"""Bad input, by surface: each case with its exact status and code, as the contract has it."""

import json
from typing import Any

import pytest

from gitlab_links.accounts.models import Org
from tests.api.callers import Caller
from tests.factories import Factory, unknown_id

JSON = {"Content-Type": "application/json"}

BODIES = {
    "nothing": (b"", 400, "invalid_json"),
    "no JSON": (b"{", 400, "invalid_json"),
    "NaN": (b'{"title": NaN}', 400, "invalid_json"),
    "not UTF-8": (b'{"title": "\xff"}', 400, "invalid_json"),
    "UTF-16": ('{"title": "a"}'.encode("utf-16"), 400, "invalid_json"),
    "deep": (b"[" * 60_000, 400, "json_too_deep"),
    "65 levels": (b'{"title":' + b"[" * 65 + b"]" * 65 + b"}", 400, "json_too_deep"),
    "a list": (b"[]", 422, "validation_error"),
    "a string": (b'"title"', 422, "validation_error"),
    "null": (b"null", 422, "validation_error"),
    "an unknown field": (b'{"title": "a", "id": 1}', 422, "validation_error"),
    "a missing field": (b"{}", 422, "validation_error"),
    "a number for text": (b'{"title": 1}', 422, "validation_error"),
    "null for text": (b'{"title": null}', 422, "validation_error"),
    "a list for text": (b'{"title": ["a"]}', 422, "validation_error"),
    "1e400": (b'{"title": 1e400}', 422, "validation_error"),
    "5,000 digits": (b'{"title": %s}' % (b"9" * 5000), 422, "validation_error"),
    "NUL": (rb'{"title": "a\u0000b"}', 422, "validation_error"),
    "a lone surrogate": (rb'{"title": "a\ud800b"}', 422, "validation_error"),
    "a control character": (rb'{"title": "a\u001bb"}', 422, "validation_error"),
    "a line break": (rb'{"title": "a\n"}', 422, "validation_error"),
    "empty": (b'{"title": ""}', 422, "validation_error"),
    "blank": (b'{"title": " "}', 422, "validation_error"),
    "too long": (b'{"title": "%s"}' % (b"x" * 256), 422, "validation_error"),
    "an unknown status": (b'{"title": "a", "status": "new"}', 422, "validation_error"),
    "a script for a URL": (
        b'{"title": "a", "external_url": "javascript:alert(1)"}',
        422,
        "validation_error",
    ),
    "too large": (b'{"title": "%s"}' % (b"x" * 65_536), 413, "body_too_large"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body(admin: Caller, base: str, case: str) -> None:
    body, status, code = BODIES[case]
    answer = admin.post(f"{base}/tasks", data=body, headers=JSON)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert answer.json.keys() >= {"type", "title", "status", "detail", "code"}


def test_a_body_that_is_good_with_all_sorts_of_letters(admin: Caller, base: str) -> None:
    title = 'Grüße, 你好, 🎉 "quoted" <b>'
    for body in (json.dumps({"title": title}), json.dumps({"title": title}, ensure_ascii=False)):
        answer = admin.post(f"{base}/tasks", data=body.encode(), headers=JSON)
        assert answer.json["task"]["title"] == title
    bom = b"\xef\xbb\xbf" + json.dumps({"title": title}).encode()
    assert admin.post(f"{base}/tasks", data=bom, headers=JSON).status_code == 201


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/xml", None]
)
def test_another_media_type(admin: Caller, base: str, media: str | None) -> None:
    headers = {} if media is None else {"Content-Type": media}
    answer = admin.post(f"{base}/tasks", data=b'{"title": "a"}', headers=headers)
    assert (answer.status_code, answer.json["code"]) == (415, "unsupported_media_type")


QUERIES = {
    "limit=0": "limit",
    "limit=-1": "limit",
    "limit=101": "limit",
    "limit=abc": "limit",
    "limit=1e3": "limit",
    "limit=1_0": "limit",
    "limit=+1": "limit",
    "limit=%201": "limit",
    "limit=1.0": "limit",
    "limit=": "limit",
    "limit=%D9%A1": "limit",
    "limit=99999999999999999999": "limit",
    "limit=1&limit=2": "limit",
    "page=2": "page",
    "cursor=": "cursor",
    "cursor=garbage": "cursor",
    "cursor=" + "0" * 31: "cursor",
    "cursor=%00": "cursor",
    "cursor=title~zz~" + "0" * 32: "cursor",
}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(
    "path", ["/tasks", "/members", "/api-keys", "/deliveries", "/audit-events", "/gitlab-links"]
)
def test_a_query(admin: Caller, base: str, path: str, query: str) -> None:
    answer = admin.get(f"{base}{path}?{query}")
    assert (answer.status_code, answer.json["code"]) == (422, "validation_error")
    assert list(answer.json["errors"]) == [QUERIES[query]]


@pytest.mark.parametrize(
    "query",
    ["status=new", "sort=number", "q=", "q=" + "x" * 101, "q=%1B", "q=a&q=b", "status=open&x=1"],
)
def test_a_query_for_tasks(admin: Caller, base: str, query: str) -> None:
    assert admin.get(f"{base}/tasks?{query}").status_code == 422


@pytest.mark.parametrize(
    "query",
    ["state=open", "gitlab_type=epic", "sync_status=late", "label=", "label=%00", "assignee=",
     "task_id=1", "&".join(["label=a"] * 11), "sort=-iid"],
)  # fmt: skip
def test_a_query_for_links(admin: Caller, base: str, query: str) -> None:
    assert admin.get(f"{base}/gitlab-links?{query}").status_code == 422


def test_a_parameter_where_none_is_taken(admin: Caller, base: str) -> None:
    answer = admin.get(f"{base}?verbose=1")
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["verbose"])


@pytest.mark.parametrize(
    "org_id",
    ["1", "x", "%00", "00000000-0000-0000-0000-00000000000g", "{org}", "a" * 3000, "..%2f..",
     "00000000000000000000000000000000"],
)  # fmt: skip
@pytest.mark.parametrize("rest", ["", "/tasks", "/integrations/gitlab"])
def test_an_id_that_is_none_looks_like_one_that_is_unknown(
    admin: Caller, org_id: str, rest: str
) -> None:
    unknown = admin.get(f"/api/orgs/{unknown_id()}{rest}")
    answer = admin.get(f"/api/orgs/{org_id}{rest}")
    assert answer.status_code == unknown.status_code == 404
    assert answer.json == unknown.json


def test_a_method_that_is_not_there(admin: Caller, base: str) -> None:
    answer = admin.call("PUT", f"{base}/tasks")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


BASE_URLS = {
    "ftp://gitlab.example.com": "base_url_scheme",
    "http://gitlab.example.com": "base_url_scheme",
    "https://u:p@gitlab.example.com": "base_url_credentials",
    "https://gitlab.example.com:0": "base_url_port",
    "https://gitlab.example.com/a/../b": "base_url_path",
    "https://gitlab.example.com/?q": "base_url_invalid",
    "https://gitläb.example.com": "base_url_not_ascii",
    "https://" + "a" * 500 + ".com": "base_url_too_long",
    "https://127.0.0.1": "base_url_blocked_address",
    "https://169.254.169.254": "base_url_blocked_address",
}


@pytest.mark.parametrize("url", BASE_URLS)
def test_a_base_url(admin: Caller, base: str, url: str) -> None:
    answer = admin.patch(f"{base}/integrations/gitlab", json={"base_url": url})
    assert (answer.status_code, answer.json["code"]) == (422, BASE_URLS[url])
    assert list(answer.json["errors"]) == ["base_url"]


CHANGES: dict[str, dict[str, Any]] = {
    "no text": {"base_url": 1},
    "null": {"token": None},
    "unknown": {"secret": "x"},
    "a token with a space": {"base_url": "https://gitlab.example.com", "token": "a b"},
    "a token with a line break": {"base_url": "https://gitlab.example.com", "token": "a\n"},
    "a token of other letters": {"base_url": "https://gitlab.example.com", "token": "tökén"},
    "an endless secret": {"webhook_secret": "x" * 256},
    "a signing token that is none": {"signing_token": "secret"},
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_of_the_integration(admin: Caller, base: str, case: str) -> None:
    answer = admin.patch(f"{base}/integrations/gitlab", json=CHANGES[case])
    assert (answer.status_code, answer.json["code"]) == (422, "validation_error")
    state = admin.get(f"{base}/integrations/gitlab").json["gitlab"]
    assert (state["base_url"], state["has_token"], state["webhook_configured"]) == (
        None,
        False,
        False,
    )


LINKS = {
    1: "validation_error",
    "": "url_invalid",
    "gitlab.example.com/a/b/-/issues/1": "url_invalid",
    "https://u:p@gitlab.example.com/a/b/-/issues/1": "url_credentials",
    "https://gitlab.other.com/a/b/-/issues/1": "url_host_mismatch",
    "https://gitlab.example.com/b/-/issues/1": "url_project_path",
    "https://gitlab.example.com/a/../b/-/issues/1": "url_project_path",
    "https://gitlab.example.com/a/b/-/issues/0": "url_iid",
    "https://gitlab.example.com/a/b/-/issues/1_0": "url_iid",
    "https://gitlab.example.com/a/b/-/issues/x": "url_iid",
    "https://gitlab.example.com/a/b/-/tree/main": "url_not_issue_or_mr",
    "https://gitlab.example.com/groups/a/-/epics/1": "url_epic_unsupported",
    "https://gitlab.example.com/ä/b/-/issues/1": "url_not_ascii",
    "https://gitlab.example.com/" + "a" * 5000: "url_too_long",
}


@pytest.mark.parametrize("url", LINKS)
def test_the_url_of_a_link(admin: Caller, factory: Factory, org: Org, base: str, url: Any) -> None:
    factory.integration(org)
    path = f"{base}/tasks/{factory.task(org).id}/gitlab-links"
    answer = admin.post(path, json={"url": url})
    assert (answer.status_code, answer.json["code"]) == (422, LINKS[url])
    assert list(answer.json["errors"]) == ["url"]
