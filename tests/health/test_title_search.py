"""Items are found by title while somebody types, in projects that the person knows of."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.health import title_search
from gitlab_links.http.gitlab_waits import waiting_for_gitlab
from tests.api.callers import Caller, browser
from tests.health.conftest import Connected
from tests.pages.markup import Markup, words

PART = {"X-Fragment": "suggestions"}


@pytest.fixture
def path(connected: Connected) -> str:
    admin = browser(connected.app, connected.admin.user_id)
    task = admin.get(f"/api/orgs/{connected.org.id}/tasks").json["tasks"][0]
    return f"/orgs/{connected.org.id}/tasks/{task['reference']}/links/suggestions"


@pytest.fixture
def member(connected: Connected) -> Caller:
    return browser(connected.app, connected.factory.membership(connected.org, Role.MEMBER).user_id)


def found(who: Caller, path: str, text: str) -> list[str]:
    answer = who.get(path, query_string={"q": text}, headers=PART)
    assert answer.status_code == 200
    return [option["data-value"] for option in Markup.of(answer).all("li", role="option")]


def calls(connected: Connected) -> int:
    return connected.gitlab.state.calls.total()


def test_items_are_found_by_words_of_their_titles_open_ones_first(
    connected: Connected, member: Caller, path: str
) -> None:
    state = connected.gitlab.state
    old = state.items.add_issue(connected.project, title="The boiler whistles", author="dana")
    state.items.add_merge_request(
        connected.project, title="Mend the Boiler", author="dana", source_branch="boiler"
    )
    state.items.close(old)
    assert found(member, path, "BOILER") == ["ships/engine!1", "ships/engine#4"]
    assert found(member, path, "boiler whistles") == ["ships/engine#4"]
    assert found(member, path, "engine boiler mend") == ["ships/engine!1"]
    nothing = member.get(path, query_string={"q": "nothing like it"}, headers=PART)
    assert "No title has “nothing like it” in ships/engine." in words(nothing.text)


def test_only_known_projects_are_searched_and_five_at_most(
    connected: Connected, member: Caller, path: str
) -> None:
    state = connected.gitlab.state
    elsewhere = state.projects.add("docks/crane")
    state.items.add_issue(elsewhere, title="Boiler of the crane", author="dana")
    assert found(member, path, "boiler") == []
    admin = browser(connected.app, connected.admin.user_id)
    tasks = f"/api/orgs/{connected.org.id}/tasks"
    links = f"{tasks}/{admin.get(tasks).json['tasks'][0]['id']}/gitlab-links"
    for number in range(7):
        project = state.projects.add(f"fleet/ship-{number}")
        issue = state.items.add_issue(project, title=f"Boiler {number}", author="dana")
        assert admin.post(links, json={"url": state.urls.item(issue)}).status_code == 201
    connected.work()
    before = calls(connected)
    assert len(found(member, path, "boiler")) == title_search.MOST_PROJECTS
    assert calls(connected) - before == 2 * title_search.MOST_PROJECTS
    before = calls(connected)
    assert found(member, path, "ship-6 boiler") == ["fleet/ship-6#1"]
    assert calls(connected) - before == 2


def test_confidential_items_are_for_those_who_may_see_them(
    connected: Connected, member: Caller, path: str
) -> None:
    state = connected.gitlab.state
    state.items.add_issue(
        connected.project, title="Secret boiler", author="dana", confidential=True
    )
    assert found(member, path, "boiler") == []
    admin = browser(connected.app, connected.admin.user_id)
    assert found(admin, path, "boiler") == ["ships/engine#4"]


def test_a_reference_shows_what_is_known_without_a_call(
    connected: Connected, member: Caller, path: str
) -> None:
    before = calls(connected)
    url = connected.gitlab.state.urls.item(connected.issues[0])
    for text in ("ships/engine#1", "engine#1", url):
        assert found(member, path, text) == ["ships/engine#1"]
    assert found(member, path, f"{url}?{'x' * 200}#note_1") == ["ships/engine#1"]
    assert found(member, path, f"https://{'x' * 200}/leak") == []
    assert found(member, path, "https://leak") == []
    assert found(member, path, "ships/engine#99") == []
    assert found(member, path, "ab") == []
    assert calls(connected) == before


def test_a_gitlab_that_refuses_and_too_many_searches_are_said_in_words(
    connected: Connected, member: Caller, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.gitlab.state.people.tokens.clear()
    answer = member.get(path, query_string={"q": "boiler"}, headers=PART)
    assert "token" in words(answer.text)
    monkeypatch.setattr(title_search, "SEARCHES_A_MINUTE", 0)
    answer = member.get(path, query_string={"q": "boiler"}, headers=PART)
    assert "Too many searches." in words(answer.text)


def test_while_another_request_waits_for_gitlab_the_page_asks_again(
    connected: Connected, member: Caller, path: str
) -> None:
    with connected.app.app_context(), waiting_for_gitlab(connected.org.id):
        answer = member.get(path, query_string={"q": "leak"}, headers=PART)
    assert "data-busy" in answer.text
    again = member.get(path, query_string={"q": "leak"}, headers=PART)
    assert "data-busy" not in again.text
    assert "ships/engine#1" in again.text
