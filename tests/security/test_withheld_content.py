"""What an item that is withheld shows has no influence on any answer to who may not see it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from gitlab_links.pages.problem_pages import FRAGMENT_HEADER
from tests.api.callers import Caller, browser
from tests.factories import Factory
from tests.frozen_clock import FrozenClock

OLD = utcnow() - timedelta(days=20)
BETWEEN = f"{utcnow() - timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}"
ONE = {
    "title": "Zebra alpha",
    "state": "opened",
    "labels": [{"name": "hot", "color": "#fff", "text_color": "#000"}],
    "assignees": [{"username": "ana", "name": "Ana"}],
    "author": {"username": "bob", "name": "Bob"},
    "milestone": "M1",
    "due_date": OLD.date(),
    "source_updated_at": OLD,
    "changed_at": OLD,
}
OTHER = {
    "title": "Quokka beta",
    "state": "closed",
    "labels": [],
    "assignees": [{"username": "eve", "name": "Eve"}],
    "author": {"username": "kim", "name": "Kim"},
    "milestone": None,
    "due_date": None,
    "source_updated_at": utcnow(),
    "closed_at": utcnow(),
    "changed_at": utcnow(),
    "moved_path": "corp/new",
    "moved_iid": 99,
}
OF_BOTH = (
    *("q=Zebra", "q=quo", "q=%2399", "q=acme/app%237", "q=corp/new%2399", "label=hot"),
    *("person=ana", "person=eve", "milestone=M1", "project=corp/new", "project=acme/app"),
    *("need=overdue", "need=done_but_open", "need=nothing_linked"),
)
OF_PAGES = ("", "links=opened", "links=closed", "links=problem", "links=none", "sort=updated")
OF_LINKS = (
    *("", "state=opened", "state=closed", "label=hot", "assignee=ana", "sync_status=error"),
    *("project=corp/new&iid=99", "project=acme/app&iid=7", "sync_status=stale"),
    "url=https://gitlab.example.com/corp/new/-/issues/99",
    *("q=Zebra", "q=quo", "q=%2399", "q=acme/app%237", "q=corp/new%2399", "milestone=M1"),
    *("person=ana", "need=overdue", "state=problem", "label=hot&sort=title", "sort=title"),
    *("sort=gitlab_updated_at", "sort=-gitlab_updated_at&limit=1", "project_path=corp/new"),
    *("sync_status=ok", "sync_status=never", "gitlab_type=issue&limit=1", "person=eve"),
    *("project_path=acme/app&sort=-title", "state=draft", "pipeline=failed", "sort=-title&limit=1"),
    *(f"updated_since={BETWEEN}", f"updated_since={BETWEEN}&sort=-gitlab_updated_at"),
)


def addresses(org_id: Any, task_id: Any) -> list[tuple[str, str]]:
    """Addresses, each with the part of the page that is asked for."""
    pages, api = f"/orgs/{org_id}", f"/api/orgs/{org_id}"
    here, task = f"{pages}/tasks/ACME-1", f"{api}/tasks/{task_id}"
    return [
        *((f"{pages}/tasks?{query}", "tasks") for query in (*OF_PAGES, *OF_BOTH)),
        *((f"{api}/tasks?{query}", "") for query in OF_BOTH),
        *((f"{api}/gitlab-links?{query}", "") for query in OF_LINKS),
        *(
            (f"{task}{rest}", "")
            for rest in ("", "/gitlab-links", "/events", "/status-explanation")
        ),
        *((f"{here}{rest}", "") for rest in ("", "/timeline")),
        (f"{here}/links", "links"),
        *((f"{here}/links/suggestions?q={q}%2399", "suggestions") for q in ("corp/new", "x/y")),
        *((f"{api}/events", ""), (f"{api}/waiting", ""), (f"{pages}/waiting", "")),
        *((f"{api}/overview", ""), (f"{pages}/overview", "overview")),
        *((f"{pages}/{name}.csv", "") for name in ("tasks", "links", "waiting")),
        *((f"{here}/{name}.csv", "") for name in ("links", "timeline")),
    ]


def answers(person: Caller, asked: list[tuple[str, str]]) -> dict[str, Any]:
    found = {}
    for address, part in asked:
        answer = person.get(address, headers={FRAGMENT_HEADER: part} if part else {})
        assert answer.status_code == 200, address
        # The present time, and tokens of forms and scripts.
        text = re.sub(r'(data-now|value|nonce)="[^"]{20,}"', "", answer.text)
        found[address] = text, answer.headers.get("ETag")
    return found


@pytest.mark.parametrize(
    "why",
    [
        {"confidential": True},
        pytest.param({"error_code": "not_found"}, marks=pytest.mark.slow),
    ],
)
def test_what_is_withheld_changes_no_answer(
    app: Flask, factory: Factory, clock: FrozenClock, why: dict[str, Any]
) -> None:
    org = factory.org(task_key="ACME")
    factory.connect(org, base_url="https://gitlab.example.com", token="glpat-x")
    project = factory.gitlab_project(org, path="acme/app")
    read = {"fetched_at": OLD, "last_synced_at": OLD}
    item = factory.gitlab_item(project, iid=7, **ONE, **read, **why)
    seen = factory.gitlab_item(project, iid=8, title="Seen", state="opened", **read)
    task, other = (factory.task(org, number=number, updated_at=OLD) for number in (1, 2))
    factory.link(task, item, made_path="acme/app", made_iid=7, created_at=OLD)
    factory.link(other, seen)
    asked = addresses(org.id, task.id)
    person = browser(app, factory.membership(org, Role.MEMBER).user_id)
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    before, shown = answers(person, asked), answers(admin, asked)
    with app.app_context():
        row = db.session.get_one(GitLabItem, item.id)
        for name, value in OTHER.items():
            setattr(row, name, value)
        db.session.commit()
    after, shown_later = answers(person, asked), answers(admin, asked)
    assert [address for address in before if before[address] != after[address]] == []
    differ = [address for address in shown if shown[address] != shown_later[address]]
    assert len(differ) > len(asked) / 2, "the comparison would not see a leak"
