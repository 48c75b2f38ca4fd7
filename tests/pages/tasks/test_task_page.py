"""The page of a task: what its rows say of GitLab's items."""

from datetime import timedelta
from typing import Any

import pytest

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.links.models import TaskGitLabLink
from gitlab_links.tasks.models import Task
from tests.factories import Factory, unknown_id
from tests.pages.conftest import As
from tests.pages.markup import Element, Markup, text_of, words


@pytest.fixture
def task(factory: Factory, org: Org) -> Task:
    factory.integration(org, token_ciphertext="something")
    return factory.task(
        org,
        number=12,
        title="Ship it",
        description="First line.\nSecond <b>line</b>.",
        external_url="https://tracker.example.com/browse/CREW-77?a=b",
    )


@pytest.fixture
def path(base: str) -> str:
    return f"{base}/tasks/ACME-12"


def link(factory: Factory, org: Org, task: Task, **values: Any) -> TaskGitLabLink:
    project = factory.gitlab_project(org, path="acme/web")
    defaults = {"title": "An item", "state": "opened", "iid": 7, "last_synced_at": utcnow()}
    return factory.link(task, factory.gitlab_item(project, **{**defaults, **values}))


def row(page: Markup) -> Element:
    return page.one("li", class_="item")


@pytest.mark.parametrize("name", ["ACME-12", "acme-12", "id"])
def test_a_task_is_found_by_reference_and_by_id(
    acting: As, task: Task, base: str, name: str
) -> None:
    answer = acting().get(f"{base}/tasks/{task.id if name == 'id' else name}")
    assert answer.status_code == 200
    text = text_of(answer)
    assert "Ship it" in text
    assert "Second <b>line</b>." in text
    assert "tracker.example.com/browse/CREW-77" in text


@pytest.mark.parametrize("name", ["ACME-13", "OTHER-12", "ACME-012", "ACME-0", "12", "x", "-"])
def test_what_names_no_task_is_not_found(acting: As, task: Task, base: str, name: str) -> None:
    assert acting().get(f"{base}/tasks/{name}").status_code == 404


def test_a_foreign_task_is_not_found(acting: As, factory: Factory, base: str) -> None:
    foreign = factory.task(factory.org(task_key="ACME"), number=99)
    for name in ("ACME-99", foreign.id, unknown_id()):
        assert acting().get(f"{base}/tasks/{name}").status_code == 404


@pytest.mark.usefixtures("clock")  # what was just now must not be some seconds ago
def test_a_merge_request_reads_like_gitlabs_own(
    acting: As, factory: Factory, org: Org, task: Task, path: str
) -> None:
    link(
        factory,
        org,
        task,
        type="merge_request",
        title="Faster <script>",
        labels=[
            {"name": "bug", "color": "#d9534f", "text_color": "#FFFFFF"},
            {"name": "priority::high", "color": "#eee600", "text_color": "#1F1E24"},
        ],
        assignees=[{"username": "ana", "name": "Ana Kovač"}],
        reviewers=[{"username": "ben", "name": "Ben Diaz"}],
        milestone="4.2",
        due_date=(utcnow() - timedelta(days=3)).date(),
        merge_status="conflict",
        pipeline_status="failed",
        confidential=True,
    )
    page = Markup.of(acting(Role.PM).get(path))
    text = words(row(page).text)
    for said in ("Merge request", "Faster <script>", "acme/web!7", "Open", "Confidential",
                 "Pipeline failed", "Merge conflicts", "Milestone: 4.2", "overdue", "bug",
                 "priority: high", "Assigned AKAna Kovač", "Reviewing BDBen Diaz",
                 "Synced just now"):  # fmt: skip
        assert said in text, said
    title = page.one("a", class_="item-title")
    assert title["href"] == "https://gitlab.example.com/acme/web/-/merge_requests/7"
    assert {"#d9534f", "#eee600"} <= {svg.get("color") for svg in page.all("svg", class_="paint")}


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        ({"type": "issue", "state": "opened"}, "Open"),
        ({"type": "issue", "state": "closed"}, "Closed"),
        ({"type": "merge_request", "state": "merged"}, "Merged"),
        ({"type": "merge_request", "state": "closed"}, "Closed"),
        ({"type": "merge_request", "state": "opened", "draft": True}, "Draft"),
        ({"type": "merge_request", "state": "merged", "draft": True}, "Merged"),
        ({"type": "merge_request", "state": "locked"}, "Locked"),
    ],
)
def test_states_have_gitlabs_words(
    acting: As, factory: Factory, org: Org, task: Task, path: str, values: dict[str, Any], mark: str
) -> None:
    link(factory, org, task, **values)
    page = Markup.of(acting(Role.PM).get(path))
    badges = [e.text for e in page.elements if "data-state" in e.attributes]
    assert badges == [mark]


