"""Opening the health of a connection has it checked again, within a minute."""

from datetime import timedelta

import pytest
import requests
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.job_triggers import CHECK_SECONDS, JobKind
from gitlab_links.jobs import health_checks
from gitlab_links.jobs.allowed_jobs import AllowedJob
from gitlab_links.pasting.changes import attach
from tests.api.callers import browser
from tests.pages.markup import Markup
from tests.statements import statements

DISABLED = "ships/engine: GitLab has disabled the webhook for good"


@pytest.fixture
def worked(connected, redis, monkeypatch):
    """Runs the triggered jobs, as a worker does."""
    monkeypatch.setattr(AllowedJob, "app", connected.app, raising=False)

    def burst():
        worker = SimpleWorker(
            [JobKind.REQUEST_CHECK.queue],
            connection=redis,
            serializer=JSONSerializer,
            job_class=AllowedJob,
        )
        monkeypatch.setattr(worker, "_install_signal_handlers", lambda: None)
        worker.work(burst=True, logging_level="CRITICAL")

    return burst


@pytest.fixture
def later(clock, connected, redis):
    """As if so many seconds had gone by, for the flags in Redis as well."""

    def pass_by(seconds):
        clock.advance(seconds)
        if seconds >= CHECK_SECONDS:
            redis.delete(JobKind.REQUEST_CHECK.flag(connected.org.id))

    return pass_by


@pytest.fixture
def page(connected):
    caller = browser(connected.app, connected.factory.membership(connected.org, Role.ADMIN).user_id)
    return lambda: caller.get(f"/orgs/{connected.org.id}/gitlab", headers={"X-Fragment": "health"})


@pytest.fixture
def api(connected):
    headers = {"Authorization": f"Bearer {connected.factory.api_key(connected.org)}"}
    url = connected.webhook_url.replace("/webhook", "/health")

    def get():
        answer = requests.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["health"]

    return get


@pytest.fixture
def well(connected, worked, clock):
    """All is well, and was checked just now."""
    with connected.app.app_context():
        repair_now(connected.admin, connected.project_id)
    connected.work()
    connected.watch()
    worked()
    assert connected.codes() == []
    connected.gitlab.state.calls.reset()
    return connected


def disable(connected):
    """GitLab disables the hook, while no change would cause an event."""
    (hook,) = connected.gitlab.state.hooks.of(connected.project)
    hook.recent_failures = 40


def hook_calls(connected):
    return connected.gitlab.state.calls.total("/hooks")


def test_on_the_page_a_disabled_hook_is_seen_within_a_minute(well, page, worked, later):
    disable(well)
    later(CHECK_SECONDS)
    assert DISABLED not in page().text, "to answer at once, GitLab is not waited for"

    worked()

    shown = page()
    assert Markup.of(shown).one("h2", id="health-heading").text == "Not working"
    assert DISABLED in shown.text
    assert "The token and all webhooks were checked" in shown.text


def test_through_the_api_a_disabled_hook_is_seen_within_a_minute(well, api, worked, later):
    before = api()
    disable(well)
    later(CHECK_SECONDS)
    assert api()["status"] == "green"

    worked()

    after = api()
    assert after["status"] == "red"
    assert after["findings"][0]["summary"].startswith(DISABLED)
    assert after["checked_at"] > before["checked_at"]
    assert well.audited("health.problem")[-1]["code"] == "hook_disabled"


def test_viewing_writes_nothing(app, factory, redis):
    org = factory.org()
    factory.integration(org, token_ciphertext="of some token", token_set_at=utcnow())
    caller = browser(app, factory.membership(org, Role.ADMIN).user_id)
    with statements(app) as sent:
        assert caller.get(f"/orgs/{org.id}/gitlab").status_code == 200

    assert {statement.split()[0] for statement, _ in sent} == {"SELECT"}
    assert redis.llen(f"rq:queue:{JobKind.REQUEST_CHECK.queue}") == 1


@pytest.mark.slow
def test_however_many_viewers_there_are_gitlab_is_called_once_in_a_while(
    well, page, api, worked, later
):
    later(CHECK_SECONDS)
    for _ in range(5):
        page()
        api()
        worked()
        later(1)

    assert hook_calls(well) == 1
    assert well.gitlab.state.calls.total("/personal_access_tokens/self") == 1


@pytest.mark.slow
def test_what_gives_no_answer_is_not_asked_more_often_either(well, page, worked, later):
    well.gitlab.state.faults.answer("status", status=502, route="/hooks", times=None)
    later(CHECK_SECONDS)
    for _ in range(5):
        page()
        worked()
        later(1)

    assert hook_calls(well) == 1


def test_without_viewers_gitlab_is_not_called(well, worked, later):
    later(3600)
    well.watch()
    worked()

    assert well.gitlab.state.calls.total() == 0


def test_what_is_left_of_the_rate_limit_to_others_is_left_to_them(well, page, worked, later):
    later(CHECK_SECONDS)
    well.change(
        rate_limit=100,
        rate_limit_remaining=50,
        rate_limit_reset_at=utcnow() + timedelta(days=20_000),
    )
    page()
    worked()

    assert well.gitlab.state.calls.total() == 0


def test_an_org_that_is_not_connected_triggers_nothing(app, factory, redis):
    org = factory.org()
    caller = browser(app, factory.membership(org, Role.ADMIN).user_id)

    assert caller.get(f"/orgs/{org.id}/gitlab").status_code == 200
    assert redis.keys("gitlab_links:trigger:check:*") == []


def test_while_a_project_was_never_checked_no_time_is_shown(connected, api, worked):
    assert api()["checked_at"] is None

    connected.watch()
    worked()

    assert api()["checked_at"] is not None


@pytest.fixture
def two_projects(well):
    """A second one, of which nothing is known yet."""
    state = well.gitlab.state
    other = state.projects.add("ships/hull")
    state.projects.add_member(other, state.people.user("dana"), 40)
    issue = state.items.add_issue(other, title="Leak", author="dana")
    with well.app.app_context():
        attach(well.admin, well.factory.task(well.org).id, state.urls.item(issue))
        db.session.commit()
    well.work()
    well.watch()
    well.gitlab.state.calls.reset()
    return well


def test_more_projects_than_one_run_takes_are_all_checked(
    two_projects, page, worked, later, monkeypatch
):
    monkeypatch.setattr(health_checks, "PROJECTS_A_TIME", 1)
    later(CHECK_SECONDS)
    page()
    worked()

    assert hook_calls(two_projects) == 2


def test_what_a_run_has_no_time_for_is_due_at_once(two_projects, later, redis, monkeypatch):
    later(CHECK_SECONDS)
    with two_projects.app.app_context():
        health_checks.request_check(two_projects.org.id)
        redis.delete(JobKind.RUN_CHECKS.flag(two_projects.org.id))
        with monkeypatch.context() as hurry:
            hurry.setattr(health_checks, "CALLING_SECONDS", 0.0)
            health_checks.run_checks(two_projects.org.id)
        assert hook_calls(two_projects) == 0
        assert redis.exists(JobKind.RUN_CHECKS.flag(two_projects.org.id)), "triggered once more"
        health_checks.run_checks(two_projects.org.id)

    assert hook_calls(two_projects) == 2
