"""Two orgs side by side: nothing of the one is seen through the other's doors.

Who may call which route is in tests/api/test_access.py and tests/pages/test_access.py; here
are the ways round them: ids in filters and bodies, cursors, people who are in both orgs.
"""

import re
from typing import Any

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.deliveries.models import DeliveryStatus, GitLabWebhookDelivery
from gitlab_links.jobs.drains import drain_slice
from tests.api.callers import Caller, browser, program
from tests.factories import Factory

MARK = "foreignmark"
LISTS = ("tasks", "gitlab-links", "deliveries", "audit-events", "members", "api-keys")


class Tenant:
    """An org with a few of everything, all of it named with ``mark``."""

    def __init__(self, app: Flask, factory: Factory, mark: str) -> None:
        self.org: Org = factory.org(name=f"Org {mark}", task_key=mark[:6].upper())
        self.user: User = factory.user(name=f"Person {mark}", email=f"{mark}@example.com")
        factory.membership(self.org, Role.ADMIN, self.user)
        self.key = factory.api_key(self.org, user=self.user)
        url = f"https://{mark}.example.com"
        factory.connect(self.org, base_url=url, token=f"glpat-{mark}")
        project = factory.gitlab_project(self.org, path=f"{mark}/app", base_url=url, gitlab_id=15)
        self.tasks = [factory.task(self.org, title=f"Task {mark}") for _ in range(3)]
        for number, task in enumerate(self.tasks, start=1):
            item = factory.gitlab_item(project, iid=number, title=f"Title {mark}", labels=[])
            factory.link(task, item)
            factory.add(self._delivery(mark))
            factory.add(
                AuditEvent(
                    org_id=self.org.id, actor_user_id=self.user.id, action="org.updated",
                    target_type="org", target_id=str(self.org.id), detail={"name": mark},
                )
            )  # fmt: skip
        self.program = program(app, self.key)
        self.browser = browser(app, self.user.id)

    def _delivery(self, mark: str) -> GitLabWebhookDelivery:
        return GitLabWebhookDelivery(
            org_id=self.org.id, status=DeliveryStatus.FAILED, size_bytes=2, headers={},
            payload_sha256="0" * 64, payload=b"{}", project_path=f"{mark}/app", event="Issue Hook",
        )  # fmt: skip

    def api(self, path: str) -> str:
        return f"/api/orgs/{self.org.id}/{path}"


@pytest.fixture
def own(app: Flask, factory: Factory) -> Tenant:
    return Tenant(app, factory, "ownmark")


@pytest.fixture
def other(app: Flask, factory: Factory) -> Tenant:
    return Tenant(app, factory, MARK)


