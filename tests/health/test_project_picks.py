"""Projects are picked from GitLab's own list, and a worker makes their webhooks."""

import pytest
import requests
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Membership
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.observations.hook_states import HookState
from gitlab_links.observations.watched_projects import WatchedProject, watched_projects
from gitlab_links.pasting.changes import attach
from tests.api.callers import Caller, browser
from tests.conftest import GITLAB_TOKEN
from tests.frozen_clock import FrozenClock
from tests.health.conftest import Connected
from tests.pages.markup import Element, Markup, words

# A refused account is checked again by then.
LATER_SECONDS = 121


@pytest.fixture
def path(connected: Connected) -> str:
    return f"/orgs/{connected.org.id}/gitlab/projects"


@pytest.fixture
def admin(connected: Connected) -> Caller:
    return browser(connected.app, connected.admin.user_id)


@pytest.fixture
def maintained(connected: Connected) -> None:
    """Two projects that the token's owner maintains, the second one never linked; and others."""
    state = connected.gitlab.state
    owner = state.people.tokens[GITLAB_TOKEN].user
    state.projects.add_member(connected.project, owner, 40)
    state.projects.add_member(state.projects.add("ships/sails"), owner, 40)
    state.projects.add_member(state.projects.add("ships/read-only"), owner, 20)
    state.projects.add("docks/crane")


def choices(page: TestResponse) -> dict[str, Element]:
    markup = Markup.of(page)
    boxes = {box["id"]: box for box in markup.all("input", name="project")}
    return {
        label.text: boxes[label["for"]] for label in markup.all("label") if label["for"] in boxes
    }


def projects(connected: Connected) -> dict[str, WatchedProject]:
    with connected.app.app_context():
        return {one.path: one for one in watched_projects(connected.org.id, utcnow())}


def test_what_the_tokens_owner_maintains_can_be_picked_and_gets_its_webhook(
    connected: Connected, maintained: None, admin: Caller, path: str
) -> None:
    found = choices(admin.get(path))
    assert set(found) == {"ships/engine", "ships/sails", "ships/read-only"}
    read_only = found.pop("ships/read-only")
    assert "checked" in found["ships/engine"].attributes  # it has links, and no webhook
    assert "checked" not in found["ships/sails"].attributes
    assert set(choices(admin.get(f"{path}?q=sails"))) == {"ships/sails"}

    answer = admin.post(path, data={"project": [box["value"] for box in found.values()]})
    assert answer.status_code == 302
    page = admin.get(answer.headers["Location"])
    assert "2 projects are watched. 2 webhooks are being created." in words(
        Markup.of(page).one("main").text
    )
    assert page.text.count("Being created…") == 2
    connected.watch()
    connected.watch()
    hooks = connected.gitlab.state.hooks
    for path_of_project, watched in projects(connected).items():
        assert (watched.hook_state, watched.hook_wanted) == (HookState.OK, False), watched
        (hook,) = hooks.of(connected.gitlab.state.projects.get(path_of_project))
        assert hook.url == connected.webhook_url
    done = admin.get(answer.headers["Location"])
    assert "Being created…" not in done.text
    assert len(connected.audited("hook.created")) == 2
    answer = admin.post(path, data={"project": read_only["value"]})
    page = admin.get(answer.headers["Location"])
    assert "1 project is watched." in words(Markup.of(page).one("main").text)
    assert projects(connected)["ships/read-only"].hook_wanted is False


def test_a_choice_is_good_for_its_org_and_as_gitlab_listed_it(
    connected: Connected, maintained: None, admin: Caller, path: str
) -> None:
    value = choices(admin.get(path))["ships/sails"]["value"]
    other = connected.factory.org()
    connected.factory.membership(other, Role.ADMIN)
    with connected.app.app_context():
        db.session.add(
            Membership(org_id=other.id, user_id=connected.admin.user_id, role=Role.ADMIN.value)
        )
        db.session.commit()
    for where, values in (
        (path.replace(str(connected.org.id), str(other.id)), [value]),
        (path, [value[:-2]]),
        (path, []),
    ):
        answer = admin.post(where, data={"project": values})
        assert answer.status_code == 302
        assert answer.headers["Location"] == where
    assert set(projects(connected)) == {"ships/engine"}


