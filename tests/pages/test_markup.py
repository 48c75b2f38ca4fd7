"""Every page is well-formed, labelled, and without inline or external parts."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from flask import Flask

from gitlab_links import __version__
from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from tests.api.callers import browser, nobody
from tests.factories import Factory
from tests.pages.markup import Element, Markup
from tests.pages.templates import TEMPLATES

PATHS = (
    "/tasks", "/tasks?q=nothing-like-it", "/tasks/new", "/tasks/ACME-1", "/tasks/ACME-1/edit",
    "/tasks/ACME-2", "/gitlab", "/deliveries", "/deliveries?status=failed",
    "/deliveries/{delivery}", "/members", "/api-keys", "/audit", "/nothing",
)  # fmt: skip
LANDMARKS = {"header", "main", "footer"}


@pytest.fixture
def pages(app: Flask, factory: Factory) -> dict[str, Markup]:
    org = factory.org(task_key="ACME")
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x", webhook_secret="s")
    filled = factory.task(org, number=1)
    factory.task(org, number=2)
    _links(factory, org, filled)
    found = factory.delivery(org, payload=b'{"changes": {"title": {"current": "<b>"}}}')
    factory.api_key(org)
    visitor = browser(app, factory.membership(org, Role.ADMIN).user_id)
    made = {}
    for path in PATHS:
        answer = visitor.get(f"/orgs/{org.id}" + path.format(delivery=found.id))
        assert answer.status_code == (404 if path == "/nothing" else 200), path
        made[path] = Markup.of(answer)
    made["/login"] = Markup.of(nobody(app).get("/login"))
    return made


def _links(factory: Factory, org: Org, task: object) -> None:
    project = factory.gitlab_project(org)
    people = [{"username": "ana", "name": "Ana Kovač"}]
    labels = [{"name": "a::b", "color": "#123456", "text_color": "#FFFFFF"}]
    for number, values in enumerate((
        {"type": "issue", "title": "One", "state": "opened", "labels": labels},
        {"type": "merge_request", "title": "Two", "state": "opened", "assignees": people,
         "reviewers": people, "pipeline_status": "running", "merge_status": "mergeable"},
        {"type": "issue", "error_code": "not_found"},
        {"type": "issue"},
    )):  # fmt: skip
        item = factory.gitlab_item(project, iid=number + 1, last_synced_at=utcnow(), **values)
        factory.link(task, item)  # type: ignore[arg-type]


def test_ids_are_given_once(pages: dict[str, Markup]) -> None:
    assert {
        path: page.duplicate_ids() for path, page in pages.items() if page.duplicate_ids()
    } == {}


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        for element in page.elements:
            inline = [name for name in element.attributes if name == "style" or name[:2] == "on"]
            assert inline == [], (path, element.tag)
            assert element.tag != "style", path
            source = element.get("src") or (element.get("href") if element.tag == "link" else None)
            assert source is None or source.startswith("/"), (path, source)
        for script in page.all("script"):
            assert script.text.strip() == "", path
            assert script["type"] == "module"


def test_every_control_has_a_name(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        labels = {label.get("for") for label in page.all("label")}
        for element in _controls(page):
            named = element.get("aria-label") or element.get("id") in labels or element.text.strip()
            assert named, (path, element.tag, element.attributes)


def _controls(page: Markup) -> Iterator[Element]:
    for element in page.elements:
        if element.tag in {"select", "textarea", "button", "summary", "a"} or (
            element.tag == "input" and element.get("type") != "hidden"
        ):
            yield element


def test_references_between_elements_are_good(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        ids = {element["id"] for element in page.elements if element.get("id")}
        for element in page.elements:
            for name in ("aria-describedby", "aria-labelledby", "for", "form"):
                for wanted in (element.get(name) or "").split():
                    assert wanted in ids, (path, element.tag, name, wanted)
            target = element.get("href") or ""
            if target.startswith("#"):
                assert target[1:] in ids, (path, target)


def test_pages_have_landmarks_one_heading_and_a_title(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        assert all(page.all(tag) for tag in LANDMARKS), path
        assert len(page.all("main")) == 1, path
        assert len(page.all("h1")) == 1, path
        assert page.all("title")[0].text.endswith(" · gitlab_links"), path
        assert page.one("html")["lang"] == "en"


def test_every_footer_names_the_version_of_the_product(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        assert f"gitlab_links {__version__}:" in page.one("footer").text, path


def test_headings_skip_no_level(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        levels = [int(e.tag[1]) for e in page.elements if re.fullmatch("h[1-6]", e.tag)]
        assert all(b - a <= 1 for a, b in pairwise(levels)), (path, levels)


def test_every_form_that_writes_has_the_token(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        writing = [form for form in page.all("form") if form.get("method") == "post"]
        assert len(page.all("input", name="csrf_token")) == len(writing), path


def test_headers_of_tables_say_that_they_head_columns(pages: dict[str, Markup]) -> None:
    for path, page in pages.items():
        assert all(th["scope"] == "col" for th in page.all("th")), path


def test_no_secret_is_on_a_page(pages: dict[str, Markup]) -> None:
    for page in pages.values():
        assert not any(
            "glpat-x" in (e.text + "".join(e.attributes.values())) for e in page.elements
        )


def test_one_template_writes_what_is_wrong_with_a_field() -> None:
    found = [name for name, source in TEMPLATES.items() if "field-error" in source]
    assert found == ["partials/fields.html"]
