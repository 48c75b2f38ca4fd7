"""Linking, unlinking, refreshing, and the fragment that an open page asks for."""

import base64
import binascii
import zlib
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
from tests.api.callers import Caller
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.markup import Markup, text_of, words
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
    assert found.one("textarea", name="url").text == ""


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
        ("", 422, "Paste the address of an issue or merge request, or write"),
        ("#3", 422, "#3 leaves out the project. Write group/app#3."),
        ("nonsense", 422, "Or type words of its title, and choose it from the list"),
        ("https://gitlab.com/acme/web/-/issues/1", 422, "It is not on the GitLab of this org"),
        (
            "https://gitlab.example.com/acme/web",
            422,
            "Paste the address of an issue",
        ),
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
    field = page.one("textarea", name="url")
    assert field.text == url
    assert field["aria-invalid"] == "true"
    message = page.one("div", id="link-url-error")
    assert "link-url-error" in field["aria-describedby"]
    assert said in message.text
    assert message.text.strip()
    assert "<script>/x" not in answer.text


def test_several_are_linked_at_once_with_an_answer_for_each(acting: As, links: str) -> None:
    visitor = acting()
    visitor.post(links, data={"url": URL})
    pasted = f"- acme/web#1\n- {URL}\n- nonsense\n- acme/web#2"
    answer = visitor.post(links, data={"url": pasted}, headers=IN_PLACE)
    assert answer.status_code == 201
    page = fragment(answer)
    assert references(page) == ["acme/web#2", "acme/web#1", "acme/web!7"]
    answers = words(page.one("ul", id="link-answers").text)
    assert "acme/web#1 is linked. acme/web!7 was linked before. nonsense is not linked." in answers
    assert answers.endswith("acme/web#2 is linked.")
    assert page.one("textarea", name="url").text == "nonsense"


def test_several_without_javascript(acting: As, links: str) -> None:
    visitor = acting()
    answer = visitor.post(links, data={"url": "acme/web#1 acme/web#2"})
    page = visitor.get(answer.headers["Location"])
    assert "Linked 2 items." in text_of(page)
    answer = visitor.post(links, data={"url": "acme/web#3\nnonsense"})
    assert answer.status_code == 200
    assert references(Markup.of(answer)) == ["acme/web#3", "acme/web#2", "acme/web#1"]
    assert Markup.of(answer).one("textarea", name="url").text == "nonsense"
    answer = visitor.post(links, data={"url": "rubbish\nnonsense"})
    assert answer.status_code == 422
    assert Markup.of(answer).one("textarea", name="url").text == "rubbish\nnonsense"


def test_more_than_50_at_once_are_too_many(acting: As, links: str) -> None:
    pasted = "\n".join(f"acme/web#{iid}" for iid in range(1, 52))
    answer = acting().post(links, data={"url": pasted}, headers=IN_PLACE)
    assert answer.status_code == 422
    error = fragment(answer).one("div", id="link-url-error").text
    assert "You pasted 51 lines. Link at most 50 at once." in words(error)


def test_what_is_too_long_for_the_field_is_refused_and_not_shortened(
    acting: As, links: str
) -> None:
    page = Markup.of(acting().get(links.removesuffix("/links")))
    most = int(page.one("textarea", name="url")["maxlength"])
    for count, refused in ((most - 1, False), (most, True)):
        pasted = f"{URL}\n".ljust(count, "x")
        answer = acting().post(links, data={"url": pasted}, headers=IN_PLACE)
        assert ("more than 20,000 characters" in answer.text) is refused
        assert (answer.status_code == 422) is refused
    assert fragment(answer).one("textarea", name="url").text.strip() == pasted


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
def test_an_undone_unlinking_puts_the_link_back_in_its_place(
    app: Flask, acting: As, links: str, headers: dict[str, str]
) -> None:
    visitor = acting()
    for number in (6, 7, 8):
        visitor.post(links, data={"url": URL.replace("/7", f"/{number}")})
    before = rows_of(app)
    answer = unlink(visitor, links, "acme/web!7", headers)
    part = fragment(answer)
    assert references(part) == ["acme/web!8", "acme/web!6"]
    assert "Unlinked acme/web!7." in answer.text
    undo = part.one("form", data_form="undo")["action"]
    data = {"undo": part.one("input", name="undo")["value"]}
    again = followed(visitor, visitor.post(undo, data=data, headers=headers))
    assert references(fragment(again)) == ["acme/web!8", "acme/web!7", "acme/web!6"]
    assert rows_of(app) == before
    twice = followed(visitor, visitor.post(undo, data=data, headers=headers))
    assert "This task already links it again." in twice.text
    assert rows_of(app) == before


