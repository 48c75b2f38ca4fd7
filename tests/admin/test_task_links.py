"""Linking, unlinking, refreshing, and the fragment that an open page asks for."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.tasks.models import Task
from tests.admin.conftest import As
from tests.admin.markup import Markup, text_of, words
from tests.factories import Factory
from tests.statements import statements

URL = "https://gitlab.example.com/acme/web/-/merge_requests/7"
IN_PLACE = {"X-Fragment": "links"}
LONG_AGO = utcnow() - timedelta(days=2)


@pytest.fixture
def task(factory: Factory, org: Org) -> Task:
    factory.integration(org, token_ciphertext="something")
    return factory.task(org, number=12, title="Ship it")


@pytest.fixture
def links(base: str, task: Task) -> str:
    return f"{base}/tasks/ACME-12/links"


def fragment(answer: TestResponse) -> Markup:
    markup = Markup()
    markup.feed(answer.text)
    return markup


def references(markup: Markup) -> list[str]:
    return [item["data-reference"] for item in markup.all("li", class_="item")]


def synced(app: Flask, **values: Any) -> None:
    with app.app_context():
        now = utcnow()
        defaults = {"last_synced_at": now, "changed_at": now, "refresh_requested_at": None}
        db.session.execute(update(GitLabItem).values(**{**defaults, **values}))
        db.session.commit()


def test_a_pasted_address_is_a_row_at_once(acting: As, links: str) -> None:
    answer = acting().post(links, data={"url": f"  {URL}/diffs?x=1#note_3 "}, headers=IN_PLACE)
    assert answer.status_code == 201
    found = fragment(answer)
    assert references(found) == ["acme/web!7"]
    assert "Fetching from GitLab" in found.one("li", class_="item").text
    assert found.one("input", name="url")["value"] == ""


def test_without_javascript_the_page_comes_back(acting: As, links: str) -> None:
    visitor = acting()
    answer = visitor.post(links, data={"url": URL})
    assert answer.status_code == 302
    page = visitor.get(answer.headers["Location"])
    assert "Linked acme/web!7." in text_of(page)
    assert references(Markup.of(page)) == ["acme/web!7"]


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("", 422, ""),
        ("nonsense", 422, ""),
        ("https://gitlab.com/acme/web/-/issues/1", 422, "It is not on the GitLab of this org"),
        ("https://gitlab.example.com/acme/web", 422, "neither an issue nor a merge request"),
        ("https://gitlab.example.com/groups/acme/-/epics/1", 422, "epic"),
        ("https://gitlab.example.com/acme/web/-/issues/0", 422, "'0'"),
        ("javascript:alert(1)", 422, ""),
        ('https://gitlab.example.com/"><script>/x/-/issues/1', 422, ""),
    ],
)
@pytest.mark.parametrize("headers", [IN_PLACE, {}], ids=["in place", "whole page"])
def test_a_wrong_address_says_what_is_wrong_beside_the_field(
    acting: As, links: str, headers: dict[str, str], url: str, status: int, said: str
) -> None:
    answer = acting().post(links, data={"url": url}, headers=headers)
    assert answer.status_code == status
    page = fragment(answer)
    field = page.one("input", name="url")
    assert field["value"] == url
    assert field["aria-invalid"] == "true"
    message = page.one("div", id="link-url-error")
    assert "link-url-error" in field["aria-describedby"]
    assert said in message.text
    assert message.text.strip()
    assert "<script>/x" not in answer.text


def test_linking_twice_says_so(acting: As, links: str) -> None:
    visitor = acting()
    visitor.post(links, data={"url": URL})
    answer = visitor.post(links, data={"url": URL}, headers=IN_PLACE)
    assert answer.status_code == 409
    assert "already links acme/web!7" in fragment(answer).one("div", id="link-url-error").text


def test_a_refused_address_leaves_nothing_behind(app: Flask, acting: As, links: str) -> None:
    acting().post(links, data={"url": "https://gitlab.example.com/acme/web/-/issues/x"})
    with app.app_context():
        assert db.session.scalars(select(GitLabItem)).all() == []


@pytest.mark.parametrize("headers", [IN_PLACE, {}], ids=["in place", "whole page"])
def test_unlinking_can_be_undone(acting: As, links: str, headers: dict[str, str]) -> None:
    visitor = acting()
    visitor.post(links, data={"url": URL})
    page = Markup.of(visitor.get(links.removesuffix("/links")))
    action = page.one("button", form="unlink")["formaction"]
    answer = visitor.post(action, headers=headers)
    if not headers:
        answer = visitor.get(answer.headers["Location"])
    told = fragment(answer)
    assert references(told) == []
    assert "Unlinked acme/web!7." in answer.text
    undo = told.one("form", data_form="undo")["action"]
    url = next(e["value"] for e in told.all("input", name="url", type="hidden"))
    again = visitor.post(undo, data={"url": url}, headers=IN_PLACE)
    assert references(fragment(again)) == ["acme/web!7"]


def test_unlinking_what_is_not_there_is_not_found(
    acting: As, factory: Factory, org: Org, links: str
) -> None:
    elsewhere = factory.link(factory.task(org))
    assert acting().post(f"{links}/{elsewhere.id}/unlink").status_code == 404


def test_refresh_asks_for_every_item(app: Flask, acting: As, links: str) -> None:
    visitor = acting()
    visitor.post(links, data={"url": URL})
    synced(app)
    answer = visitor.post(f"{links}/refresh", headers=IN_PLACE)
    assert "Asking GitLab about 1 item." in words(fragment(answer).one("div", class_="notice").text)
    with app.app_context():
        assert db.session.scalars(select(GitLabItem.refresh_requested_at)).one() is not None


def test_the_newest_link_is_first(acting: As, links: str) -> None:
    visitor = acting()
    for number in (7, 8):
        last = visitor.post(links, data={"url": URL.replace("/7", f"/{number}")}, headers=IN_PLACE)
    assert references(fragment(last)) == ["acme/web!8", "acme/web!7"]


def test_an_unchanged_list_is_a_304_of_five_queries(app: Flask, acting: As, links: str) -> None:
    visitor = acting()
    visitor.post(links, data={"url": URL})
    synced(app, title="One", state="opened")
    first = visitor.get(links, headers=IN_PLACE)
    tag = first.headers["ETag"]
    page = Markup.of(visitor.get(links.removesuffix("/links")))
    assert [e["data-etag"] for e in page.all("section") if e.get("data-etag")] == [tag]
    with statements(app) as sent:
        again = visitor.get(links, headers={**IN_PLACE, "If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == tag
    assert "Set-Cookie" not in again.headers
    assert len(sent) <= 5, sent


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Two"},
        {"state": "merged"},
        {"error_code": "not_found"},
        {"last_synced_at": LONG_AGO},
    ],
    ids=["title", "state", "error", "staleness"],
)
def test_any_change_is_a_new_list(
    app: Flask, acting: As, links: str, change: dict[str, Any]
) -> None:
    visitor = acting()
    visitor.post(links, data={"url": URL})
    synced(app, title="One", state="opened")
    tag = visitor.get(links, headers=IN_PLACE).headers["ETag"]
    synced(app, **change)
    answer = visitor.get(links, headers={**IN_PLACE, "If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["ETag"] != tag


def test_losing_the_connection_is_a_new_list(
    app: Flask, acting: As, org: Org, factory: Factory, links: str
) -> None:
    visitor = acting()
    tag = visitor.get(links, headers=IN_PLACE).headers["ETag"]
    factory.connect(org, base_url="")
    answer = visitor.get(links, headers={**IN_PLACE, "If-None-Match": tag})
    assert answer.status_code == 200


def test_the_fragment_and_the_page_have_the_same_rows(app: Flask, acting: As, links: str) -> None:
    visitor = acting()
    visitor.post(links, data={"url": URL})
    synced(app, title="One", state="opened")
    part = visitor.get(links, headers=IN_PLACE).text
    rows = part[part.index("<li") : part.rindex("</li>")]
    assert rows in visitor.get(links.removesuffix("/links")).text


def test_the_address_of_the_fragment_opens_the_page(acting: As, links: str) -> None:
    assert acting().get(links).headers["Location"] == links.removesuffix("/links")


def test_a_session_that_ended_is_told_and_not_redirected(app: Flask, links: str) -> None:
    assert app.test_client().get(links, headers=IN_PLACE).status_code == 401


def test_two_hundred_links_cost_as_many_queries_as_one(
    app: Flask, acting: As, factory: Factory, org: Org, task: Task, links: str
) -> None:
    visitor = acting(Role.ADMIN)
    path = links.removesuffix("/links")
    project = factory.gitlab_project(org)
    factory.link(task, factory.gitlab_item(project, last_synced_at=utcnow()))
    with statements(app) as few:
        visitor.get(path)
    now = utcnow()
    with app.app_context():
        for iid in range(1000, 1199):
            item = GitLabItem(org_id=org.id, project_id=project.id, type="issue", iid=iid,
                              title=f"Item {iid}", state="opened", last_synced_at=now)  # fmt: skip
            db.session.add(item)
            db.session.flush()
            db.session.add(TaskGitLabLink(org_id=org.id, task_id=task.id, item_id=item.id))
        db.session.commit()
    with statements(app) as many:
        page = visitor.get(path)
    assert page.text.count('class="item"') == 200
    assert len(many) == len(few) <= 9, many
