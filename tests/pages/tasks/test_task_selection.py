"""Several tasks at once: what is set on them, their deletion, and the way back to the list."""

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.extensions import db
from gitlab_links.finding.list_query import NO_ONE
from gitlab_links.tasks.models import Task
from tests.factories import Factory, unknown_id
from tests.pages.conftest import As
from tests.pages.markup import Markup, text_of


def statuses(app: Flask) -> dict[int, str]:
    with app.app_context():
        return {task.number: task.status for task in db.session.scalars(select(Task))}


@pytest.fixture
def ids(factory: Factory, org: Org) -> list[str]:
    return [str(factory.task(org, number=number).id) for number in (1, 2, 3)]


def test_the_status_of_the_selected_tasks_is_set(
    app: Flask, acting: As, base: str, ids: list[str]
) -> None:
    visitor = acting()
    page = Markup.of(visitor.get(f"{base}/tasks?status=open&sort=oldest"))
    action = page.one("form", id="selection")["action"]
    assert [box["value"] for box in page.all("input", name="task")] == ids
    chosen = [*ids[:2], ids[0], str(unknown_id()), "nonsense"]
    answer = visitor.post(action, data={"task": chosen, "status": "done"})
    assert answer.headers["Location"] == f"{base}/tasks?status=open&sort=oldest"
    shown = text_of(visitor.get(answer.headers["Location"]))
    assert "Changed 2 tasks: Done. 1 selected task was already gone." in shown
    assert statuses(app) == {1: "done", 2: "done", 3: "open"}
    with app.app_context():
        logged = db.session.scalars(select(AuditEvent.action)).all()
    assert list(logged).count("task.updated") == 2


def test_the_selected_tasks_are_deleted(app: Flask, acting: As, base: str, ids: list[str]) -> None:
    visitor = acting()
    data = {"task": ids[1:], "status": "done", "delete": "1"}
    answer = visitor.post(f"{base}/tasks/selected", data=data)
    assert "Deleted 2 tasks." in text_of(visitor.get(answer.headers["Location"]))
    assert statuses(app) == {1: "open"}


@pytest.mark.parametrize(
    ("pressed", "said"),
    [
        ({"delete": "1"}, "Deleted 1 task. 2 selected tasks were already gone."),
        ({"status": "done"}, "Changed 1 task: Done. 2 selected tasks were already gone."),
    ],
)
def test_selected_tasks_that_somebody_deleted_meanwhile_are_counted(
    acting: As, base: str, ids: list[str], pressed: dict[str, str], said: str
) -> None:
    visitor, path = acting(), f"{base}/tasks/selected"
    acting().post(path, data={"task": ids[:2], "delete": "1"})
    answer = visitor.post(path, data={"task": ids, **pressed})
    shown = text_of(visitor.get(answer.headers["Location"]))
    assert said in shown
    for gone, words in (
        (ids[:2], "Nothing was changed. 2 selected tasks were already gone."),
        (ids[:1], "Nothing was changed. 1 selected task was already gone."),
    ):
        answer = visitor.post(path, data={"task": gone, **pressed})
        assert words in text_of(visitor.get(answer.headers["Location"]))


def test_selected_tasks_whose_rows_left_the_open_page_are_counted_and_left_as_they_are(
    app: Flask, acting: As, base: str, ids: list[str]
) -> None:
    visitor, path = acting(), f"{base}/tasks/selected?status=open"
    acting().post(path, data={"task": ids[0], "delete": "1"})
    acting().post(path, data={"task": ids[1], "status": "in_progress"})
    refused = visitor.post(path, data={"task": ids[1:], "left": ids[0]})
    left = [field["value"] for field in Markup.of(refused).all("input", name="left")]
    assert left == [ids[1], ids[0]]
    answer = visitor.post(path, data={"task": ids[2:], "left": left, "delete": "1"})
    assert (
        "Deleted 1 task. 1 selected task was already gone. "
        "1 selected task is no longer listed, and not changed."
    ) in text_of(visitor.get(answer.headers["Location"]))
    assert statuses(app) == {2: "in_progress"}