def test_what_is_over_has_no_pipeline_and_is_not_overdue(
    acting: As, factory: Factory, org: Org, task: Task, path: str
) -> None:
    link(factory, org, task, type="merge_request", state="merged", pipeline_status="failed",
         merge_status="conflict", due_date=(utcnow() - timedelta(days=3)).date())  # fmt: skip
    text = row(Markup.of(acting().get(path))).text
    assert "Pipeline" not in text
    assert "conflict" not in text
    assert "overdue" not in text
    assert "Due" in text


def test_a_link_not_yet_read_says_so(
    acting: As, factory: Factory, org: Org, task: Task, path: str
) -> None:
    link(factory, org, task, title=None, state=None, last_synced_at=None)
    element = row(Markup.of(acting().get(path)))
    assert words(element.text).startswith("Issue acme/web#7 Fetching from GitLab… Linked by hand")
    assert element["data-sync"] == "never"


def test_what_is_kept_from_a_role_says_so(
    acting: As, factory: Factory, org: Org, task: Task, path: str
) -> None:
    link(factory, org, task, title=None, state=None, confidential=True)
    text = words(row(Markup.of(acting().get(path))).text)
    assert "Confidential in GitLab: your role may not see its content." in text
    assert "acme/web#7" in text


def test_a_stale_link_says_when_it_was_last_good(
    acting: As, factory: Factory, org: Org, task: Task, path: str
) -> None:
    link(factory, org, task, last_synced_at=utcnow() - timedelta(hours=3))
    assert "last synced 3 h ago, refresh due" in text_of(acting().get(path))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER])
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("not_found", "deleted, or the access token may not see it"),
        ("insufficient_scope", "no permission to read this"),
        ("http_502", "a server error (502)"),
        ("http_418", "unexpected answer (418)"),
        ("network_error", "cannot be reached"),
        ("something_new", "(something_new)"),
    ],
)
def test_every_sync_error_has_words_and_a_way_out(
    acting: As, factory: Factory, org: Org, task: Task, path: str, role: Role, code: str, words: str
) -> None:
    link(factory, org, task, error_code=code)
    element = row(Markup.of(acting(role).get(path)))
    assert words in element.text
    assert element["data-sync"] == "error"


def test_a_client_sees_the_task_and_no_link(
    acting: As, factory: Factory, org: Org, task: Task, path: str
) -> None:
    link(factory, org, task, title="Secret plan")
    answer = acting(Role.CLIENT).get(path)
    text = text_of(answer)
    assert "Ship it" in text
    assert "Secret plan" not in answer.text
    assert "GitLab" not in text
    assert not Markup.of(answer).all("button", name="status")


def test_without_a_connection_the_page_says_who_can_make_one(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=1)
    page = Markup.of(acting().get(f"{base}/tasks/ACME-1"))
    assert "Ask an admin of the org to connect it" in page.one("main").text
    assert not page.all("input", name="url")
    manager = Markup.of(acting(Role.PM).get(f"{base}/tasks/ACME-1"))
    assert [a.text for a in manager.all("a", href=f"{base}/gitlab")] == ["GitLab", "Connect it"]


def test_a_task_leads_to_gitlabs_forms_in_its_own_projects_first(
    acting: As, factory: Factory, org: Org, task: Task, path: str
) -> None:
    factory.gitlab_item(factory.gitlab_project(org, path="acme/api"), fetched_at=utcnow())
    secret = factory.gitlab_project(org, path="acme/secret")
    factory.gitlab_item(secret, fetched_at=utcnow(), confidential=True)
    factory.gitlab_project(org, path="acme/unused")
    link(factory, org, task, fetched_at=utcnow())
    for role, paths in (
        (Role.ADMIN, ["acme/web", "acme/api", "acme/secret"]),
        (Role.MEMBER, ["acme/web", "acme/api"]),
    ):
        page = Markup.of(acting(role).get(path))
        assert page.one("input", id="branch-name")["value"] == "acme-12-ship-it"
        forms = [a["href"] for a in page.all("a") if "/issues/new?" in (a.get("href") or "")]
        start = "https://gitlab.example.com/"
        assert [form.removeprefix(start).partition("/-/")[0] for form in forms] == paths
        assert forms[0].endswith("issue%5Btitle%5D=Ship%20it&issue%5Bdescription%5D=ACME-12")


def test_a_description_is_markdown_and_names_tasks_of_this_org(
    acting: As, factory: Factory, org: Org, base: str
) -> None:
    factory.task(org, number=1)
    text = "**Now**, after ACME-1 and not ACME-99, `ACME-1`, <b>x</b>, [y](javascript:z)"
    factory.task(org, number=2, description=text)
    page = Markup.of(acting(Role.CLIENT).get(f"{base}/tasks/ACME-2"))
    (description,) = page.all("div", class_="description")
    assert description.text.strip() == (
        "Now, after ACME-1 and not ACME-99, ACME-1, <b>x</b>, [y](javascript:z)"
    )
    links = [
        link["href"] for link in page.all("a") if "main" in link.parents and "p" in link.parents
    ]
    assert links == [f"{base}/tasks/ACME-1"]
    key = acting(Role.MEMBER).get(f"/api{base}/tasks/by-reference/ACME-2")
    assert key.json["task"]["description"] == text
