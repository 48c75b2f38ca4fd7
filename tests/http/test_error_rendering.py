"""An error is rendered once and in one form, for programs and for people."""

import pytest
from flask import Flask

from gitlab_links.http.error_rendering import Problem, use_page_renderer


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("conflict", 409, "conflict"),
        ("limited", 429, "rate_limited"),
        ("database", 503, "unavailable"),
        ("pool", 503, "unavailable"),
        ("bug", 500, "internal_error"),
    ],
)
def test_programs_get_a_problem_document(small: Flask, what: str, status: int, code: str) -> None:
    answer = small.test_client().get(f"/api/t/{what}")
    assert (answer.status_code, answer.json["status"], answer.json["code"]) == (
        status,
        status,
        code,
    )
    assert answer.content_type == "application/problem+json"
    assert answer.json["type"] == "about:blank"
    assert "canary" not in answer.text and "SELECT" not in answer.text


def test_invalid_fields_and_retry_times_are_shown(small: Flask) -> None:
    client = small.test_client()
    assert client.get("/api/t/conflict").json["errors"] == {"field": ["no"]}
    assert client.get("/api/t/limited").headers["Retry-After"] == "7"
    assert int(client.get("/api/t/database").headers["Retry-After"]) > 0


def test_people_get_a_page(small: Flask) -> None:
    answer = small.test_client().get("/t/conflict", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (409, "text/html")
    assert "At odds." in answer.text


def test_programs_that_ask_for_json_get_it_everywhere(small: Flask) -> None:
    answer = small.test_client().get("/t/conflict", headers={"Accept": "application/json"})
    assert answer.content_type == "application/problem+json"


def test_a_page_that_fails_itself_is_replaced_by_a_plain_one(small: Flask) -> None:
    def broken(problem: Problem) -> str:
        raise RuntimeError(problem.code)

    use_page_renderer(small, broken)
    answer = small.test_client().get("/t/bug", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "<h1>Internal Server Error</h1>" in answer.text


@pytest.mark.parametrize("path", ["/api/nowhere", "/api/", "/api", "/api/orgs/x"])
def test_unknown_addresses_look_alike(small: Flask, path: str) -> None:
    answer = small.test_client().get(path, follow_redirects=True)
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
