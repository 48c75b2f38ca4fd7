"""One rule for what names a task, in addresses and searches, on pages and in the API."""

import pytest
from flask import Flask

from gitlab_links.accounts.roles import Role
from gitlab_links.tasks.references import Reference, parse_reference
from tests.api.callers import browser, program
from tests.factories import Factory


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("ACME-12", Reference("ACME", 12)),
        ("acme-12", Reference("acme", 12)),
        ("#12", Reference(None, 12)),
        ("12", Reference(None, 12)),
        *(
            (text, None)
            for text in ("", "ACME-", "ACME-012", "1ME-2", "ACME-12 ", "ACME-9999999999")
        ),
    ],
)
def test_a_reference_is_read_or_is_none(text: str, reference: Reference | None) -> None:
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("acme-2", ["Two"]),
        ("#2", ["Two"]),
        ("2", ["Two"]),
        ("OTHER-2", []),
        ("w", []),
        ("two", ["Two"]),
    ],
)
def test_page_and_api_find_the_same_tasks(
    app: Flask, factory: Factory, words: str, found: list[str]
) -> None:
    org = factory.org(task_key="ACME")
    for number, title in enumerate(("One", "Two"), start=1):
        factory.task(org, number=number, title=title)
    base = f"/orgs/{org.id}/tasks"
    answer = program(app, factory.api_key(org)).get(f"/api{base}", query_string={"q": words})
    assert [task["title"] for task in answer.json["tasks"]] == found
    page = browser(app, factory.membership(org, Role.MEMBER).user_id)
    text = page.get(base, query_string={"q": words}).text
    assert [title for title in ("One", "Two") if f">{title}<" in text] == found
