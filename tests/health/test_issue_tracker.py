"""Keys become clickable in GitLab, and no other issue tracker is replaced."""

from urllib.parse import urlsplit

import pytest
import requests

from gitlab_links.accounts.roles import Role
from tests.api.callers import Caller, browser
from tests.conftest import GITLAB_TOKEN
from tests.hanging import HANGS
from tests.health.conftest import Connected
from tests.pages.markup import Markup, words

CUSTOM = "custom-issue-tracker"


@pytest.fixture
def admin(connected: Connected) -> Caller:
    return browser(connected.app, connected.admin.user_id)


@pytest.fixture
def api(connected: Connected) -> str:
    return f"/api/orgs/{connected.org.id}/integrations/gitlab"


@pytest.fixture
def page(connected: Connected) -> str:
    return f"/orgs/{connected.org.id}/gitlab"


def ended(connected: Connected, admin: Caller, api: str) -> dict[str, object]:
    answer = admin.post(f"{api}/projects/{connected.project_id}/issue-tracker")
    assert answer.status_code == 202
    connected.operate()
    operation: dict[str, object] = admin.get(answer.headers["Location"]).json["operation"]
    return operation


def test_the_fields_lead_to_the_tasks_of_the_org(
    connected: Connected, admin: Caller, api: str, page: str
) -> None:
    fields = admin.get(f"{api}/issue-tracker").json["issue_tracker"]
    key = connected.org.task_key
    assert fields["issues_url"] == f"{fields['project_url']}/{key}-:id"
    task = admin.get(f"/api/orgs/{connected.org.id}/tasks").json["tasks"][0]
    number = task["reference"].partition("-")[2]
    assert admin.get(urlsplit(fields["issues_url"].replace(":id", number)).path).status_code == 200
    shown = Markup.of(admin.get(page))
    names = {"project": "project_url", "issues": "issues_url", "new": "new_issue_url"}
    for place, name in names.items():
        assert shown.one("input", id=f"tracker-{place}")["value"] == fields[name]


def test_a_worker_enters_them_and_gitlab_links_keys(
    connected: Connected, admin: Caller, api: str, page: str
) -> None:
    assert admin.post(f"{page}/issue-tracker", data={"project": ""}).status_code == 302
    connected.operate()
    assert "Keys lead to their tasks now." in words(Markup.of(admin.get(page)).one("main").text)
    fields = admin.get(f"{api}/issue-tracker").json["issue_tracker"]
    assert connected.project.integrations[CUSTOM] == fields
    assert connected.audited("project.tracker_set")[0]["issues_url"] == fields["issues_url"]

    state, key = connected.gitlab.state, connected.org.task_key
    state.items.edit(connected.issues[0], title=f"Mend <it> for {key}-1, in UTF-8")
    shown = requests.get(state.urls.item(connected.issues[0]), timeout=HANGS).text
    assert f'<a href="{fields["project_url"]}/{key}-1">{key}-1</a>, in ' in shown
    assert "Mend &lt;it&gt; for" in shown
    assert f'/{key}-8">UTF-8</a>' in shown

    again = ended(connected, admin, api)
    assert (again["status"], again["result"]) == ("done", {"changed": False})


@pytest.mark.parametrize(
    ("slug", "properties", "named"),
    [
        ("jira", {}, "jira"),
        (CUSTOM, {"issues_url": "https://bugs.example.com/:id"}, "https://bugs.example.com/:id"),
    ],
)
def test_another_tracker_stays(
    connected: Connected,
    admin: Caller,
    api: str,
    slug: str,
    properties: dict[str, str],
    named: str,
) -> None:
    connected.project.integrations[slug] = properties
    operation = ended(connected, admin, api)
    assert (operation["status"], operation["error_code"]) == ("failed", "other_tracker")
    assert named in str(operation["error_detail"])
    assert connected.project.integrations == {slug: properties}


def test_the_fields_follow_a_new_task_key(connected: Connected, admin: Caller, api: str) -> None:
    ended(connected, admin, api)
    changed = admin.patch(f"/api/orgs/{connected.org.id}", json={"task_key": "NEW"})
    assert changed.status_code == 200
    assert ended(connected, admin, api)["result"] == {"changed": True}
    assert connected.project.integrations[CUSTOM]["issues_url"].endswith("/NEW-:id")


def test_a_token_that_may_not_is_said_in_words(
    connected: Connected, admin: Caller, api: str
) -> None:
    owner = connected.gitlab.state.people.tokens[GITLAB_TOKEN].user
    owner.is_admin = False
    connected.gitlab.state.projects.add_member(connected.project, owner, 20)
    operation = ended(connected, admin, api)
    assert (operation["status"], operation["error_code"]) == ("failed", "tracker_not_set")
    assert "a maintainer of the project" in str(operation["error_detail"])
    assert connected.project.integrations == {}


def test_a_member_may_not(connected: Connected, api: str) -> None:
    member = connected.factory.membership(connected.org, Role.MEMBER).user_id
    assert browser(connected.app, member).get(f"{api}/issue-tracker").status_code == 403


def test_the_simulated_forms_are_filled_in_from_the_address(connected: Connected) -> None:
    base = f"{connected.gitlab.url}/ships/engine/-"
    form = requests.get(
        f"{base}/issues/new",
        params={"issue[title]": "A <new> one", "issue[description]": "ACME-12"},
        timeout=HANGS,
    ).text
    assert 'value="A &lt;new&gt; one"' in form
    assert ">ACME-12</textarea>" in form
    form = requests.get(f"{base}/branches/new?branch_name=acme-12-x", timeout=HANGS).text
    assert 'value="acme-12-x"' in form
