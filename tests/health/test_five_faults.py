"""Five things that go wrong in GitLab, from the first word on the page to green again.

For each: page and API show it, the repair that they name works, and then all is well. Only GitLab,
the schedule and a viewer cause anything.
"""

from datetime import timedelta

import pytest
import requests

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.job_triggers import CHECK_SECONDS, JobKind
from gitlab_links.jobs import functions
from gitlab_links.links.models import GitLabItem
from tests.api.callers import browser
from tests.conftest import GITLAB_TOKEN
from tests.pages.markup import Markup

MAINTAINER = 40


class Watcher:
    """An admin before the open page, and a program that asks the API, while time goes by."""

    def __init__(self, connected, redis, clock):
        self.connected, self.redis, self.clock = connected, redis, clock
        self.path = f"/orgs/{connected.org.id}/gitlab"
        user = connected.factory.membership(connected.org, Role.ADMIN).user_id
        self.browser = browser(connected.app, user)
        self.headers = {"Authorization": f"Bearer {connected.factory.api_key(connected.org)}"}

    def api(self, method="GET", path="/health", status=200, **body):
        url = self.connected.webhook_url.removesuffix("/webhook") + path
        answer = requests.request(method, url, json=body or None, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def press(self, path, **form):
        """Press a button of the page; gives the page that follows."""
        hidden = Markup.of(self.browser.get(self.path)).all("input", type="hidden")
        versions = {one["name"]: one["value"] for one in hidden if "_version" in one["name"]}
        answer = self.browser.post(f"{self.path}{path}", data={**versions, **form})
        assert answer.status_code == 302, answer.text
        self.connected.operate()
        return " ".join(self.browser.get(answer.location).text.split())

    def minute(self, *, changed=False):
        """Less than a minute with a viewer; with ``changed`` the sweep falls into it."""
        for step in range(2):
            self.redis.delete(JobKind.REQUEST_CHECK.flag(self.connected.org.id))
            self.page()
            if changed and step == 0:
                self.connected.sweep()
            self._jobs()
            self.clock.advance(CHECK_SECONDS if step == 0 else 10)
        self._jobs()

    def _jobs(self):
        self.connected.work()
        with self.connected.app.app_context():
            if self.redis.exists(JobKind.REQUEST_CHECK.flag(self.connected.org.id)):
                functions.request_check(str(self.connected.org.id))
        self.connected.watch()

    def titles(self):
        with self.connected.app.app_context():
            return set(db.session.scalars(db.select(GitLabItem.title)))

    def page(self):
        answer = self.browser.get(self.path, headers={"X-Fragment": "health"})
        return Markup.of(answer).one("h2", id="health-heading").text, " ".join(answer.text.split())

    def sees(self, colour, code, words):
        """Page and API show the same."""
        headline, text = self.page()
        assert headline == {"red": "Not working", "amber": "Needs your attention"}[colour]
        assert words in text
        health = self.api()["health"]
        assert health["status"] == colour
        (finding,) = [one for one in health["findings"] if one["code"] == code]
        assert words in finding["summary"]
        assert finding["remedy"]
        assert finding["since"] is not None
        assert code in [event["code"] for event in self.connected.audited("health.problem")]

    def sees_that_all_is_well(self):
        assert self.page()[0] == "Everything works"
        health = self.api()["health"]
        assert (health["status"], health["findings"]) == ("green", [])


@pytest.fixture
def watcher(connected, redis, clock):
    """All is well, and somebody has the page open."""
    with connected.app.app_context():
        repair_now(connected.admin, connected.project_id)
    found = Watcher(connected, redis, clock)
    found.minute()
    found.sees_that_all_is_well()
    return found


def test_a_hook_that_gitlab_disabled(watcher):
    (hook,) = watcher.connected.gitlab.state.hooks.of(watcher.connected.project)
    hook.recent_failures = 40
    watcher.minute()
    watcher.sees("red", "hook_disabled", "GitLab has disabled the webhook for good")

    project = watcher.connected.project_id
    assert "The webhook was repaired." in watcher.press(f"/projects/{project}/hook")

    watcher.minute()
    watcher.sees_that_all_is_well()


@pytest.mark.slow
def test_a_token_that_expired(watcher):
    state = watcher.connected.gitlab.state
    state.people.tokens[GITLAB_TOKEN].expires_at = (utcnow() - timedelta(days=1)).date()
    watcher.minute()
    watcher.sees(
        "red", "auth_error", "GitLab refuses the access token: it is mistyped, has expired"
    )

    new = state.people.add_token("root", scopes=["api"]).value
    watcher.api("PATCH", "", token=new)

    watcher.minute()
    watcher.sees_that_all_is_well()


@pytest.mark.slow
def test_rights_that_were_lost(watcher):
    """Those of the token's owner; another's token takes its place."""
    connected = watcher.connected
    state = connected.gitlab.state
    sam = state.people.add_user("sam")
    state.projects.add_member(connected.project, sam, MAINTAINER)
    watcher.api("PATCH", "", token=state.people.add_token(sam, scopes=["api"]).value)
    watcher.minute()
    watcher.sees_that_all_is_well()

    state.projects.remove_member(connected.project, sam)
    watcher.minute()
    watcher.sees("red", "project_hidden", "GitLab no longer shows this project to the access token")

    connected.gitlab.state.items.edit(connected.issues[0], title="While nobody could see")
    watcher.press("", base_url=connected.gitlab.url, token=GITLAB_TOKEN)
    watcher.minute()
    watcher.sees_that_all_is_well()
    assert "While nobody could see" in watcher.titles()


@pytest.mark.slow
def test_a_project_that_was_renamed(watcher):
    """Nothing is to be done: links have followed, and the page says so."""
    connected = watcher.connected
    connected.gitlab.state.projects.rename(connected.project, "ships/turbine")
    watcher.minute()

    assert "ships/turbine</a>" in watcher.page()[1]
    assert "Renamed from ships/engine" in watcher.page()[1]
    (project,) = watcher.api()["health"]["projects"]
    assert (project["path"], project["former_path"]) == ("ships/turbine", "ships/engine")
    assert project["renamed_at"] is not None
    watcher.sees_that_all_is_well()


@pytest.mark.slow
def test_every_third_event_dropped(watcher):
    connected = watcher.connected
    trouble = connected.gitlab.state.faults.webhooks
    trouble.seen, trouble.drop_every = 0, 3
    for number, issue in enumerate(connected.issues):
        connected.gitlab.state.items.edit(issue, title=f"Changed {number}")
    watcher.minute(changed=True)
    watcher.sees("amber", "events_missed", "1 of 3 changes in 7 days were found only by polling")
    assert watcher.titles() == {f"Changed {number}" for number in range(3)}, "found nonetheless"

    trouble.drop_every = 0
    watcher.api("POST", f"/projects/{connected.project_id}/hook", status=202)
    connected.operate()
    assert "and it arrived" in watcher.browser.get(watcher.path).text

    watcher.clock.advance(3600)
    watcher.minute()
    watcher.sees_that_all_is_well()
