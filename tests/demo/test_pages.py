"""The pages of the simulated GitLab: an edit in the browser is an edit, webhooks included."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import Issue, MergeRequest, Project, User
from gitlab_links.pages.connection.integration import TOKEN_PAGE
from tests.demo.conftest import Receiver
from tests.hanging import HANGS
from tests.pages.browser.conftest import new_context

HOSTILE = "<script>alert(1)</script> \"'>&amp;"


@pytest.fixture
def issue(sim: SimulatedGitLab, project: Project, dana: User) -> Issue:
    sim.state.projects.add_label(project, "bug", "#d1242f")
    return sim.state.items.add_issue(project, "Paper jam", author=dana, labels=["bug"])


@pytest.fixture
def mr(sim: SimulatedGitLab, project: Project, dana: User) -> MergeRequest:
    return sim.state.items.add_merge_request(project, "Feed", author=dana, source_branch="feed")


def page(sim: SimulatedGitLab, path: str = "/") -> requests.Response:
    return requests.get(f"{sim.url}{path}", timeout=HANGS)


def submit(sim: SimulatedGitLab, path: str, form: dict[str, Any]) -> requests.Response:
    return requests.post(f"{sim.url}{path}", data=form, timeout=HANGS)


def test_the_index_says_what_it_is_and_links_every_item(
    sim: SimulatedGitLab, issue: Issue, mr: MergeRequest
) -> None:
    text = page(sim).text
    assert "Simulated GitLab" in text
    for path in ("/acme/tools/press/-/issues/1", "/acme/tools/press/-/merge_requests/1"):
        assert f'href="{path}"' in text
        assert page(sim, path).status_code == 200


def test_tokens_that_work_are_shown_where_gitlab_has_them(sim: SimulatedGitLab, dana: User) -> None:
    revoked = sim.state.people.add_token(dana)
    new = sim.state.people.rotate(revoked)
    text = page(sim, TOKEN_PAGE).text
    assert new.value in text
    assert revoked.value not in text


def test_an_item_is_at_every_address_gitlab_gives_it(sim: SimulatedGitLab, issue: Issue) -> None:
    for path in ("issues/1", "work_items/1", "issues/incident/1"):
        assert "Paper jam" in page(sim, f"/acme/tools/press/-/{path}").text
    for path in ("issues/2", "merge_requests/1", "epics/1"):
        assert page(sim, f"/acme/tools/press/-/{path}").status_code == 404


def test_a_former_path_leads_to_the_new_one(sim: SimulatedGitLab, issue: Issue) -> None:
    sim.state.projects.rename(issue.project, "acme/tools/printer")
    answer = page(sim, "/acme/tools/press/-/issues/1")
    assert answer.url == f"{sim.url}/acme/tools/printer/-/issues/1"
    assert answer.history[0].status_code == 302
    assert page(sim, "/acme/tools/press").url == f"{sim.url}/acme/tools/printer"


def test_saving_the_form_changes_the_issue_and_sends_the_webhook(
    sim: SimulatedGitLab,
    issue: Issue,
    dana: User,
    hooked: Callable[..., Any],
    receiver: Receiver,
) -> None:
    hooked()
    form = {
        "title": "Paper jam in tray 2",
        "assignees": ["dana.moss"],
        "due_date": "2027-03-04",
        "by": "dana.moss",
    }
    answer = submit(sim, "/acme/tools/press/-/issues/1", form)
    assert "Saved. 1 webhook sent." in " ".join(answer.text.split())
    body = receiver.next().json
    assert body["object_attributes"]["title"] == "Paper jam in tray 2"
    assert body["changes"].keys() >= {"title", "labels", "assignees", "due_date"}
    assert (issue.labels, issue.assignees) == ([], [dana])


def test_a_lost_webhook_changes_the_item_all_the_same(
    sim: SimulatedGitLab, issue: Issue, hooked: Callable[..., Any], receiver: Receiver
) -> None:
    hooked()
    form = {"title": "Silence", "lose": "1", "action": "close"}
    answer = submit(sim, "/acme/tools/press/-/issues/1", form)
    assert "No webhook was sent." in answer.text
    assert (issue.title, issue.state, receiver.requests) == ("Silence", "closed", [])


def test_a_merge_request_has_draft_reviewers_pipeline_and_merge(
    sim: SimulatedGitLab, mr: MergeRequest, hooked: Callable[..., Any], receiver: Receiver
) -> None:
    hooked()
    path = "/acme/tools/press/-/merge_requests/1"
    form = {"title": "Feed", "draft": "1", "reviewers": "dana.moss", "pipeline": "failed"}
    submit(sim, path, form)
    kinds = [request.json["object_kind"] for request in receiver.wait_for(2)]
    assert kinds == ["merge_request", "pipeline"]
    assert (mr.title, mr.detailed_merge_status) == ("Draft: Feed", "draft_status")
    assert mr.head_pipeline is not None
    assert mr.head_pipeline.status == "failed"
    submit(sim, path, {"title": "Feed", "pipeline": "failed", "action": "merge"})
    assert (mr.title, mr.state, mr.reviewers) == ("Feed", "merged", [])


def test_a_deleted_item_is_gone_and_nobody_is_told(
    sim: SimulatedGitLab, issue: Issue, hooked: Callable[..., Any], receiver: Receiver
) -> None:
    hooked()
    path = "/acme/tools/press/-/issues/1"
    answer = submit(sim, path, {"action": "delete"})
    assert answer.url == f"{sim.url}/acme/tools/press"
    assert page(sim, path).status_code == 404
    assert sim.state.sender.wait_idle()
    assert receiver.requests == []


@pytest.mark.parametrize("kind", ["issues", "merge_requests", "work_items"])
def test_the_address_of_a_list_leads_to_the_items_of_the_projects_page(
    sim: SimulatedGitLab, issue: Issue, kind: str
) -> None:
    answer = requests.get(f"{sim.url}/acme/tools/press/-/{kind}", timeout=HANGS)
    assert answer.url == f"{sim.url}/acme/tools/press#items"
    assert 'id="items"' in answer.text


def test_new_items_are_opened_from_the_project_page(
    sim: SimulatedGitLab, project: Project, dana: User
) -> None:
    form = {"title": "From the page", "author": "dana.moss"}
    opened = submit(sim, "/acme/tools/press/-/issues", form)
    assert opened.url == f"{sim.url}/acme/tools/press/-/issues/1"
    submit(sim, "/acme/tools/press/-/merge_requests", form)
    assert project.merge_requests[1].source_branch == "from-the-page"


def test_a_project_is_renamed_from_its_page_but_not_onto_another(
    sim: SimulatedGitLab, project: Project
) -> None:
    sim.state.projects.add("acme/taken")
    for path in ("acme/taken", "press", "acme/../etc", "acme/a.git"):
        assert submit(sim, "/acme/tools/press", {"path": path}).status_code == 400
    renamed = submit(sim, "/acme/tools/press", {"path": "acme/printer"})
    assert renamed.url == f"{sim.url}/acme/printer"


@pytest.mark.parametrize(
    "form", [{"title": " "}, {"title": "x" * 256}, {"title": "Fine", "due_date": "soon"}]
)
def test_a_bad_form_is_refused_in_words(
    sim: SimulatedGitLab, issue: Issue, form: dict[str, str]
) -> None:
    answer = submit(sim, "/acme/tools/press/-/issues/1", form)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert issue.title == "Paper jam"


def test_what_people_type_is_never_markup(sim: SimulatedGitLab, issue: Issue) -> None:
    sim.state.items.edit(issue, title=HOSTILE, description=HOSTILE)
    sim.state.items.comment(issue, HOSTILE)
    sim.state.projects.add_label(issue.project, HOSTILE)
    for path in ("/", "/acme/tools/press", "/acme/tools/press/-/issues/1"):
        answer = page(sim, path)
        assert "<script" not in answer.text
        assert "&lt;script&gt;alert(1)" in answer.text
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    with pytest.raises(ValueError, match="colour"):
        sim.state.projects.add_label(issue.project, "red", "red;background:url(//evil)")


def test_a_page_of_another_origin_cannot_submit_forms(sim: SimulatedGitLab, issue: Issue) -> None:
    url = f"{sim.url}/acme/tools/press/-/issues/1"
    headers = {"Origin": "http://evil.example"}
    refused = requests.post(url, data={"title": "Mine"}, headers=headers, timeout=HANGS)
    assert (refused.status_code, issue.title) == (403, "Paper jam")


def test_links_keep_the_relative_root() -> None:
    with SimulatedGitLab.start(sample=True, relative_root="/gitlab") as rooted:
        text = page(rooted, "/").text
        assert 'href="/gitlab/acme/web-shop/-/issues/1"' in text
        assert 'href="/gitlab/-/assets/gitlab.css"' in text
        assert page(rooted, "/-/assets/gitlab.css").status_code == 200


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_fit_the_screen_and_work_in_a_browser(browser: Browser, width: int) -> None:
    with SimulatedGitLab.start(sample=True) as sim:
        context = new_context(browser, viewport={"width": width, "height": 900})
        tab = context.new_page()
        complaints: list[str] = []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        for path in ("/", "/acme/platform/api", "/acme/platform/api/-/issues/3"):
            tab.goto(sim.url + path)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.fill("input[name=title]", "Certificate renewed")
        tab.check("input[name=labels][value=security]")
        tab.click("button:has-text('Close')")
        tab.wait_for_selector("[role=status]")
        assert tab.inner_text("h1") == "Certificate renewed"
        issue = sim.state.projects.get("acme/platform/api").issues[3]
        assert (issue.state, "security" in {x.name for x in issue.labels}) == ("closed", True)
        assert complaints == []
        context.close()