def test_a_program_learns_which_id_a_project_has_in_addresses(
    connected: Connected, maintained: None, admin: Caller
) -> None:
    api = f"/api/orgs/{connected.org.id}/integrations/gitlab/projects"
    listed = {one["path"]: one for one in admin.get(api).json["projects"]}
    assert listed["ships/engine"]["project_id"] == str(connected.project_id)
    sails = listed["ships/sails"]
    assert sails["project_id"] is None
    (picked,) = admin.post(api, json={"choices": [sails["choice"]]}).json["projects"]
    shown = {one["path"]: one["project_id"] for one in admin.get(api).json["projects"]}
    assert shown["ships/sails"] == picked["project_id"]
    assert admin.delete(f"{api}/{picked['project_id']}/watch").status_code == 204
    assert "ships/sails" not in projects(connected)


def test_each_pick_is_an_operation_whose_steps_page_and_api_show(
    connected: Connected, maintained: None, admin: Caller, path: str
) -> None:
    api = f"/api/orgs/{connected.org.id}/integrations/gitlab/projects"
    listed = admin.get(api).json["projects"]
    assert [one["path"] for one in listed if not one["maintained"]] == ["ships/read-only"]
    answer = admin.post(api, json={"choices": [one["choice"] for one in listed]})
    assert answer.status_code == 202
    operations = answer.json["operations"]
    paths = [one["path"] for one in answer.json["projects"] if one["maintained"]]
    assert [one["subject"] for one in operations] == paths
    assert {(one["kind"], one["status"]) for one in operations} == {("make_hook", "queued")}
    again = admin.post(api, json={"choices": [listed[-1]["choice"]]}).json["operations"]
    assert [one["id"] for one in again] == [operations[-1]["id"]]

    connected.operate()
    for one in operations:
        where = f"/api/orgs/{connected.org.id}/operations/{one['id']}"
        done = admin.get(where).json["operation"]
        assert (done["status"], done["result"]["created"]) == ("done", True), done
        assert [step["step"] for step in done["steps"]] == [
            "looking_for_the_webhook",
            "making_the_webhook",
            "testing_the_webhook",
            "sending_failed_events_again",
        ]
    page = words(Markup.of(admin.get(path.removesuffix("/projects"))).one("main").text)
    for one in paths:
        assert f"Webhook of {one}" in page
    assert page.count("The webhook was created.") == 2


def test_a_webhook_that_was_picked_waits_for_an_account_that_is_blocked(
    connected: Connected, maintained: None, admin: Caller, path: str, clock: FrozenClock
) -> None:
    value = choices(admin.get(path))["ships/sails"]["value"]
    admin.post(path, data={"project": value})
    owner = connected.gitlab.state.people.tokens[GITLAB_TOKEN].user
    owner.state = "blocked"
    connected.watch()
    sails = connected.gitlab.state.projects.get("ships/sails")
    assert projects(connected)["ships/sails"].hook_wanted
    assert connected.codes()[0] == "http_403"

    owner.state = "active"
    clock.advance(LATER_SECONDS)
    connected.watch()
    connected.watch()
    assert not projects(connected)["ships/sails"].hook_wanted
    assert len(list(connected.gitlab.state.hooks.of(sails))) == 1