def cursors(tenant: Tenant, path: str) -> list[str]:
    """Every cursor that a walk through the list gives, in every order it has."""
    sorts = {"tasks": ("title", "-title", "updated_at", "-created_at"),
             "gitlab-links": ("title", "-title", "created_at")}.get(path, ("",))  # fmt: skip
    found = []
    for sort in sorts:
        query = f"limit=1&sort={sort}" if sort else "limit=1"
        cursor = tenant.program.get(f"{tenant.api(path)}?{query}").get_json()["next_cursor"]
        while cursor is not None:
            found.append(cursor)
            more = tenant.program.get(f"{tenant.api(path)}?limit=1&cursor={cursor}")
            cursor = more.get_json()["next_cursor"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_of_another_org_is_a_place_in_ones_own_list(
    own: Tenant, other: Tenant, path: str
) -> None:
    found = cursors(other, path)
    assert found or path in ("members", "api-keys")
    for cursor in found:
        answer = own.program.get(f"{own.api(path)}?cursor={cursor}")
        assert answer.status_code == 200
        assert MARK not in answer.get_data(as_text=True)


def test_filters_with_ids_of_another_org_find_nothing(own: Tenant, other: Tenant) -> None:
    found = {
        query: own.program.get(own.api(query)).get_json()
        for query in (
            f"gitlab-links?task_id={other.tasks[0].id}",
            f"gitlab-links?project_path={MARK}/app",
            f"audit-events?actor_user_id={other.user.id}",
            f"audit-events?target_id={other.org.id}",
            f"deliveries?project_path={MARK}/app",
            f"tasks?q={MARK}",
        )
    }
    assert {
        query: rows for query, told in found.items() if (rows := next(iter(told.values())))
    } == {}


def pages_of(caller: Caller, org: Org, queries: tuple[str, ...] = ("",)) -> str:
    names = ("tasks", "deliveries", "members", "api-keys", "audit", "gitlab", "tasks/new")
    answers = [caller.get(f"/orgs/{org.id}/{name}{query}") for name in names for query in queries]
    assert {answer.status_code for answer in answers} == {200}
    return "\n".join(answer.get_data(as_text=True) for answer in answers)


def test_no_page_and_no_list_shows_anything_of_another_org(own: Tenant, other: Tenant) -> None:
    queries = (
        "",
        f"?q={MARK}",
        f"?after={other.tasks[0].id}",
        f"?actor={other.user.id}",
        "?page=2",
    )
    shown = pages_of(own.browser, own.org, queries).replace(f'value="{MARK}"', "")
    assert MARK not in re.sub(rf"[?&;]q={MARK}|“{MARK}”|<q>{MARK}</q>", "", shown)
    for path in (*LISTS, "integrations/gitlab"):
        assert MARK not in own.program.get(own.api(path)).get_data(as_text=True)
    assert "ownmark" in shown


def test_somebody_in_both_orgs_meets_each_by_itself(
    app: Flask, factory: Factory, own: Tenant, other: Tenant
) -> None:
    factory.membership(other.org, Role.CLIENT, own.user)
    assert MARK not in own.program.get("/api/orgs").get_data(as_text=True)
    assert own.program.get(other.api("tasks")).status_code == 404
    both = browser(app, own.user.id)
    assert both.get(other.api("tasks")).status_code == 200
    assert both.get(other.api("gitlab-links")).status_code == 403
    for path in ("deliveries", "members", "audit-events", "api-keys", "integrations/gitlab"):
        assert both.get(other.api(path)).status_code == 403, path
    # Being admin in the one org counts for nothing in the other, by whatever mixture of ids.
    for path, status in ((f"tasks/{other.tasks[0].id}", 404), (f"tasks/{own.tasks[0].id}", 200)):
        assert both.get(own.api(path)).status_code == status
    mixed = f"tasks/{other.tasks[0].id}/gitlab-links"
    body = {"url": "https://ownmark.example.com/ownmark/app/-/issues/9"}
    assert both.post(own.api(mixed), json=body).status_code == 404


def test_renaming_an_org_does_not_tell_that_another_has_the_name(
    own: Tenant, other: Tenant
) -> None:
    renamed = own.browser.patch(f"/api/orgs/{own.org.id}", json={"name": other.org.name})
    assert (renamed.status_code, renamed.json["org"]["name"]) == (200, other.org.name)


def test_the_same_gitlab_project_in_two_orgs_is_two(app: Flask, factory: Factory) -> None:
    """A webhook of the one org, even with the other's project id, changes nothing there."""
    first, second = Tenant(app, factory, "firstmark"), Tenant(app, factory, MARK)
    first.program.patch(first.api("integrations/gitlab"), json={"webhook_secret": "first"})
    event: dict[str, Any] = {
        "object_kind": "issue",
        "project": {"id": 15, "path_with_namespace": f"{MARK}/app"},
        "object_attributes": {
            "iid": 1, "title": "Changed", "state": "closed", "updated_at": "2026-01-01T00:00:00Z",
        },
    }  # fmt: skip
    hook = first.api("integrations/gitlab/webhook")
    answer = app.test_client().post(hook, json=event, headers={"X-Gitlab-Token": "first"})
    assert answer.get_json()["status"] == "accepted"
    with app.app_context():
        drain_slice(first.org.id)
    assert "Changed" in first.program.get(first.api("gitlab-links")).get_data(as_text=True)
    assert "Changed" not in second.program.get(second.api("gitlab-links")).get_data(as_text=True)