def test_an_undo_is_good_for_its_own_task_and_for_a_day(
    acting: As, factory: Factory, org: Org, links: str, clock: Any
) -> None:
    visitor = acting()
    factory.task(org, number=13)
    visitor.post(links, data={"url": URL})
    part = fragment(unlink(visitor, links, "acme/web!7", IN_PLACE))
    token = part.one("input", name="undo")["value"]
    elsewhere = links.replace("ACME-12", "ACME-13")
    for path, undo in ((elsewhere, token), (links, "made up"), (links, "")):
        answer = visitor.post(f"{path}/undo", data={"undo": undo}, headers=IN_PLACE)
        assert "can no longer be undone" in answer.text
        assert references(fragment(answer)) == []
    clock.advance(24 * 3600 + 120)
    answer = visitor.post(f"{links}/undo", data={"undo": token}, headers=IN_PLACE)
    assert "can no longer be undone" in answer.text


def test_an_undo_cannot_be_read(acting: As, links: str) -> None:
    """It holds where the item is now, which is not for everybody."""
    visitor = acting()
    visitor.post(links, data={"url": URL})
    token = fragment(unlink(visitor, links, "acme/web!7", IN_PLACE)).one("input", name="undo")
    parts = [token["value"], *token["value"].split(".")]
    assert not any(b"merge_request" in text for part in parts for text in readings(part))


def readings(part: str) -> list[bytes]:
    """What anybody makes of base64: the bytes, and what they are where they were compressed."""
    try:
        opened = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        return []
    try:
        return [opened, zlib.decompress(opened)]
    except zlib.error:
        return [opened]


def rows_of(app: Flask) -> list[Any]:
    """The links as they are kept."""
    link = TaskGitLabLink
    with app.app_context():
        rows = db.session.execute(
            select(link.id, link.created_at, link.created_by, link.task_id).order_by(link.id)
        )
        return list(rows)


def unlink(visitor: Caller, links: str, reference: str, headers: dict[str, str]) -> TestResponse:
    page = Markup.of(visitor.get(links.removesuffix("/links")))
    button = page.one("button", form="unlink", aria_label=f"Unlink {reference}")
    return followed(visitor, visitor.post(button["formaction"], headers=headers))


def followed(visitor: Caller, answer: TestResponse) -> TestResponse:
    return visitor.get(answer.headers["Location"]) if answer.status_code == 302 else answer


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
    assert "Fetching 1 item from GitLab." in words(
        fragment(answer).one("div", class_="notice").text
    )
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
    assert page.one("div", id="links")["data-etag"] == tag
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
    rows = part[part.index('<li class="item') : part.rindex("</li>")]
    assert rows in visitor.get(links.removesuffix("/links")).text


def test_the_address_of_the_fragment_opens_the_page(acting: As, links: str) -> None:
    assert acting().get(links).headers["Location"] == links.removesuffix("/links")


def test_a_session_that_ended_is_told_and_not_redirected(app: Flask, links: str) -> None:
    assert app.test_client().get(links, headers=IN_PLACE).status_code == 401


@pytest.fixture
def many(app: Flask, factory: Factory, org: Org, task: Task) -> int:
    """How many links the task has: more than fit on two pages."""
    project, now, count = factory.gitlab_project(org, path="acme/many"), utcnow(), 2 * 50 + 7
    with app.app_context():
        for iid in range(1, count + 1):
            item = GitLabItem(org_id=org.id, project_id=project.id, type="issue", iid=iid,
                              title=f"Item {iid}", state="opened", last_synced_at=now)  # fmt: skip
            db.session.add(item)
            db.session.flush()
            db.session.add(TaskGitLabLink(org_id=org.id, task_id=task.id, item_id=item.id))
        db.session.commit()
    return count


def test_many_links_come_in_parts_and_each_lives(
    app: Flask, acting: As, links: str, many: int
) -> None:
    visitor, path = acting(), links.removesuffix("/links")
    with statements(app) as sent:
        first = Markup.of(visitor.get(path))
    assert len(sent) <= 12, sent
    assert references(first) == [f"acme/many#{iid}" for iid in range(107, 57, -1)]
    assert "1–50 of 107" in words(first.one("main").text)
    second = Markup.of(visitor.get(first.one("a", rel="next", class_="btn")["href"]))
    last = Markup.of(visitor.get(second.one("a", rel="next", class_="btn")["href"]))
    assert references(last) == [f"acme/many#{iid}" for iid in range(7, 0, -1)]
    part = last.one("div", id="links")
    live, tag = part["data-live"], part["data-etag"]
    assert visitor.get(live, headers={**IN_PLACE, "If-None-Match": tag}).status_code == 304
    assert references(fragment(visitor.get(live, headers=IN_PLACE))) == references(last)
    assert last.one("div", id="unapplied").text.strip() == ""
    far = Markup.of(visitor.get(f"{links}?page=99", follow_redirects=True))
    assert references(far) == references(last)
    note = far.one("div", id="unapplied").text.strip()
    assert note == "This list has no page “99”. This is page 3."
    (note,) = Markup.of(visitor.get(f"{path}?state=opened&page=2")).all("div", id="unapplied")
    assert note.text.strip().endswith("no such filter or choice: state “opened”.")


