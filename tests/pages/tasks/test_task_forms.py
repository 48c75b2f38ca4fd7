"""Creating, changing and deleting tasks."""

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.members import remove_member
from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.tasks.models import Task
from tests.factories import Factory
from tests.pages.conftest import As
from tests.pages.markup import Markup, text_of

WRITTEN = {
    "title": "  Ship it ",
    "description": "One\r\ntwo",
    "external_url": "https://tracker.example.com/1",
    "assignee_id": "",
    "due_date": "",
}


def tasks(app: Flask) -> list[Task]:
    with app.app_context():
        return list(db.session.scalars(select(Task)))


def test_a_new_task_opens_ready_for_links(app: Flask, acting: As, base: str) -> None:
    visitor = acting()
    answer = visitor.post(f"{base}/tasks/new", data=WRITTEN)
    assert answer.headers["Location"] == f"{base}/tasks/ACME-1"
    assert "Created ACME-1." in text_of(visitor.get(answer.headers["Location"]))
    (task,) = tasks(app)
    assert (task.title, task.description, task.external_url) == (
        "Ship it",
        "One\ntwo",
        "https://tracker.example.com/1",
    )


PASTED = (
    "- https://gitlab.example.com/acme/web/-/merge_requests/7\r\n"
    "acme/web#3, acme/web#3\r\n\r\nhttps://gitlab.example.com/acme/web/-/issues/3"
)


def test_a_new_task_links_what_was_pasted(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.integration(org, token_ciphertext="something")
    visitor = acting()
    assert Markup.of(visitor.get(f"{base}/tasks/new")).all("textarea", name="links")
    answer = visitor.post(f"{base}/tasks/new", data={**WRITTEN, "links": PASTED})
    page = visitor.get(answer.headers["Location"])
    assert "Created ACME-1 with 2 linked items." in text_of(page)
    assert len(Markup.of(page).all("li", class_="item")) == 2


def test_a_new_task_is_not_created_if_something_cannot_be_linked(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    visitor, path = acting(), f"{base}/tasks/new"
    before = visitor.post(path, data={**WRITTEN, "links": PASTED})
    assert before.status_code == 422
    page = Markup.of(before)
    assert "before this org is connected" in page.one("div", id="links-error").text
    assert page.one("textarea", id="links").text.strip() == PASTED
    factory.integration(org, token_ciphertext="something")
    for links, words in (
        ("acme/web!7\nhttps://gitlab.elsewhere.com/a/b/-/issues/1", "gitlab.elsewhere.com"),
        ("hello", "hello"),
        ("acme/web!7\n" * 51, "You pasted 51 lines. Link at most 50 at once."),
        ("acme/web!7\n".ljust(20_001, "x"), "You pasted more than 20,000 characters."),
    ):
        page = Markup.of(visitor.post(path, data={**WRITTEN, "links": links}))
        field = page.one("textarea", id="links")
        assert field.text.strip() == links.strip()
        assert words in page.one("div", id="links-error").text
    assert tasks(app) == []


def test_a_browser_lets_nobody_type_more_than_is_taken(acting: As, base: str) -> None:
    visitor, path = acting(), f"{base}/tasks/new"
    page, wrong = Markup.of(visitor.get(path)), {}
    for name, start in (("title", ""), ("description", ""), ("external_url", "https://a.b/")):
        (field,) = (one for one in page.elements if one.get("name") == name)
        longest = start.ljust(int(field["maxlength"]), "x")
        answers = [
            visitor.post(path, data={**WRITTEN, name: text}) for text in (longest, f"{longest}x")
        ]
        if [one.status_code for one in answers] != [302, 422]:
            wrong[name] = len(longest)
    assert wrong == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "   "),
        ("title", "x" * 256),
        ("description", "x" * 20_001),
        ("external_url", "https://example.com/\0"),
        ("external_url", "\f"),
        ("external_url", "javascript:alert(1)"),
        ("external_url", "tracker.example.com"),
        ("external_url", "ftp://example.com"),
        ("external_url", "https://"),
        ("external_url", "https://example.com/" + "x" * 500),
        ("assignee_id", "somebody"),
        ("assignee_id", "00000000-0000-0000-0000-000000000000"),
        ("due_date", "tomorrow"),
        ("due_date", "2026-02-30"),
    ],
)
@pytest.mark.parametrize("name", ["new", "ACME-5/edit"])
def test_what_is_wrong_is_said_beside_the_field(
    app: Flask, acting: As, factory: Factory, org: Org, base: str, name: str, field: str, value: str
) -> None:
    factory.task(org, number=5, title="Before")
    answer = acting().post(f"{base}/tasks/{name}", data={**WRITTEN, "version": "x", field: value})
    assert answer.status_code == 422
    page = Markup.of(answer)
    assert page.one("div", id=f"{field}-error").text.strip()
    marked = [e["name"] for e in page.elements if e.get("aria-invalid") == "true"]
    assert marked == [field]
    assert [task.title for task in tasks(app)] == ["Before"]