def test_nothing_is_made_for_somebody_who_may_no_longer_ask_for_it(
    connected: Connected, maintained: None, admin: Caller, path: str
) -> None:
    value = choices(admin.get(path))["ships/sails"]["value"]
    admin.post(path, data={"project": value})
    with connected.app.app_context():
        db.session.query(Membership).filter_by(user_id=connected.admin.user_id).update(
            {"role": Role.MEMBER.value}
        )
        db.session.commit()
    connected.watch()
    assert not projects(connected)["ships/sails"].hook_wanted
    sails = connected.gitlab.state.projects.get("ships/sails")
    assert list(connected.gitlab.state.hooks.of(sails)) == []


def test_a_gitlab_that_does_not_answer_is_said_in_words(
    connected: Connected, admin: Caller, path: str
) -> None:
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].revoked = True
    answer = admin.get(path)
    assert answer.status_code == 200
    assert "GitLab refuse" in words(Markup.of(answer).one("main").text)


def test_the_list_goes_on_and_says_what_is_watched_and_linked(
    connected: Connected, maintained: None, admin: Caller, path: str
) -> None:
    state = connected.gitlab.state
    owner = state.people.tokens[GITLAB_TOKEN].user
    for number in range(60):
        state.projects.add_member(state.projects.add(f"fleet/ship-{number}"), owner, 40)
    api = f"/api{path.replace('/gitlab/', '/integrations/gitlab/')}"
    first = admin.get(api).json
    assert (len(first["projects"]), first["next_page"]) == (50, 2)
    second = admin.get(f"{api}?page=2").json
    assert (len(second["projects"]), second["next_page"]) == (13, None)
    linked = next(one for one in second["projects"] if one["path"] == "ships/engine")
    assert (linked["picked"], linked["links"], linked["hook_state"]) == (False, 3, "unknown")
    assert second["projects"][0]["hook_state"] is None

    page = Markup.of(admin.get(path))
    assert [words(one.text) for one in page.all("legend")] == ["fleet Choose all of fleet"]
    assert page.one("a", rel="next")["href"] == f"{path}?page=2"
    further = Markup.of(admin.get(f"{path}?page=2"))
    assert "ships Choose all of ships" in [words(one.text) for one in further.all("legend")]


def test_one_press_makes_the_webhooks_of_all_with_its_progress(
    connected: Connected, maintained: None, admin: Caller, path: str
) -> None:
    state = connected.gitlab.state
    tasks = f"/api/orgs/{connected.org.id}/tasks"
    task = admin.get(tasks).json["tasks"][0]["id"]
    for project in ("ships/sails", "docks/crane"):
        issue = state.items.add_issue(state.projects.get(project), title="Torn", author="dana")
        url = state.urls.item(issue)
        assert admin.post(f"{tasks}/{task}/gitlab-links", json={"url": url}).status_code == 201
    connected.work()
    connected.watch()
    page = path.removesuffix("/projects")
    assert "Create or repair all 3 webhooks" in admin.get(page).text
    answer = admin.post(f"/api{path.replace('/gitlab/', '/integrations/gitlab/')}/hooks")
    assert answer.status_code == 202
    subjects = [one["subject"] for one in answer.json["operations"]]
    assert subjects == ["docks/crane", "ships/engine", "ships/sails"]
    assert admin.post(f"{path}/hooks").status_code == 302
    assert "Webhooks: 0 of 3 are created." in words(Markup.of(admin.get(page)).one("main").text)
    connected.operate()
    shown = words(Markup.of(admin.get(page)).one("main").text)
    assert "Webhooks: 3 of 3 are created." in shown
    made = {one.path for one in projects(connected).values() if one.hook_state is HookState.OK}
    assert made == set(subjects)
    assert "Create or repair all" not in shown