def test_nothing_happens_without_a_choice(
    app: Flask, acting: As, base: str, ids: list[str]
) -> None:
    visitor = acting()
    for data in ({"status": "done"}, {"task": ["nonsense"], "delete": "1"}):
        answer = visitor.post(f"{base}/tasks/selected", data=data)
        assert "Select the tasks first." in text_of(visitor.get(answer.headers["Location"]))
    assert set(statuses(app).values()) == {"open"}


def test_what_is_chosen_is_set_and_nothing_else(
    app: Flask, acting: As, base: str, factory: Factory, org: Org, ids: list[str]
) -> None:
    person = factory.user(name="Noor Haddad")
    factory.membership(org, user=person)
    visitor, path, person_id = acting(), f"{base}/tasks/selected", person.id
    data = {"task": ids[:2], "status": "", "assignee": str(person_id), "due": "2026-12-24"}
    answer = visitor.post(path, data=data)
    shown = text_of(visitor.get(answer.headers["Location"]))
    assert "Changed 2 tasks: assigned to Noor Haddad, due Dec 24, 2026." in shown
    data = {"task": ids[1:2], "status": "", "assignee": NO_ONE, "due": ""}
    answer = visitor.post(path, data=data)
    shown = text_of(visitor.get(answer.headers["Location"]))
    assert "Changed 1 task: assigned to Nobody." in shown
    with app.app_context():
        found = db.session.scalars(select(Task).order_by(Task.number)).all()
    due = date(2026, 12, 24)
    assert [(task.assignee_id, task.due_date) for task in found] == [
        (person_id, due),
        (None, due),
        (None, None),
    ]
    assert set(statuses(app).values()) == {"open"}


def test_the_tasks_stay_selected_when_nothing_or_nonsense_is_chosen(
    app: Flask, acting: As, factory: Factory, base: str, ids: list[str]
) -> None:
    stranger = factory.membership(factory.org()).user_id
    visitor, path = acting(), f"{base}/tasks/selected?sort=oldest"
    nothing = "Choose a status, an assignee or a due date for the selected tasks."
    for data, error in (
        ({"status": ""}, nothing),
        ({}, nothing),
        ({"status": "nonsense", "due": "2026-12-24"}, "Choose a status of this list."),
        ({"status": "done", "assignee": str(stranger)}, "Choose an assignee of this list."),
        ({"status": "done", "due": "soon"}, "Enter a due date, such as 2026-12-24."),
    ):
        answer = visitor.post(path, data={"task": ids[1:], **data})
        page = Markup.of(answer)
        assert answer.status_code == 422
        boxes = page.all("input", name="task")
        assert [box["value"] for box in boxes if box.get("checked") is not None] == ids[1:]
        field = page.one("select", id="selected-status")
        assert page.one("div", id=field["aria-describedby"]).text.strip() == error
        assert page.one("form", id="selection")["action"] == path
        assert page.one("input", name="due")["value"] == data.get("due", "")
    assert set(statuses(app).values()) == {"open"}


def test_tasks_of_another_org_and_readers_are_left_alone(
    app: Flask, acting: As, factory: Factory, base: str, ids: list[str]
) -> None:
    other = factory.org()
    elsewhere = acting(Role.ADMIN, other)
    elsewhere.post(f"/orgs/{other.id}/tasks/selected", data={"task": ids, "delete": "1"})
    client = acting(Role.CLIENT)
    assert not Markup.of(client.get(f"{base}/tasks")).all("input", name="task")
    refused = client.post(f"{base}/tasks/selected", data={"task": ids, "delete": "1"})
    assert refused.status_code == 403
    assert statuses(app) == {1: "open", 2: "open", 3: "open"}


@pytest.mark.parametrize("name", ["endpoint", "_scheme", "_external", "_method", "_anchor"])
def test_the_way_back_takes_nothing_but_the_list_of_it(
    acting: As, base: str, ids: list[str], name: str
) -> None:
    """These are parameters of Flask's: of them, nobody may choose where a browser goes."""
    path = f"{base}/tasks/selected?sort=oldest&{name}=evil"
    answer = acting().post(path, data={"task": ids, "status": "done"})
    assert answer.headers["Location"] == f"{base}/tasks?sort=oldest"
