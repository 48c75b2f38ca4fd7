"""JSON bodies that are refused: the same answers from every route that takes one."""

import json
from typing import Any

import pytest

from tests.security.conftest import GITLAB, World, refusal
from tests.security.routes import WITH_BODY, filled

TASKS = "tasks__tasks_post"
NOT_JSON = [
    b"",
    b" ",
    b"{",
    b"}",
    b"{]",
    b"nope",
    b"{'title': 'x'}",
    b'{"title": "x",}',
    b'{"title": "x"} trailing',
    b'{"title": "x"}{"title": "y"}',
    b'{"title" "x"}',
    b'{title: "x"}',
    b'{"title": NaN}',
    b'{"title": Infinity}',
    b'{"title": -Infinity}',
    b'{"title": 01}',
    b'{"title": +1}',
    b'{"title": .5}',
    b'{"title": "x\ny"}',
    b'{"title": "\\x41"}',
    b'{"title": "\\u12"}',
    b'{"title": "\xff"}',
    b'{"title": "\xc3\x28"}',
    b'{"title": "\xed\xa0\x80"}',
    b"\xff\xfe{\x00}\x00",
    b"\xfe\xff\x00{\x00}",
    b"\x00",
    b"\x1f\x8b\x08\x00",
    b"title=x&status=open",
    b"<title>x</title>",
    b"/* no */ {}",
    b"True",
    b"undefined",
]
NOT_OBJECTS = [
    b"null",
    b"true",
    b"0",
    b"1.5",
    b'"title"',
    b"[]",
    b'[{"title": "x"}]',
    b"[[]]",
    b"1e400",
]
DEEP = [
    b"[" * 65 + b"]" * 65,
    b'{"a":' * 65 + b"1" + b"}" * 65,
    b'{"title":' + b"[" * 64 + b"]" * 64 + b"}",
    b"[" * 30_000,
    b'{"a":' * 10_000,
    b"[" * 30_000 + b"]" * 30_000,
]
BAD_BODIES = [
    (NOT_JSON, (400, "invalid_json")),
    (DEEP, (400, "json_too_deep")),
    (NOT_OBJECTS, (422, "validation_error")),
]
NOT_JSON_TYPES = [
    "",
    "text/plain",
    "text/json",
    "text/html",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/octet-stream",
    "application/jsonp",
    "json",
    "application",
    "*/*",
    "application/json, text/plain",
    "; charset=utf-8",
]


@pytest.fixture(scope="module")
def paths(standing: World) -> dict[str, tuple[str, str]]:
    """Method and path of each route that takes a body."""
    return {name: (route.method, filled(standing, route.path)) for name, route in WITH_BODY.items()}


