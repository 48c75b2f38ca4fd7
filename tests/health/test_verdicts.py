"""One verdict: page, API, settings, notices, doctor and metrics say the same of each state.

Each state is made the way it comes about: by GitLab's answers, its webhooks and the jobs.
"""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape

import pytest
import requests

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.extensions import db
from gitlab_links.health.findings import SHOWN_FIRST
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.jobs.health_checks import store_all_verdicts
from gitlab_links.local.services import LOOPBACK
from gitlab_links.ops.gitlab_checks import check_connections
from gitlab_links.ops.metric_sources import verdicts
from gitlab_links.outgoing.alerts import update_policy
from gitlab_links.tasks.models import Task
from tests.api.callers import browser
from tests.conftest import GITLAB_TOKEN
from tests.hanging import HANGS
from tests.pages.markup import Markup

_TAG = re.compile(r"<[^>]+>")
HEADLINES = {
    "green": "Everything works",
    "amber": "Needs your attention",
    "red": "Not working",
    "gray": "Not connected yet",
}
SETTINGS = {
    "green": "ok",
    "amber": "attention",
    "red": "attention",
    "gray": "not_configured",
}


@dataclass
class Five:
    """The five places where an org's health is read."""

    connected: object
    receiver: object
    key: str
    browser: object

    def api(self, path):
        url = self.connected.webhook_url.removesuffix("/webhook") + path
        answer = requests.get(url, headers={"Authorization": f"Bearer {self.key}"}, timeout=HANGS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self):
        answer = self.browser.get(
            f"/orgs/{self.connected.org.id}/gitlab", headers={"X-Fragment": "health"}
        )
        text = unescape(_TAG.sub("", answer.text))
        return Markup.of(answer).one("h2", id="health-heading").text, " ".join(text.split())

    def links_of_a_task(self):
        with self.connected.app.app_context():
            number = db.session.scalars(db.select(Task.number)).first()
        org = self.connected.org
        text = self.browser.get(f"/orgs/{org.id}/tasks/{org.task_key}-{number}").text
        return " ".join(unescape(_TAG.sub("", text)).split())

    def doctor(self):
        with self.connected.app.app_context():
            lines = [finding.message for finding in check_connections()]
        return {line for line in lines if not line.startswith("not called until")}

    def metrics(self):
        with self.connected.app.app_context():
            store_all_verdicts()
            return [status for status, count in verdicts().items() if count]

    def notices(self):
        codes = [body["code"] for body in self.receiver.bodies if body["type"] == "health.problem"]
        over = [body["code"] for body in self.receiver.bodies if body["type"] == "health.recovered"]
        return sorted(set(codes) - set(over))

    def agree_on(self, status, *codes, sent=True):
        """All five say that, and nothing beside it; gives the text of the page.

        Not ``sent``: without the key nobody knows where alerts go.
        """
        health = self.api("/health")["health"]
        assert (health["status"], sorted(f["code"] for f in health["findings"])) == (
            status,
            sorted(codes),
        )
        assert self.api("")["gitlab"]["health"]["status"] == SETTINGS[status]
        headline, text = self.page()
        assert headline == HEADLINES[status]
        for finding in health["findings"]:
            assert finding["summary"] in text
            assert finding["remedy"] in text
        said = {f"{finding['summary']} ({finding['code']})" for finding in health["findings"]}
        assert self.doctor() == said
        assert self.notices() == (sorted(set(codes) - SHOWN_FIRST) if sent else [])
        assert self.metrics() == ([] if status == "gray" else [status])
        return text


@pytest.fixture
def five(connected, receiver):
    """All is well, and the org wants to be notified."""
    with connected.app.app_context():
        repair_now(connected.admin, connected.project_id)
        update_policy(connected.admin, PolicyChange(), receiver.url)
        db.session.commit()
    connected.work()
    connected.watch()
    receiver.bodies.clear()
    user = connected.factory.membership(connected.org, Role.ADMIN).user_id
    key = connected.factory.api_key(connected.org)
    return Five(connected, receiver, key, browser(connected.app, user))


def the_token(connected):
    return connected.gitlab.state.people.tokens[GITLAB_TOKEN]


def all_is_well(connected, clock):
    connected.watch()


def the_token_is_revoked(connected, clock):
    the_token(connected).revoked = True
    connected.sweep()
    connected.watch()


def the_token_lost_its_scope(connected, clock):
    the_token(connected).scopes = ["read_user"]
    connected.sweep()
    connected.watch()


def the_token_ends_in_six_days(connected, clock):
    the_token(connected).expires_at = (utcnow() + timedelta(days=6)).date()
    clock.advance(90_000)
    connected.watch()


def gitlab_answers_502(connected, clock):
    connected.gitlab.state.faults.answer("status", status=502, times=None)
    for _ in range(3):
        connected.sweep()
    connected.watch()


def gitlab_breaks_off(connected, clock):
    connected.gitlab.state.faults.answer("close", times=None)
    for _ in range(3):
        connected.sweep()
    connected.watch()


def gitlab_limits_the_rate(connected, clock):
    connected.gitlab.state.faults.answer("status", status=429, times=None, retry_after="600")
    connected.sweep()
    connected.watch()


def the_hook_is_disabled(connected, clock):
    (hook,) = connected.gitlab.state.hooks.of(connected.project)
    hook.recent_failures = 40
    clock.advance(90_000)
    connected.watch()


def the_hook_is_deleted(connected, clock):
    (hook,) = connected.gitlab.state.hooks.of(connected.project)
    connected.gitlab.state.hooks.delete(hook)
    clock.advance(90_000)
    connected.watch()