def test_who_unlinks_the_last_of_a_part_comes_to_the_part_before(
    acting: As, links: str, many: int
) -> None:
    visitor, path = acting(), links.removesuffix("/links")
    for _ in range(7):
        page = Markup.of(visitor.get(f"{path}?page=3"))
        unlinking = page.all("button", form="unlink")[0]["formaction"]
        answer = visitor.post(unlinking)
    assert answer.headers["Location"] == f"{path}?page=2"


def test_who_unlinks_stays_on_their_part_and_who_links_sees_the_first(
    acting: As, links: str, many: int
) -> None:
    visitor = acting()
    page = Markup.of(visitor.get(f"{links.removesuffix('/links')}?page=3"))
    unlinking = page.one("button", form="unlink", aria_label="Unlink acme/many#7")["formaction"]
    part = fragment(visitor.post(unlinking, headers=IN_PLACE))
    assert references(part) == [f"acme/many#{iid}" for iid in range(6, 0, -1)]
    data = {"undo": part.one("input", name="undo")["value"]}
    undo = part.one("form", data_form="undo")["action"]
    again = fragment(visitor.post(undo, data=data, headers=IN_PLACE))
    assert references(again) == references(page)
    linked = fragment(visitor.post(page.one("form", id="link-form")["action"],
                                   data={"url": URL}, headers=IN_PLACE))  # fmt: skip
    assert references(linked)[0] == "acme/web!7"
    assert linked.one("div", id="links")["data-page"] == "1"


def test_the_open_page_hears_of_a_new_title_and_status(
    acting: As, base: str, links: str, task: Task
) -> None:
    visitor = acting()
    tag = visitor.get(links, headers=IN_PLACE).headers["ETag"]
    visitor.post(f"{base}/tasks/ACME-12/status", data={"status": "done", "seen": "open"})
    answer = visitor.get(links, headers={**IN_PLACE, "If-None-Match": tag})
    assert fragment(answer).one("header")["data-task"] == "Ship it, Done"
    tag = answer.headers["ETag"]
    visitor.patch(f"/api{base}/tasks/{task.id}", json={"title": "Ship it twice"})
    answer = visitor.get(links, headers={**IN_PLACE, "If-None-Match": tag})
    assert fragment(answer).one("h1").text == "Ship it twice"


def test_what_is_withheld_from_somebody_moves_nothing_of_their_page(
    app: Flask, acting: As, factory: Factory, org: Org, task: Task, links: str
) -> None:
    project, now = factory.gitlab_project(org), utcnow()
    known = {"title": "Secret", "state": "opened", "last_synced_at": now, "confidential": True}
    factory.link(task, factory.gitlab_item(project, **known, source_updated_at=LONG_AGO))
    member, manager = acting(Role.MEMBER), acting(Role.PM)
    listed = links.removesuffix("/ACME-12/links")
    seen = [(who, path, part, tag_of(who.get(path, headers={"X-Fragment": part})))
            for who in (member, manager)
            for path, part in ((links, "links"), (listed, "tasks"))]  # fmt: skip
    synced(app, title="More", state="closed", last_synced_at=now, source_updated_at=utcnow())
    moved = {
        (who is manager, part): tag_of(who.get(path, headers={"X-Fragment": part})) != tag
        for who, path, part, tag in seen
    }
    assert moved == {
        (False, "links"): False,
        (False, "tasks"): False,
        (True, "links"): True,
        (True, "tasks"): True,
    }


def tag_of(answer: TestResponse) -> str:
    assert answer.status_code == 200
    return str(answer.headers["ETag"])


def test_a_row_names_the_other_tasks_of_its_item_and_the_open_page_gets_them(
    app: Flask, acting: As, base: str, links: str, factory: Factory, org: Org
) -> None:
    visitor = acting()
    visitor.post(links, data={"url": f"{URL} acme/web#1"})
    synced(app, fetched_at=utcnow())
    tag = visitor.get(links, headers=IN_PLACE).headers["ETag"]
    for number in range(20, 25):
        factory.task(org, number=number)
        visitor.post(f"{base}/tasks/ACME-{number}/links", data={"url": URL})
    with statements(app) as sent:
        answer = visitor.get(links, headers={**IN_PLACE, "If-None-Match": tag})
    assert answer.status_code == 200
    assert len(sent) <= 10, sent
    row = fragment(answer).one("li", data_reference="acme/web!7")
    assert "Also linked in ACME-20, ACME-21, ACME-22 and 2 more" in words(row.text)
    assert "Also" not in fragment(answer).one("li", data_reference="acme/web#1").text
    before = answer.headers["ETag"]
    visitor.post(f"{base}/tasks/ACME-24/delete")
    again = visitor.get(links, headers={**IN_PLACE, "If-None-Match": before})
    assert "and 1 more" in words(again.text)


def test_a_task_is_found_by_its_external_url(acting: As, base: str, task: Task) -> None:
    visitor, url = acting(), "https://tracker.example.com/browse/4711"
    visitor.patch(f"/api{base}/tasks/{task.id}", json={"external_url": url})
    assert "Ship it" in visitor.get(f"{base}/tasks?q={url}").text
    assert "Ship it" not in visitor.get(f"{base}/tasks?q={url}2").text