def test_a_character_that_no_description_takes_is_named_and_stays_in_the_field(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=5, title="Before", description="Before")
    visitor = acting()
    for path in ("new", "ACME-5/edit"):
        typed = {**WRITTEN, "version": "x", "description": "One\r\ntwo\fthree\f"}
        answer = visitor.post(f"{base}/tasks/{path}", data=typed)
        assert answer.status_code == 422
        page = Markup.of(answer)
        said = page.one("div", id="description-error").text
        assert "must not contain a form feed (U+000C), as in line 2." in said
        assert page.one("textarea", name="description").text.lstrip() == "One\ntwo\fthree\f"
    assert [task.description for task in tasks(app)] == ["Before"]


def test_changing_a_task_shows_what_it_was(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=5, title="Before", description="As it was")
    visitor = acting()
    page = Markup.of(visitor.get(f"{base}/tasks/ACME-5/edit"))
    assert page.one("input", name="title")["value"] == "Before"
    assert page.one("textarea", name="description").text.strip() == "As it was"
    version = page.one("input", name="version")["value"]
    typed = {
        "title": "After",
        "description": "",
        "external_url": "",
        "assignee_id": "",
        "due_date": "",
        "version": version,
    }
    visitor.post(f"{base}/tasks/ACME-5/edit", data=typed)
    (task,) = tasks(app)
    assert (task.title, task.description, task.external_url) == ("After", "", None)


def test_the_status_is_set_with_one_press(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=5)
    visitor = acting()
    visitor.post(f"{base}/tasks/ACME-5/status", data={"status": "in_progress", "seen": "open"})
    assert [task.status for task in tasks(app)] == ["in_progress"]
    page = Markup.of(visitor.get(f"{base}/tasks/ACME-5"))
    assert page.one("button", aria_pressed="true").text == "In progress"


def test_a_status_that_does_not_exist_is_not_found(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=5)
    assert (
        acting()
        .post(f"{base}/tasks/ACME-5/status", data={"status": "x", "seen": "open"})
        .status_code
        == 404
    )


def test_deleting_a_task_takes_its_links(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.link(factory.task(org, number=5))
    visitor = acting()
    answer = visitor.post(f"{base}/tasks/ACME-5/delete")
    assert "Deleted ACME-5." in text_of(visitor.get(answer.headers["Location"]))
    assert tasks(app) == []


def test_a_task_is_given_to_a_colleague_until_a_day(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    ann = factory.membership(org, user=factory.user(name="Ann Ox"))
    factory.membership(org, Role.CLIENT, factory.user(name="Carl Client"))
    factory.membership(factory.org(), user=factory.user(name="Zoe Elsewhere"))
    visitor = acting()
    form = Markup.of(visitor.get(f"{base}/tasks/new"))
    assert "Ann Ox" in form.one("select", name="assignee_id").text
    assert "Carl" not in form.one("select", name="assignee_id").text
    assert "Zoe" not in form.one("select", name="assignee_id").text
    given = {"assignee_id": str(ann.user_id), "due_date": "2020-02-29"}
    visitor.post(f"{base}/tasks/new", data={**WRITTEN, **given})
    (task,) = tasks(app)
    assert (task.assignee_id, str(task.due_date)) == (ann.user_id, "2020-02-29")
    head = text_of(visitor.get(f"{base}/tasks/ACME-1"))
    assert "Assigned to Ann Ox" in head
    assert "Due Feb 29, 2020, overdue" in head


def test_whoever_left_the_org_stays_assigned_until_somebody_else_is(
    app: Flask, acting: As, factory: Factory, org: Org, base: str
) -> None:
    leaver = factory.membership(org, user=factory.user(name="Ann Ox"))
    task = factory.task(org, number=5, assignee_id=leaver.user_id)
    with app.app_context():
        remove_member(factory.principal(org, Role.ADMIN), leaver.id)
        db.session.commit()
    visitor = acting()
    page = Markup.of(visitor.get(f"{base}/tasks/ACME-5/edit"))
    version = page.one("input", name="version")["value"]
    kept = {**WRITTEN, "assignee_id": str(task.assignee_id), "version": version}
    assert visitor.post(f"{base}/tasks/ACME-5/edit", data=kept).status_code == 302
    (task,) = tasks(app)
    assert (task.title, task.assignee_id) == ("Ship it", leaver.user_id)
    assert "Ann Ox" not in text_of(visitor.get(f"{base}/tasks/new"))