def an_event_is_lost(connected, clock):
    connected.gitlab.state.faults.webhooks.drop_next = 1
    change_without_event(connected, clock)


def change_without_event(connected, clock):
    """A change that polling finds, and of which no event has come half a minute later."""
    connected.gitlab.state.items.edit(connected.issues[0], title="Not sent")
    connected.work()
    connected.sweep()
    clock.advance(31)
    connected.watch()


def nothing_came_for_a_week(connected, clock):
    clock.advance(8 * 86_400)
    connected.watch()


OF_A_PAUSE = ("asked for a pause", "No action needed", "GitLab is called again in")
# A fault is not called a pause that GitLab asked for, and only what is tried again has a time.
PROMISES = {
    the_token_is_revoked: [],
    the_token_lost_its_scope: [],
    gitlab_answers_502: ["GitLab is called again in"],
    gitlab_breaks_off: ["GitLab is called again in"],
}


@pytest.mark.parametrize(
    ("come_about", "status", "codes"),
    [
        (all_is_well, "green", []),
        (the_token_is_revoked, "red", ["auth_error"]),
        pytest.param(
            the_token_lost_its_scope, "red", ["insufficient_scope"], marks=pytest.mark.slow
        ),
        pytest.param(
            the_token_ends_in_six_days, "amber", ["token_expires_7d"], marks=pytest.mark.slow
        ),
        (gitlab_answers_502, "red", ["http_502"]),
        pytest.param(gitlab_breaks_off, "red", ["network_error"], marks=pytest.mark.slow),
        pytest.param(gitlab_limits_the_rate, "amber", ["rate_limited"], marks=pytest.mark.slow),
        (the_hook_is_disabled, "red", ["hook_disabled"]),
        pytest.param(the_hook_is_deleted, "amber", ["hook_missing"], marks=pytest.mark.slow),
        pytest.param(an_event_is_lost, "amber", ["events_missed"], marks=pytest.mark.slow),
        (nothing_came_for_a_week, "amber", ["no_recent_events"]),
    ],
)
def test_page_api_settings_notices_and_doctor_agree(five, clock, come_about, status, codes):
    come_about(five.connected, clock)
    text = five.agree_on(status, *codes)
    said = PROMISES.get(come_about)
    assert said is None or [words for words in OF_A_PAUSE if words in text] == said


def test_an_address_that_the_operator_no_longer_allows(five):
    app = five.connected.app
    listed = AllowedHosts.parse([f"{LOOPBACK}:{five.receiver.port}"])
    app.extensions["settings"] = replace(app.extensions["settings"], gitlab_allowed_hosts=listed)
    five.connected.sweep()
    five.connected.watch()

    five.agree_on("red", "blocked_address")


def test_a_token_that_gitlab_has_not_been_asked_about(five):
    """Saved while GitLab is away: nobody knows yet whether it works."""
    five.connected.gitlab.state.faults.answer("close", times=None)
    with five.connected.app.app_context():
        configure(five.connected.admin, IntegrationChange(token="glpat-another-token"))
        db.session.commit()

    five.agree_on("amber", "token_unchecked")


def test_before_anything_came_all_five_say_that_nothing_is_set_up(connected, receiver):
    with connected.app.app_context():
        update_policy(connected.admin, PolicyChange(), receiver.url)
        db.session.commit()
    connected.watch()
    user = connected.factory.membership(connected.org, Role.ADMIN).user_id
    key = connected.factory.api_key(connected.org)
    found = Five(connected, receiver, key, browser(connected.app, user))

    found.agree_on("amber", "no_webhooks")


def test_an_org_without_a_token_is_gray_everywhere(five):
    with five.connected.app.app_context():
        configure(five.connected.admin, IntegrationChange(token=""))
        db.session.commit()
    five.connected.watch()

    five.agree_on("gray")
    assert five.api("")["gitlab"]["health"]["error_code"] == "missing_token"


@pytest.mark.parametrize("trouble", [the_token_is_revoked, the_token_lost_its_scope])
def test_on_a_task_no_time_is_promised_for_what_a_person_has_to_end(five, clock, trouble):
    clock.advance(90_000)
    trouble(five.connected, clock)

    text = five.links_of_a_task()
    assert "Create a" in text
    assert "Reading goes on" not in text


def test_on_a_task_a_pause_says_when_reading_goes_on(five, clock):
    clock.advance(90_000)
    gitlab_limits_the_rate(five.connected, clock)

    assert "Reading goes on in" in five.links_of_a_task()


def test_a_pause_that_gitlab_asked_for_says_until_when(five, clock):
    gitlab_limits_the_rate(five.connected, clock)

    _, text = five.page()
    assert "GitLab asked for a pause" in text
    assert "GitLab is called again in 1" in text


def test_what_is_new_is_shown_and_neither_audited_nor_sent(five, clock):
    nothing_came_for_a_week(five.connected, clock)

    assert five.api("/health")["health"]["findings"][0]["since"] is None
    assert five.connected.audited("health.problem") == []
    assert five.receiver.bodies == []


def test_a_report_is_read_with_eight_statements_at_most(five):
    from gitlab_links.health.report import report_of
    from tests.statements import statements

    with five.connected.app.app_context(), statements(five.connected.app) as sent:
        report_of(five.connected.org.id, utcnow())
    assert len(sent) <= 8


def test_the_page_reads_nothing_twice(five):
    from tests.statements import statements

    with statements(five.connected.app) as sent:
        five.browser.get(f"/orgs/{five.connected.org.id}/gitlab")
    texts = [text for text, _ in sent]
    # Eight for the report, one for where alerts go, three for the calls to GitLab; the others for
    # the viewer, and the parts of the page.
    assert len(texts) == len(set(texts)) <= 21, texts
