"""The API is judged by its usual client, python-gitlab, over real HTTP."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import gitlab
import pytest
import requests

from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.demo.gitlab.records import DEVELOPER, GUEST, Project, User
from tests.demo.conftest import TOKEN, client_of
from tests.hanging import HANGS


def get(sim: SimulatedGitLab, path: str, **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{sim.url}/api/v4/{path}"
    return requests.get(url, headers=headers, allow_redirects=False, timeout=HANGS, **options)


def test_one_call_lists_a_hundred_issues_by_iid(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    for number in range(120):
        sim.state.items.add_issue(project, f"Number {number}", author=dana)
    lazy = client.projects.get(project.id, lazy=True)
    found = lazy.issues.list(iids=list(range(11, 111)), per_page=100, get_all=False)
    assert {issue.iid for issue in found} == set(range(11, 111))
    assert sim.state.calls.total() == 1
    assert sim.state.calls.total("/projects/:id/issues", "GET") == 1


def test_an_iid_that_does_not_exist_is_absent_from_the_list(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    issue = sim.state.items.add_issue(project, "Gone tomorrow", author=dana)
    sim.state.items.add_issue(project, "Here to stay", author=dana)
    sim.state.items.delete(issue)
    lazy = client.projects.get(project.id, lazy=True)
    assert [i.title for i in lazy.issues.list(iids=[1, 2, 99], get_all=False)] == ["Here to stay"]
    with pytest.raises(gitlab.exceptions.GitlabGetError) as refusal:
        lazy.issues.get(1)
    assert refusal.value.response_code == 404


def test_a_project_is_found_by_its_encoded_path_in_any_case(
    project: Project, client: gitlab.Gitlab
) -> None:
    assert client.projects.get("Acme/Tools/PRESS").id == project.id


def test_pages_link_to_each_other(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    for number in range(7):
        sim.state.items.add_issue(project, f"Number {number}", author=dana)
    found = client.projects.get(project.path_with_namespace, lazy=True).issues.list(
        per_page=3, iterator=True
    )
    assert [issue.iid for issue in found] == [7, 6, 5, 4, 3, 2, 1]
    first = get(sim, f"projects/{project.id}/issues?per_page=3")
    assert first.headers["X-Total"] == "7"
    assert first.headers["X-Total-Pages"] == "3"
    assert first.headers["X-Next-Page"] == "2"
    assert 'rel="next"' in first.headers["Link"]


def test_more_than_a_hundred_a_page_is_cut_to_a_hundred(
    sim: SimulatedGitLab, project: Project, dana: User
) -> None:
    for number in range(101):
        sim.state.items.add_issue(project, f"Number {number}", author=dana)
    answer = get(sim, f"projects/{project.id}/issues?per_page=500")
    assert len(answer.json()) == 100
    assert answer.headers["X-Per-Page"] == "100"


def test_labels_come_as_names_or_with_their_colours(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    sim.state.projects.add_label(project, "bug", "#d1242f")
    sim.state.projects.add_label(project, "pale", "#fff5cc")
    sim.state.items.add_issue(project, "Broken", author=dana, labels=["pale", "bug"])
    issues = client.projects.get(project.id, lazy=True).issues
    assert issues.list(get_all=False)[0].labels == ["bug", "pale"]
    (detailed,) = issues.list(with_labels_details=True, get_all=False)
    told = [(label["name"], label["color"], label["text_color"]) for label in detailed.labels]
    assert told == [("bug", "#d1242f", "#FFFFFF"), ("pale", "#fff5cc", "#1F1E24")]


def test_a_former_path_redirects_reads_and_refuses_writes(
    sim: SimulatedGitLab, project: Project, client: gitlab.Gitlab
) -> None:
    sim.state.projects.rename(project, "acme/tools/printer")
    moved = get(sim, "projects/acme%2Ftools%2Fpress/issues?iids[]=1&iids[]=2")
    assert moved.status_code == 301
    by_id = f"{sim.url}/api/v4/projects/{project.id}/issues?"
    assert moved.headers["Location"].startswith(by_id)
    assert moved.headers["Location"].count("iids") == 2
    assert moved.text == f"This resource has been moved permanently to {moved.headers['Location']}"
    assert client.projects.get("acme/tools/press").path_with_namespace == "acme/tools/printer"
    with pytest.raises(gitlab.exceptions.GitlabHttpError) as refusal:
        client.http_post("/projects/acme%2Ftools%2Fpress/hooks", post_data={"url": "http://x.org"})
    assert refusal.value.response_code == 405
    assert refusal.value.error_message == "Non GET methods are not allowed for moved projects"


def test_a_transferred_project_redirects_and_its_items_have_new_addresses(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    sim.state.items.add_issue(project, "Follow me", author=dana)
    sim.state.projects.transfer(project, "globex")
    issue = client.projects.get("acme/tools/press").issues.get(1)
    assert issue.web_url == f"{sim.url}/globex/press/-/issues/1"
    assert issue.references["full"] == "globex/press#1"


def test_a_renamed_group_takes_its_projects_along(
    sim: SimulatedGitLab, project: Project, client: gitlab.Gitlab
) -> None:
    sim.state.projects.rename_group("acme/tools", "acme/machines")
    assert project.path_with_namespace == "acme/machines/press"
    assert client.projects.get("acme/tools/press").id == project.id


def test_a_stranger_is_told_that_there_is_no_such_project(
    sim: SimulatedGitLab, project: Project
) -> None:
    stranger = sim.state.people.add_user("stranger")
    token = sim.state.people.add_token(stranger, scopes=["read_api"])
    with pytest.raises(gitlab.exceptions.GitlabGetError, match="404 Project Not Found"):
        client_of(sim, token.value).projects.get(project.id)


def test_a_token_that_loses_and_regains_access(sim: SimulatedGitLab, project: Project) -> None:
    reader = sim.state.people.add_user("reader")
    token = sim.state.people.add_token(reader)
    reading = client_of(sim, token.value)
    sim.state.projects.add_member(project, reader)
    assert reading.projects.get(project.id).id == project.id
    sim.state.projects.remove_member(project, reader)
    with pytest.raises(gitlab.exceptions.GitlabGetError):
        reading.projects.get(project.id)
    sim.state.projects.add_member(project, reader)
    assert reading.projects.get(project.id).id == project.id


def test_confidential_issues_are_hidden_from_guests(
    sim: SimulatedGitLab, project: Project, dana: User
) -> None:
    sim.state.items.add_issue(project, "Secret", author=dana, confidential=True)
    guest = sim.state.people.add_user("guest")
    token = sim.state.people.add_token(guest)
    sim.state.projects.add_member(project, guest, GUEST)
    issues = client_of(sim, token.value).projects.get(project.id, lazy=True).issues
    assert issues.list(get_all=False) == []
    sim.state.projects.add_member(project, guest, DEVELOPER)
    assert [issue.confidential for issue in issues.list(get_all=False)] == [True]


def test_restricted_merge_requests_are_forbidden_not_missing(
    sim: SimulatedGitLab, project: Project, client: gitlab.Gitlab
) -> None:
    project.merge_requests_access = "disabled"
    with pytest.raises(gitlab.exceptions.GitlabListError) as refusal:
        client.projects.get(project.id, lazy=True).mergerequests.list(get_all=False)
    assert refusal.value.response_code == 403


def test_bad_parameters_are_a_400_that_names_them(sim: SimulatedGitLab, project: Project) -> None:
    for query, error in (
        ("per_page=0", "per_page does not have a valid value"),
        ("page=abc", "page is invalid"),
        ("iids[]=x", "iids is invalid"),
        ("with_labels_details=perhaps", "with_labels_details is invalid"),
    ):
        answer = get(sim, f"projects/{project.id}/issues?{query}")
        assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_an_unknown_route_is_a_404_in_json(sim: SimulatedGitLab) -> None:
    answer = get(sim, "nothing/here")
    assert (answer.status_code, answer.json()) == (404, {"error": "404 Not Found"})


def test_the_whole_instance_may_live_under_a_relative_root() -> None:
    with SimulatedGitLab.start(sample=True, token=TOKEN, relative_root="/gitlab") as rooted:
        assert rooted.url.endswith("/gitlab")
        found = client_of(rooted, TOKEN).projects.get("acme/platform/api")
        assert found.web_url == f"{rooted.url}/acme/platform/api"
        beside = rooted.url.removesuffix("/gitlab") + "/api/v4/version"
        assert requests.get(beside, timeout=HANGS).status_code == 404


def test_a_list_by_time_has_what_changed_since_and_until_then(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    issues = [sim.state.items.add_issue(project, f"Number {n}", author=dana) for n in range(4)]
    start = issues[0].created_at
    for issue, second in zip(issues, (3, 1, 2, 2), strict=True):
        issue.updated_at = start + timedelta(seconds=second)
    lazy = client.projects.get(project.id, lazy=True)

    def listed(**query: Any) -> list[int]:
        order = {"order_by": "updated_at", "sort": "asc", "get_all": False}
        return [issue.iid for issue in lazy.issues.list(**order, **query)]

    since = (start + timedelta(seconds=2)).isoformat()
    assert listed() == [2, 3, 4, 1]
    assert listed(updated_after=since) == [3, 4, 1]
    assert listed(updated_after=since, updated_before=since) == [3, 4]
    with pytest.raises(gitlab.exceptions.GitlabListError):
        listed(updated_after="yesterday")


def test_gitlab_counts_to_ten_thousand_and_pages_to_fifty_thousand(
    sim: SimulatedGitLab, project: Project, dana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitlab_links.demo.gitlab.rest.paging.MOST_COUNTED", 3)
    monkeypatch.setattr("gitlab_links.demo.gitlab.rest.paging.LARGEST_OFFSET", 2)
    for number in range(4):
        sim.state.items.add_issue(project, f"Number {number}", author=dana)
    first = get(sim, f"projects/{project.id}/issues?per_page=1")
    assert first.headers["X-Next-Page"] == "2"
    assert "X-Total" not in first.headers
    assert "last" not in first.links
    assert get(sim, f"projects/{project.id}/issues?per_page=1&page=4").status_code == 405


def test_the_date_of_an_answer_is_by_gitlabs_clock(sim: SimulatedGitLab) -> None:
    sim.state.clock.advance(-86_400)
    answer = get(sim, "version")
    behind = datetime.now(UTC) - parsedate_to_datetime(answer.headers["Date"])
    assert abs(behind - timedelta(days=1)) < timedelta(minutes=1)


def test_words_are_searched_in_one_text_of_a_merge_request_and_in_all_of_an_issue(
    sim: SimulatedGitLab, project: Project, dana: User, client: gitlab.Gitlab
) -> None:
    title, words = "Fix the printer", {"description": "Out of paper"}
    sim.state.items.add_issue(project, title, author=dana, **words)
    sim.state.items.add_merge_request(project, title, author=dana, source_branch="fix", **words)
    lazy = client.projects.get(project.id, lazy=True)

    def found(**query: str) -> tuple[int, int]:
        issues = lazy.issues.list(get_all=False, **query)
        requests = lazy.mergerequests.list(get_all=False, state="all", **query)
        return len(issues), len(requests)

    assert found(search="PRINTER fix") == found(search="out paper") == (1, 1)
    assert found(search="printer paper") == (1, 0)
    assert found(search="paper", **{"in": "title"}) == (0, 0)