def test_a_watched_project_without_links_has_health_until_the_watch_ends(
    connected: Connected, maintained: None, admin: Caller, path: str
) -> None:
    value = choices(admin.get(path))["ships/sails"]["value"]
    admin.post(path, data={"project": value})
    assert len(connected.audited("project.watched")) == 1
    sails = projects(connected)["ships/sails"]
    assert (sails.picked, sails.links, sails.hook_wanted) == (True, 0, True)
    assert "Watched" in admin.get(path.removesuffix("/projects")).text

    assert admin.post(f"{path}/{sails.id}/unwatch").status_code == 302
    connected.operate()
    assert "ships/sails" not in projects(connected)
    assert connected.gitlab.state.hooks.of(connected.gitlab.state.projects.get("ships/sails")) == []
    assert len(connected.audited("project.unwatched")) == 1
    api = f"/api{path.replace('/gitlab/', '/integrations/gitlab/')}"
    assert admin.delete(f"{api}/{sails.id}/watch").status_code == 404
    engine = projects(connected)["ships/engine"]
    assert admin.delete(f"{api}/{engine.id}/watch").status_code == 404
    admin.post(path, data={"project": choices(admin.get(path))["ships/engine"]["value"]})
    assert admin.delete(f"{api}/{engine.id}/watch").status_code == 204
    assert projects(connected)["ships/engine"].picked is False


def test_the_webhook_of_a_project_without_links_goes_with_its_watch(
    connected: Connected, maintained: None, admin: Caller, path: str
) -> None:
    found = choices(admin.get(path))
    admin.post(
        path, data={"project": [found[one]["value"] for one in ("ships/sails", "ships/engine")]}
    )
    connected.watch()
    connected.watch()
    hooks, state = connected.gitlab.state.hooks, connected.gitlab.state
    for watched in projects(connected).values():
        assert admin.post(f"{path}/{watched.id}/unwatch").status_code == 302
    connected.operate()
    assert hooks.of(state.projects.get("ships/sails")) == []
    assert len(hooks.of(state.projects.get("ships/engine"))) == 1
    page = words(Markup.of(admin.get(path.removesuffix("/projects"))).one("main").text)
    assert "Webhook of ships/sails: It was deleted." in page
    assert len(connected.audited("hook.removed")) == 1
    assert set(projects(connected)) == {"ships/engine"}


def test_the_secret_of_a_webhook_that_was_deleted_ends_a_day_later(
    connected: Connected, maintained: None, admin: Caller, path: str, clock: FrozenClock
) -> None:
    admin.post(path, data={"project": choices(admin.get(path))["ships/sails"]["value"]})
    connected.watch()
    connected.watch()
    state = connected.gitlab.state
    (hook,) = state.hooks.of(state.projects.get("ships/sails"))
    state.hooks.add(hook.of, connected.webhook_url, token="added by hand")
    admin.post(f"{path}/{projects(connected)['ships/sails'].id}/unwatch")
    connected.operate()
    assert state.hooks.of(state.projects.get("ships/sails")) == []

    for hours, status in ((23, 202), (25, 403)):
        clock.advance(hours * 3600)
        answer = requests.post(
            connected.webhook_url, json={}, headers={"X-Gitlab-Token": hook.token}
        )
        assert answer.status_code == status


def test_the_webhook_of_a_project_that_is_linked_meanwhile_stays(
    connected: Connected, maintained: None, admin: Caller, path: str
) -> None:
    admin.post(path, data={"project": choices(admin.get(path))["ships/sails"]["value"]})
    connected.watch()
    sails, state = projects(connected)["ships/sails"], connected.gitlab.state
    admin.post(f"{path}/{sails.id}/unwatch")
    issue = state.items.add_issue(state.projects.get("ships/sails"), title="Torn", author="dana")
    task = connected.factory.task(connected.org)
    with connected.app.app_context():
        attach(connected.admin, task.id, state.urls.item(issue))
        db.session.commit()
    connected.operate()
    assert len(state.hooks.of(state.projects.get("ships/sails"))) == 1
    page = words(Markup.of(admin.get(path.removesuffix("/projects"))).one("main").text)
    assert "Webhook of ships/sails: None was deleted" in page
    assert connected.audited("hook.removed") == []