def test_every_route_refuses_each_kind_of_bad_body(standing: World, paths: Any) -> None:
    """All of them are tried at every route below, where there is time."""
    wrong = {}
    for name, (method, path) in paths.items():
        for bodies, expected in BAD_BODIES:
            for body in bodies if name == TASKS else bodies[:2]:
                answer = standing.send(method, path, data=body, content_type="application/json")
                if refusal(answer) != expected:
                    wrong[name, body[:40]] = refusal(answer)
        for kind in NOT_JSON_TYPES if name == TASKS else NOT_JSON_TYPES[:2]:
            answer = standing.send(method, path, data=b"{}", headers={"Content-Type": kind})
            if refusal(answer) != (415, "unsupported_media_type"):
                wrong[name, kind] = refusal(answer)
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_BODY)
@pytest.mark.parametrize(
    ("bodies", "expected"),
    BAD_BODIES,
    ids=["not JSON", "too deep", "no object"],
)
def test_each_bad_body_has_its_answer(
    standing: World, paths: Any, name: str, bodies: list[bytes], expected: tuple[int, str]
) -> None:
    method, path = paths[name]
    answers = {
        body: refusal(standing.send(method, path, data=body, content_type="application/json"))
        for body in bodies
    }
    assert answers == dict.fromkeys(bodies, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_that_does_not_say_it_is_json_is_not_read(
    standing: World, paths: Any, name: str
) -> None:
    method, path = paths[name]
    answers = {
        kind: refusal(standing.send(method, path, data=b"{}", headers={"Content-Type": kind}))
        for kind in NOT_JSON_TYPES
    }
    assert answers == dict.fromkeys(NOT_JSON_TYPES, (415, "unsupported_media_type"))
    assert refusal(standing.send(method, path)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("name", WITH_BODY)
def test_64_kib_are_taken_and_no_byte_more(standing: World, paths: Any, name: str) -> None:
    method, path = paths[name]
    body = json.dumps({"nonsense": ""}).encode()
    full = body[:-2] + b"x" * (64 * 1024 - len(body)) + body[-2:]

    def answer(sent: bytes) -> tuple[int, str]:
        return refusal(standing.send(method, path, data=sent, content_type="application/json"))

    assert answer(full) == (422, "validation_error")
    assert answer(full + b" ") == (413, "body_too_large")
    assert answer(b" " * 1_000_000) == (413, "body_too_large")


@pytest.mark.parametrize("name", WITH_BODY)
def test_an_unknown_field_is_named(standing: World, paths: Any, name: str) -> None:
    method, path = paths[name]
    for field in ("nonsense", "id", "org_id", "__proto__", "x" * 500, "a.b", "", "\x00", "\ud800"):
        response = standing.send(method, path, json={field: 1})
        assert refusal(response) == (422, "validation_error")
        named = response.get_json()["errors"]
        assert (
            any(name and field.startswith(name) for name in named)
            or not field.isprintable()
            or not field
        )


MEMBERS = "accounts__members_post"
KEYS, ORG = "accounts__api_keys_post", "accounts__org_patch"
GOOD = {
    TASKS: {"title": "One"},
    MEMBERS: {"email": "sam@example.com", "role": "member"},
    KEYS: {"name": "CI", "scopes": ["read"]},
    ORG: {},
}
BAD_VALUES = [*((TASKS, "title", value) for value in (None, 1, True, [], {}, "", " ", "x" * 256)),
    *((TASKS, "title", f"a{char}b") for char in "\x00\x01\x08\n\r\t\x1b\x7f\x85\ud800"), (TASKS,
    "title", "ends with a line\n"), *((TASKS, "description", value) for value in (None, 1,
    "x" * 20_001, "a\x00b", "a\x1bb")), *((TASKS, "status", value) for value in (None, 1, "",
    "OPEN", "opened", "open ", "new", ["open"])), *((TASKS, "external_url", value) for value in (1,
    "", "x", "javascript:alert(1)", "data:text/html,x", "ftp://x", "//evil", "https://",
    "https://a b", "https://x\n", "https://" + "x" * 500, "HTTP://ä")), *((MEMBERS, "email",
    value) for value in (None, 1, "", "x", "@", "a@", "@b", "a b@example.com",
    "a@example.com\n", "a@@example.com", "a@exa mple.com", "a\x00@example.com", "ä@example.com",
    "x" * 250 + "@example.com", "a@example.com,b@example.com")), *((MEMBERS, "role",
    value) for value in (None, "", "owner", "ADMIN", 1, ["admin"], {})), *((MEMBERS, "name",
    value) for value in (None, 1, "x" * 101, "a\x00b", "a\nb")), *((KEYS, "name",
    value) for value in (None, 1, "", " ", "x" * 101, "a\x00b", "a\nb")), *((KEYS, "scopes",
    value) for value in (None, "read", [], ["root"], [1], [None], ["read"] * 4, {}, [["read"]])),
    *((KEYS, "expires_in_days", value) for value in (0, -1, 3651, 1.5, "1.5", "1_0", "+1", " 1",
    "١", "", True, [], {}, "1e3", 10**30)), *((ORG, "name", value) for value in (None, 1, "", " ",
    "x" * 101, "a\x00b", "a\nb")), *((ORG, "task_key", value) for value in (None, 1, "", "acme",
    "1A", "A" * 11, "A-B", "A\n", "Ä")), ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "field", "value"), BAD_VALUES, ids=[f"{f}-{v!a:.40}" for _, f, v in BAD_VALUES]
)
def test_a_bad_value_is_refused_with_its_field_named(
    standing: World, paths: Any, name: str, field: str, value: object
) -> None:
    method, path = paths[name]
    response = standing.send(method, path, json={**GOOD[name], field: value})

    assert refusal(response) == (422, "validation_error")
    (named,) = response.get_json()["errors"]
    assert named.partition(".")[0] == field


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"1" * 101, b"9" * 5000, b"1e-400000x"])
def test_a_number_past_all_use_is_not_read_as_nothing(
    standing: World, paths: Any, number: bytes
) -> None:
    bodies = {
        KEYS: b'{"name": "CI", "scopes": ["read"], "expires_in_days": %s}' % number,
        TASKS: b'{"title": %s}' % number,
    }
    for name, body in bodies.items():
        method, path = paths[name]
        response = standing.send(method, path, data=body, content_type="application/json")
        assert response.status_code in (400, 422), name
    assert standing.send("GET", "api-keys").get_json()["api_keys"][1:] == []


