"""Paths, methods and query strings that are wrong, on every route of the API and every page."""

import re
import uuid
from typing import Any

import pytest
from flask import Flask

from tests.api.callers import browser
from tests.security.conftest import World, refusal

pytestmark = pytest.mark.slow

NO_IDS = [
    "x",
    "0",
    "-1",
    "null",
    "undefined",
    "%00",
    "%0a",
    "%ff",
    "..%2f..",
    "%2e%2e",
    "' OR 1=1 --",
    "*",
    "{id}",
    "٣",
    "00000000-0000-0000-0000-00000000000",
    "00000000-0000-0000-0000-0000000000000",
    "00000000-0000-0000-0000-00000000000g",
    "00000000000000000000000000000000",
    "{00000000-0000-0000-0000-000000000000}",
    "urn:uuid:00000000-0000-0000-0000-000000000000",
    "00000000-0000-0000-0000-000000000000%20",
    "00000000-0000-0000-0000-000000000000%0a",
    "a" * 3000,
]


def rules(app: Flask, prefix: str) -> list[tuple[str, str]]:
    """Method and rule of every route with an id in it, HEAD and OPTIONS aside."""
    return [
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(prefix) and "<uuid:" in rule.rule
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def filled(rule: str, *, last: str, org_id: uuid.UUID) -> str:
    """The rule with the org's id, unknown ids, and ``last`` for the last of its ids."""
    path = rule.replace("<uuid:org_id>", str(org_id), 1) if rule.count("<uuid:") > 1 else rule
    first, _, tail = path.rpartition("<uuid:")
    path = first + last + tail.partition(">")[2]
    path = re.sub(r"<uuid:\w+>", lambda _: str(uuid.uuid4()), path)
    return path.replace("<reference>", "ACME-1")


@pytest.mark.parametrize(
    "text", [*NO_IDS, str(uuid.UUID(int=0)), "ffffffff-ffff-ffff-ffff-ffffffffffff"]
)
def test_what_is_no_id_of_ours_is_one_plain_404(standing: World, text: str) -> None:
    bodies = set()
    for method, rule in rules(standing.app, "/api/"):
        path = filled(rule, last=text, org_id=standing.org.id)
        if rule.endswith("/gitlab/webhook"):
            continue
        options = {"json": _body(rule)} if method in ("POST", "PATCH") else {}
        answer = standing.send(method, path, **options)
        assert refusal(answer) == (404, "not_found"), (method, path)
        bodies.add(answer.get_data())
    assert len(bodies) == 1


def _body(rule: str) -> dict[str, Any]:
    """Right for the route, so that only the id is wrong."""
    if rule.endswith("/gitlab-links"):
        return {"url": "https://gitlab.example.com/acme/app/-/issues/1"}
    if rule.endswith("/gitlab-links/batch"):
        return {"links": [{"url": "https://gitlab.example.com/acme/app/-/issues/1"}]}
    if rule.endswith("<uuid:link_id>"):
        return {"made_by_person": True}
    if "/backfills" in rule:
        return {"step": "stop"}
    if rule.endswith("<uuid:member_id>"):
        return {"role": "member"}
    if rule.endswith("/members"):
        return {"email": "sam@example.com", "role": "member"}
    if rule.endswith("/api-keys"):
        return {"name": "x", "scopes": ["read"]}
    return {"title": "x"} if rule.endswith(("/tasks", "<uuid:task_id>")) else {}


@pytest.mark.parametrize("text", NO_IDS)
def test_what_is_no_id_is_a_404_on_pages_too(standing: World, text: str) -> None:
    admin = browser(standing.app, standing.user.id)
    for method, rule in rules(standing.app, "/orgs/"):
        path = filled(rule, last=text, org_id=standing.org.id)
        answer = admin.call(method, path, headers={"Accept": "text/html"})
        assert answer.status_code == 404, (method, path)
        # A file that cannot be made says why in plain words.
        assert answer.mimetype == ("text/plain" if rule.endswith(".csv") else "text/html")


@pytest.mark.parametrize("text", ["x", "ACME-0", "ACME-01", "ACME-99999999999", "ACME--1",
    "ACME-1_0", "ACME-٣", "acme", "-1", "%00", "ACME-1%0a", "é"])  # fmt: skip
def test_what_is_no_reference_is_a_404(standing: World, text: str) -> None:
    admin = browser(standing.app, standing.user.id)
    for path in (f"tasks/{text}", f"tasks/{text}/edit"):
        answer = admin.get(f"/orgs/{standing.org.id}/{path}")
        assert answer.status_code == 404, path


def test_methods_that_a_route_has_not_are_a_405_that_says_which_it_has(standing: World) -> None:
    by_rule: dict[str, set[str]] = {}
    for rule in standing.app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            by_rule.setdefault(rule.rule, set()).update(rule.methods or ())
    for rule, has in by_rule.items():
        path = re.sub(r"<uuid:\w+>", lambda _: str(standing.org.id), rule).replace(
            "<path:filename>", "x"
        )
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - has:
            answer = standing.send(method, path)
            assert refusal(answer) == (405, "method_not_allowed"), (method, path)
            assert set(re.split(r", ?", answer.headers["Allow"])) == has


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/orgs/", "/api/nothing",
    "/api//orgs", "/api/orgs//", "/api/%", "/api/orgs/../me", "/api/%2e%2e/login", "/api/me/",
    "/api/me%00", "/api/me%0a", "/api/\xff", "/api/openapi.yaml",
    "/api/docs/static/../../config.py", "/api/docs/static/%2e%2e/x",
    "/api/docs/static/..%2f..%2fconfig.py", "/api/docs/static/%00"], )  # fmt: skip
