"""Any JSON on any route that writes, and anything in any form: never a failure of ours."""

import json
import re
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.callers import browser
from tests.examples import examples
from tests.security.conftest import World, refusal
from tests.security.routes import WITH_BODY, WRITING, filled

pytestmark = pytest.mark.slow

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
HOSTILE = st.sampled_from(
    [
        *("", "\x00", "\ud800", "a" * 7000, "1e400", "' OR 1=1 --", "https://[", "https://x:99999"),
        *("https://gitlab.example.com/a/b/-/issues/1", "admin", "read", "open", "٣", "\u202e"),
        *("sam@example.com", "ACME", "{{7*7}}", "https://169.254.169.254"),
    ]
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | ANY_TEXT | HOSTILE
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
KNOWN_CODES = {
    *("validation_error", "link_exists", "missing_integration", "member_exists", "last_admin"),
    *("not_found", "invalid_json", "json_too_deep", "body_too_large", "forbidden"),
    "stale_list",  # projects picked from a list that this service did not sign
}
KINDS = ["application/json", "text/plain", "", "a/b; c"]
PATIENT: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


def bodies(fields: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Mostly objects with the fields of the route, else anything."""
    named = st.dictionaries(st.sampled_from(fields) if fields else ANY_TEXT, ANY_JSON, max_size=5)
    return st.one_of(named, named, named, ANY_JSON)


@pytest.mark.parametrize("name", WITH_BODY)
def test_any_json_has_an_answer(standing: World, name: str) -> None:
    route = WITH_BODY[name]
    path = filled(standing, route.path)

    @settings(max_examples=examples(60), **PATIENT)
    @given(bodies(route.fields or ()))
    def send(body: Any) -> None:
        answer = standing.send(
            route.method, path, data=json.dumps(body), content_type="application/json"
        )
        assert answer.status_code < 500, answer.get_data(as_text=True)
        if answer.status_code >= 400:
            _, code = refusal(answer)
            assert code in KNOWN_CODES or code.startswith(("base_url_", "url_")), code

    send()


@pytest.mark.parametrize("name", WRITING)
def test_any_bytes_have_an_answer(standing: World, name: str) -> None:
    route = WRITING[name]
    path = filled(standing, route.path)

    @settings(max_examples=examples(25), **PATIENT)
    @given(st.binary(max_size=200), st.sampled_from(KINDS))
    def send(body: bytes, kind: str) -> None:
        answer = standing.send(route.method, path, data=body, headers={"Content-Type": kind})
        assert answer.status_code < 500, answer.get_data(as_text=True)

    send()


FIELDS = (
    *("title", "description", "external_url", "status", "url", "base_url", "token", "name"),
    *("signing_token", "email", "role", "scopes", "expires", "clear", "password", "next"),
)
FORM_VALUES = [
    *("", "a\x00b", "\ud7ff", "x" * 3000, "javascript:alert(1)", "https://[", "-1"),
    *("https://x:99999/", "<script>alert(1)</script>", "admin", "a@b", "' OR 1=1 --"),
]


def test_any_form_has_an_answer(standing: World) -> None:
    admin = browser(standing.app, standing.user.id)
    task = standing.factory.task(standing.org)
    rules = sorted(
        rule.rule
        for rule in standing.app.url_map.iter_rules()
        if rule.endpoint.startswith("pages.")
        and "POST" in (rule.methods or ())
        and not rule.rule.startswith(("/ops/", "/logout", "/account"))
    )
    assert len(rules) > 10
    for rule in rules:
        path = rule.replace("<uuid:org_id>", str(standing.org.id))
        path = re.sub("<[^>]+>", str(task.id), path)
        if path.endswith(("/delete", "/disconnect", "/validate", "/leave")):
            continue
        for value in FORM_VALUES:
            answer = admin.post(path, data=dict.fromkeys(FIELDS, value))
            assert answer.status_code < 500, (path, value)
            assert b"<script>alert" not in answer.get_data(), (path, value)


def test_any_header_has_an_answer(standing: World) -> None:
    odd = [
        *("", "\xff", "x" * 4000, "\t", "1e400", "*/*;q=x", ",,,", "bytes=0-", 'W/"', "null"),
        "a" * 300 + "=b",
    ]
    names = (
        *("Accept", "Accept-Language", "Cookie", "If-None-Match", "If-Modified-Since", "Range"),
        *("Referer", "X-Request-ID", "X-Forwarded-For", "X-Forwarded-Host", "X-CSRFToken"),
        *("Host", "X-Fragment", "User-Agent", "Origin", "Content-Encoding"),
    )
    for name in names:
        for value in odd:
            for path in (standing.api, "/login", "/healthz"):
                answer = standing.send("GET", path, headers={name: value})
                assert answer.status_code < 500, (name, value, path)


def test_the_words_of_a_problem_hold_nothing_that_breaks_out(standing: World) -> None:
    body = json.dumps({"<img src=x>\r\n\x1b[2J": 1, **dict.fromkeys(string.printable, 1)})
    answer = standing.send("POST", "tasks", data=body, content_type="application/json")
    assert refusal(answer) == (422, "validation_error")
    assert all(field.isprintable() and field.isascii() for field in answer.get_json()["errors"])