def test_a_field_that_must_be_there_is_named(standing: World, paths: Any) -> None:
    for name, body in GOOD.items():
        method, path = paths[name]
        for field in body:
            rest = {other: value for other, value in body.items() if other != field}
            response = standing.send(method, path, json=rest)
            assert refusal(response) == (422, "validation_error"), (name, field)
            assert list(response.get_json()["errors"]) == [field]


def test_all_letters_of_the_world_are_welcome(world: World) -> None:
    title = 'Grüße, 你好, 🎉 "quoted" <b>'
    spelled = [json.dumps({"title": title}), json.dumps({"title": title}, ensure_ascii=False)]
    spelled.append("\ufeff" + spelled[1])
    for body in spelled:
        answer = world.send("POST", "tasks", data=body.encode(), content_type="application/json")
        assert (answer.status_code, answer.get_json()["task"]["title"]) == (201, title)


SECRETS = ("token", "webhook_secret", "signing_token")


@pytest.mark.parametrize("field", SECRETS)
@pytest.mark.parametrize(
    "value",
    [None, 1, [], "with space", "tab\t", "line\n", "\x00", "ä", "x" * 256, "\u2028", "\ud800"],
)
def test_a_bad_secret_is_refused_and_not_repeated(
    standing: World, field: str, value: object
) -> None:
    response = standing.send("PATCH", "integrations/gitlab", json={field: value})

    assert refusal(response) == (422, "validation_error")
    assert list(response.get_json()["errors"]) == [field]
    if isinstance(value, str) and len(value) > 6:
        assert value not in response.get_data(as_text=True)


@pytest.mark.parametrize(
    "value", ["x", "whsec_", "whsec_!!!", "whsec_YQ==", "whsec_" + "A" * 200, "WHSEC_" + "A" * 44]
)
def test_a_signing_token_has_the_form_of_one(standing: World, value: str) -> None:
    response = standing.send("PATCH", "integrations/gitlab", json={"signing_token": value})
    assert refusal(response) == (422, "validation_error")
    assert list(response.get_json()["errors"]) == ["signing_token"]


REFUSED_CHANGES = [
    {"base_url": 1},
    {"base_url": GITLAB, "token": "a b"},
    {"base_url": GITLAB, "token": "a\n"},
    {"base_url": GITLAB, "token": "tökén"},
    {"base_url": GITLAB, "webhook_secret": "x" * 256},
    {"base_url": GITLAB, "signing_token": "secret"},
    {"base_url": GITLAB, "secret": "x"},
    {"webhook_secret": "good", "base_url": "https://127.0.0.1"},
]


def test_a_change_that_is_refused_leaves_nothing_behind(world: World) -> None:
    world.send("DELETE", "integrations/gitlab")
    for change in REFUSED_CHANGES:
        answer = world.send("PATCH", "integrations/gitlab", json=change)
        assert answer.status_code == 422, change
        shown = world.send("GET", "integrations/gitlab").get_json()["gitlab"]
        assert (shown["base_url"], shown["has_token"]) == (None, False), change
        assert (shown["webhook_configured"], shown["signing_configured"]) == (False, False), change


def test_a_token_without_an_address_is_a_conflict(world: World) -> None:
    world.send("DELETE", "integrations/gitlab")
    response = world.send("PATCH", "integrations/gitlab", json={"token": "glpat-x"})
    assert refusal(response) == (409, "missing_integration")