def test_an_address_that_is_none_is_a_404_in_json(standing: World, path: str) -> None:
    answer = standing.send("GET", path)
    if answer.status_code == 308:
        assert answer.headers["Location"].startswith(("http://localhost/", "/api/"))
        return
    assert refusal(answer) == (404, "not_found")


@pytest.mark.parametrize("path", ["/static/x/../../config.py",
    "/static/x/%2e%2e/%2e%2e/config.py", "/static/x/..%2f..%2fconfig.py", "/static/x//etc/passwd",
    "/static/x/%2fetc/passwd", "/static/x/%00", "/static/x/css/theme.css%00", "/static/x/",
    "/static/x/css", "/static/x/...", "/static/\x00/app.cs", "/.env", "/.git/config",
    "/static/x/" + "a" * 5000], )  # fmt: skip
def test_no_other_file_is_served(standing: World, path: str) -> None:
    answer = standing.client().get(path)
    assert answer.status_code in (308, 404), path
    assert b"SECRET" not in answer.get_data()


LISTS = ("tasks", "gitlab-links", "deliveries", "audit-events", "members", "api-keys", "/api/orgs")
BAD_LIMITS = ["0", "-1", "201", "1000000", "abc", "1e3", "1e1", "1_0", "+1", " 1", "1 ", "01x",
    "1.0", "0x10", "٣", "１", "1,2", "NaN", "Infinity", "null", "true", "[]", "%00", "%ff",
    "1%0a", "9" * 400, "-0"]  # fmt: skip
BAD_CURSORS = ["", "x", "0", "-1", "garbage", "%00", "%ff", "null", "1" * 31, "1" * 33, "g" * 32,
    "A" * 32, "0" * 32 + "%0a", "0" * 32 + "~", "~" + "0" * 32, "../../etc", "' OR 1=1 --",
    "00000000-0000-0000-0000-000000000000", "eyJpZCI6MX0=", "a" * 4000, "title~zz~" + "0" * 32,
    "nonsense~1~" + "0" * 32, "created_at~99999999999999999999~" + "0" * 32]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_a_bad_limit_or_cursor_is_named(standing: World, path: str) -> None:
    for name, values in (("limit", BAD_LIMITS), ("cursor", BAD_CURSORS)):
        for value in values:
            answer = standing.send("GET", f"{_below(standing, path)}?{name}={_quoted(value)}")
            assert refusal(answer) == (422, "validation_error"), (name, value)
            assert list(answer.get_json()["errors"]) == [name], (name, value)


@pytest.mark.parametrize("path", LISTS)
def test_a_parameter_is_known_and_given_once(standing: World, path: str) -> None:
    for query, name in (
        ("limit=1&limit=1", "limit"),
        ("limit=1&limit=abc", "limit"),
        (f"cursor={'0' * 32}&cursor={'1' * 32}", "cursor"),
        ("nonsense=1", "nonsense"),
        ("Limit=1", "Limit"),
        ("limit[]=1", "limit[]"),
        ("page=2", "page"),
        ("offset=1", "offset"),
        ("=1", "body"),
    ):
        answer = standing.send("GET", f"{_below(standing, path)}?{query}")
        assert refusal(answer) == (422, "validation_error"), query
        assert list(answer.get_json()["errors"]) == [name], query


