"""Lists as CSV files: what their pages show, to whom they show it, and no formulas."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.org_data.files import cells
from gitlab_links.pages.csv import files, lists
from tests.api.callers import Caller
from tests.factories import Factory
from tests.hanging import HANGS
from tests.pages.conftest import As
from tests.pages.csv_tables import table_of
from tests.pages.markup import Markup
from tests.patience import equal_within

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")


def files_on(page: Markup) -> list[str]:
    return [one["href"] for one in page.elements if one.get("download") is not None]


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (files, lists):
        monkeypatch.setattr(module, "AT_ONCE", 2)


@given(st.text(), st.sampled_from(FORMULAS))
def test_no_text_is_a_formula_and_each_is_read_back_but_for_an_apostrophe(
    text: str, formula: str
) -> None:
    for given_text in (text, formula + text):
        (cell,) = cells([given_text])
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert cell in {given_text, f"'{given_text}"}


@pytest.mark.usefixtures("few_at_once")
def test_the_tasks_that_match_come_part_by_part(
    factory: Factory, org: Org, base: str, acting: As
) -> None:
    titles = [*FORMULAS, 'a "quote", a\nline and ein Ü']
    for title in titles:
        factory.task(org, title=title)
    factory.task(org, title="Another", status="done")
    answer = acting().get(f"{base}/tasks.csv?status=open", buffered=False)
    blocks = list(answer.iter_encoded())
    assert len(blocks) == 4
    text = b"".join(blocks).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    shown = [*(f"'{one}" for one in FORMULAS), titles[-1]]
    assert [row["title"] for row in rows] == shown[::-1]
    assert {row["needs"] for row in rows} == {"nothing_linked"}


@pytest.mark.differs_by_database
@pytest.mark.usefixtures("few_at_once")
def test_page_file_and_api_list_tasks_in_the_same_order(
    factory: Factory, org: Org, base: str, acting: As
) -> None:
    project, now = factory.gitlab_project(org), utcnow()
    for number, title in enumerate(("b", "Ä", "a", "B", "ä", "A", "_"), start=1):
        due = now.date() + timedelta(days=number % 3) if number % 4 else None
        at = now - timedelta(hours=number * 5 % 7)
        task = factory.task(org, number=number, title=title, due_date=due, updated_at=at)
        moved = now + timedelta(hours=number)
        factory.link(task, factory.gitlab_item(project, source_updated_at=moved))
    visitor = acting()
    names = {"newest": "-created_at", "oldest": "created_at", "title": "title", "due": "due"}
    for sort in (*names, "updated"):
        page = Markup.of(visitor.get(f"{base}/tasks?sort={sort}"))
        found = [one.text for one in page.all("span", class_="task-reference")]
        found = [text for text in found if text.startswith("ACME-")]
        assert len(found) == 7
        rows = table_of(visitor.get(f"{base}/tasks.csv?sort={sort}"))
        assert [row["reference"] for row in rows] == found, sort
        if sort in names:
            listed = visitor.get(f"/api{base}/tasks?sort={names[sort]}").json["tasks"]
            assert [task["reference"] for task in listed] == found, sort


@pytest.mark.usefixtures("few_at_once")
def test_a_file_that_ends_early_does_not_seem_whole(
    factory: Factory, org: Org, base: str, acting: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In chunks, the last one is missing; without chunks, the length says what is."""
    for _ in range(5):
        factory.task(org)
    visitor, old = acting(), {"SERVER_PROTOCOL": "HTTP/1.0"}
    in_chunks = visitor.get(f"{base}/tasks.csv")
    assert "Content-Length" not in in_chunks.headers
    whole = visitor.get(f"{base}/tasks.csv", environ_overrides=old)
    assert table_of(whole) == table_of(in_chunks)
    assert int(whole.headers["Content-Length"]) == len(whole.get_data())
    rows, calls = lists._task_rows, []

    def breaks(*given: Any) -> Any:
        calls.append(given)
        if len(calls) > 1:
            raise OperationalError("the database went away", {}, Exception())
        return rows(*given)

    monkeypatch.setattr(lists, "_task_rows", breaks)
    assert visitor.get(f"{base}/tasks.csv", environ_overrides=old).status_code == 503
    calls.clear()
    with pytest.raises(OperationalError):  # the server cuts the connection
        visitor.get(f"{base}/tasks.csv").get_data()


@pytest.mark.usefixtures("few_at_once")
def test_whoever_reads_slowly_holds_no_transaction(
    app: Flask, factory: Factory, org: Org, base: str, acting: As
) -> None:
    for _ in range(5):
        factory.task(org)
    answer = acting().get(f"{base}/tasks.csv", buffered=False)
    blocks = answer.iter_encoded()
    next(blocks)
    with app.app_context():
        # A thread that counts what earlier tests had refused may have one for a moment.
        equal_within(HANGS, db.engine.pool.checkedout, 0)  # type: ignore[attr-defined]
    assert len(list(blocks)) == 2