@pytest.mark.parametrize("path", ["", "tasks/{task}", "integrations/gitlab", "/api/me"])
def test_a_route_that_takes_no_parameter_refuses_one(standing: World, path: str) -> None:
    task = standing.factory.task(standing.org).id
    answer = standing.send("GET", f"{_below(standing, path.format(task=task))}?x=1")
    assert refusal(answer) == (422, "validation_error")
    assert list(answer.get_json()["errors"]) == ["x"]


FILTERS = {
    "tasks": {
        "status": ["OPEN", "x", "open ", "new"],
        "q": ["x" * 501, "%00", "%1b"],
        "sort": ["id", "title;drop", "--title", "TITLE", "number"],
    },
    "gitlab-links": {
        "state": ["x", "open"],
        "gitlab_type": ["epic"],
        "label": ["%00", "x" * 501],
        "assignee": ["%00"],
        "project_path": ["%00"],
        "sync_status": ["x", "late"],
        "sort": ["x", "-iid"],
        "task_id": ["x", "0", "1"],
    },
    "deliveries": {
        "status": ["x"],
        "event": ["%00", "x" * 501],
        "object_kind": ["%00"],
        "project_path": ["%00"],
        "gitlab_type": ["x"],
        "gitlab_iid": ["0", "-1", "x", "1e3", "1_0", "٣", "9" * 400],
    },
    "audit-events": {
        "action": ["x"],
        "actor_user_id": ["x"],
        "target_id": ["%00", "x" * 501],
    },
    "api-keys": {"revoked": ["1", "yes", "TRUE", "x"]},
}


@pytest.mark.parametrize("path", FILTERS)
def test_a_bad_filter_is_named(standing: World, path: str) -> None:
    for name, values in FILTERS[path].items():
        for value in values:
            answer = standing.send("GET", f"{path}?{name}={_quoted(value)}")
            assert refusal(answer) == (422, "validation_error"), (name, value)
            assert next(iter(answer.get_json()["errors"])).partition(".")[0] == name, (name, value)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("tasks?q=a&q=b", "q"),
        ("tasks?status=open&x=1", "x"),
        ("tasks?status=open&status=done", "status"),
        ("gitlab-links?state=opened&state=closed", "state"),
        ("gitlab-links?" + "&".join(["label=a"] * 11), "label"),
    ],
)
def test_a_filter_is_given_once_or_a_few_times(standing: World, query: str, name: str) -> None:
    answer = standing.send("GET", query)
    assert refusal(answer) == (422, "validation_error")
    assert [field.partition(".")[0] for field in answer.get_json()["errors"]] == [name]


PAGES = {
    "tasks": ("q", "page", "status", "links", "type", "sort"),
    "deliveries": ("status", "event", "project", "after"),
    "audit": ("action", "actor", "after"),
    "members": ("added",),
    "api-keys": ("after",),
    "gitlab": ("validated",),
}
HOSTILE = [
    *("%00", "%ff", "%0a", "-1", "0", "x", "1e400", "9" * 30, "'", "%25", "_", "\\", "<script>"),
    *("a" * 2000, "%ed%a0%80", "00000000-0000-0000-0000-000000000000", "٣", "%F0%9F%92%A3"),
]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_withstands_any_parameter(standing: World, name: str) -> None:
    admin = browser(standing.app, standing.user.id)
    for value in HOSTILE:
        queries = [f"{parameter}={value}" for parameter in PAGES[name]]
        for query in [*queries, "&".join(queries)]:
            answer = admin.get(f"/orgs/{standing.org.id}/{name}?{query}")
            assert answer.status_code in (200, 404, 422), query
            assert b"<script>" not in answer.get_data()


def _below(world: World, path: str) -> str:
    return path if path.startswith("/") else f"{world.api}/{path}".rstrip("/")


def _quoted(value: str) -> str:
    return value.replace("+", "%2B").replace(" ", "%20").replace("&", "%26")