@pytest.mark.differs_by_database
@pytest.mark.usefixtures("few_at_once")
@pytest.mark.parametrize("sort", ["updated", "linked"])
def test_the_links_of_the_org_are_those_of_the_page(
    factory: Factory, org: Org, base: str, acting: As, sort: str
) -> None:
    factory.integration(org)
    project = factory.gitlab_project(org, path="acme/app")
    task = factory.task(org, number=7)
    for iid in range(1, 6):
        at = utcnow() - timedelta(hours=iid)
        seen: dict[str, Any] = {"title": f"Title {iid}", "source_updated_at": at, "iid": iid}
        seen |= {"labels": [{"name": name} for name in ("a", "b")], "state": "opened"}
        approvals = [("ann", False), ("bob", True)]
        seen["reviews"] = [
            {"username": name, "state": "approved", "re_requested": again}
            for name, again in approvals
        ]
        factory.link(task, factory.gitlab_item(project, **seen))
    hidden = factory.gitlab_item(project, iid=9, title="Hidden", confidential=True)
    factory.link(task, hidden)
    rows = table_of(acting().get(f"{base}/links.csv?state=opened&sort={sort}"))
    numbers = [int(row["gitlab_iid"]) for row in rows]
    assert numbers == ([1, 2, 3, 4, 5] if sort == "updated" else [5, 4, 3, 2, 1])
    assert (rows[0]["task"], rows[0]["labels"]) == ("ACME-7", "a, b")
    assert rows[0]["approved_by"] == "ann"
    all_seen = table_of(acting(Role.ADMIN).get(f"{base}/links.csv"))
    assert "Hidden" in [row["title"] for row in all_seen]
    of_task = table_of(acting().get(f"{base}/tasks/ACME-7/links.csv"))
    assert [row["title"] for row in of_task] == [*(f"Title {n}" for n in range(1, 6)), ""]
    assert (of_task[-1]["state"], of_task[-1]["reference"]) == ("", "acme/app#9")


def test_whoever_sees_no_links_gets_no_column_about_them(
    factory: Factory, org: Org, base: str, acting: As
) -> None:
    factory.task(org, title="Seen")
    (row,) = table_of(acting(Role.CLIENT).get(f"{base}/tasks.csv?need=&label="))
    assert row["title"] == "Seen"
    assert "failing" not in row
    assert "needs" not in row


def test_what_is_recorded_comes_with_the_filters_of_its_page(
    factory: Factory, org: Org, base: str, acting: As
) -> None:
    admin = acting(Role.ADMIN)
    for event in ("Issue Hook", "Pipeline Hook"):
        factory.delivery(org, event=event)
    (delivery,) = table_of(admin.get(f"{base}/deliveries.csv?event=Issue+Hook"))
    assert (delivery["event"], delivery["status"]) == ("Issue Hook", "failed")
    admin.post(f"/api{base}/tasks", json={"title": "=cmd"})
    (change,) = table_of(admin.get(f"{base}/audit.csv?action=task.created"))
    assert (change["what"], change["action"]) == ("Created a task", "task.created")
    assert table_of(admin.get(f"{base}/audit.csv?action=org.updated")) == []
    (happened,) = table_of(admin.get(f"{base}/tasks/ACME-1/timeline.csv"))
    assert (happened["type"], happened["what"]) == ("task.created", "created the task")


def test_who_has_access_comes_without_a_secret(
    factory: Factory, org: Org, base: str, acting: As
) -> None:
    admin = acting(Role.ADMIN)
    secret = factory.api_key(org)
    factory.invitation(org)
    sent = factory.sent(org)
    factory.service_account(org)
    names = ("members", "members/invitations", "api-keys", "endpoints", "waiting")
    names += ("api-keys/service-accounts",)
    found = {name: table_of(admin.get(f"{base}/{name}.csv")) for name in names}
    found["sent"] = table_of(admin.get(f"{base}/endpoints/{sent.endpoint_id}/sent.csv"))
    assert {name: len(rows) for name, rows in found.items()} == {
        "members": 4,
        "members/invitations": 1,
        "api-keys": 1,
        "endpoints": 1,
        "api-keys/service-accounts": 1,
        "sent": 1,
        "waiting": 0,
    }
    assert secret not in str(found)
    assert not any("secret" in column for rows in found.values() for column in (rows or [{}])[0])


@pytest.mark.slow
def test_each_page_of_a_list_leads_to_its_file_with_its_filters(
    factory: Factory, org: Org, base: str, acting: As
) -> None:
    admin: Caller = acting(Role.ADMIN)
    factory.integration(org)
    admin.post(f"/api{base}/tasks", json={"title": "One"})
    factory.link(factory.task(org, number=2))
    factory.delivery(org)
    factory.api_key(org)
    factory.invitation(org)
    factory.sent(org)
    pages = ("tasks?status=open&sort=title", "links", "tasks/ACME-2", "tasks/ACME-1/timeline")
    pages += ("deliveries", "audit", "members", "api-keys", "endpoints", "gitlab", "overview")
    found = [file for page in pages for file in files_on(Markup.of(admin.get(f"{base}/{page}")))]
    assert len(found) == 16
    assert found[0] == f"{base}/tasks.csv?status=open&sort=title"
    for file in found:
        assert table_of(admin.get(file)), file
