"""Health covers the items as well: what cannot be read is never "Everything works"."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.hook_check import check_now
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.health.messages import remedy, summary
from gitlab_links.jobs.health_checks import request_check
from gitlab_links.observations.watched_projects import watched_projects
from gitlab_links.pasting.changes import attach
from tests.api.callers import browser
from tests.conftest import GITLAB_TOKEN
from tests.pages.markup import Markup


@pytest.fixture
def well(connected):
    with connected.app.app_context():
        repair_now(connected.admin, connected.project_id)
    connected.work()
    connected.watch()
    assert connected.codes() == []
    return connected


def pass_time(connected, clock, minutes=6):
    for _ in range(minutes):
        clock.advance(60)
        connected.work()
        connected.watch()


def another_project(connected, path="ships/hull"):
    project = connected.gitlab.state.projects.add(path)
    issue = connected.gitlab.state.items.add_issue(project, title="Rust", author="dana")
    task = connected.factory.task(connected.org)
    with connected.app.app_context():
        attach(connected.admin, task.id, connected.gitlab.state.urls.item(issue))
        db.session.commit()
    connected.work()
    return project


def projects_of(connected):
    with connected.app.app_context():
        return watched_projects(connected.org.id, utcnow())


def one_called(connected, path):
    (found,) = [one for one in projects_of(connected) if one.path == path]
    return found


def headline(connected):
    user = connected.factory.membership(connected.org, Role.ADMIN).user_id
    page = browser(connected.app, user).get(f"/orgs/{connected.org.id}/gitlab")
    return Markup.of(page).one("h2", id="health-heading").text, " ".join(page.text.split())


def finding(connected, code):
    (found,) = [one for one in connected.health().findings if one.code == code]
    return found


def test_a_broken_project_is_named_and_the_connection_is_not_blamed(well, clock):
    """Its issues are switched off, so that GitLab answers 500."""
    another_project(well)
    well.gitlab.state.faults.answer(
        "status", status=500, times=None, project_id=well.project.id, route="issues"
    )
    pass_time(well, clock)

    found = finding(well, "project_unreadable")
    assert found.subject == "ships/engine"
    assert summary(found) == (
        "ships/engine: 3 of 3 links cannot be read. GitLab answered with a server error (500)."
    )
    assert remedy(found)
    assert well.integration().error_code is None
    assert headline(well)[0] == "Not working"

    well.gitlab.state.faults.clear()
    pass_time(well, clock, 10)
    assert "project_unreadable" not in well.codes()


def test_one_failure_that_is_over_in_seconds_is_not_shown(well, clock):
    well.gitlab.state.faults.answer("status", status=500, times=1, route="issues")
    pass_time(well, clock, 8)
    assert "project_unreadable" not in well.codes()


@pytest.mark.slow
@pytest.mark.parametrize("projects", [1, 2])
def test_lists_that_an_allow_list_forbids_are_not_called_working(well, clock, projects):
    """GitLab answers about the token, and gives no project to this address."""
    if projects == 2:
        another_project(well)
    well.gitlab.state.faults.answer("status", status=403, times=None, route="issues")
    pass_time(well, clock, 12)

    code = "project_unreadable" if projects == 1 else "http_403"
    assert "GitLab denies this" in summary(finding(well, code))
    assert headline(well)[0] == "Not working"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "redirect", "location": "http://127.0.0.1:9/sso"}, "to a login page (302)"),
        ({"kind": "html"}, "it may be a login page"),
    ],
)
def test_a_login_page_before_gitlab_is_not_called_working(well, clock, fault, words):
    well.gitlab.state.faults.answer(**fault, times=None)
    pass_time(well, clock)
    text = headline(well)
    assert text[0] == "Not working"
    assert words in text[1]

    well.gitlab.state.faults.clear()
    pass_time(well, clock, 8)
    assert headline(well)[0] == "Everything works"


@pytest.mark.slow
def test_why_an_account_is_refused_is_shown_in_gitlabs_words(well, clock):
    user = well.gitlab.state.people.tokens[GITLAB_TOKEN].user
    user.state = "blocked"
    pass_time(well, clock)
    found = finding(well, "http_403")
    assert summary(found).endswith("GitLab says: Your account has been blocked.")
    assert "GitLab says: Your account has been blocked." in headline(well)[1]

    user.state = "active"
    pass_time(well, clock, 8)
    assert well.codes() == []
    assert well.integration().error_reason is None


@pytest.mark.slow
def test_a_blocked_account_is_not_shown_for_each_webhook(well, clock):
    """Whichever comes first, the check of the webhooks or the fetch of items."""
    another_project(well)
    with well.app.app_context():
        repair_now(well.admin, one_called(well, "ships/hull").id)
    well.watch()
    assert well.codes() == []
    user = well.gitlab.state.people.tokens[GITLAB_TOKEN].user
    user.state = "blocked"
    for _ in range(5):
        clock.advance(60)
        with well.app.app_context():
            request_check(well.org.id)
        well.watch()
        assert well.codes() == ["http_403"]
        well.work()
    states = {one.path: one.hook_state for one in projects_of(well)}
    assert states == {"ships/engine": "ok", "ships/hull": "ok"}

    user.state = "active"
    pass_time(well, clock, 8)
    assert well.codes() == []


def test_a_refused_check_of_webhooks_is_the_projects_where_the_account_is_answered(well, clock):
    well.gitlab.state.faults.answer("status", status=403, times=None, route="/hooks")
    with well.app.app_context():
        check_now(well.admin, well.project_id)
    assert well.watched().hook_state == "unreadable"
    assert well.integration().error_code is None


@pytest.mark.slow
def test_a_project_that_gitlab_no_longer_shows_is_found_within_seconds(well, clock):
    """Not only at the daily check of its webhooks."""
    state = well.gitlab.state
    sam = state.people.add_user("sam")
    state.projects.add_member(well.project, sam, 40)
    well.factory.connect(well.org, token=state.people.add_token(sam, scopes=["api"]).value)
    pass_time(well, clock, 10)
    assert well.codes() == []

    state.projects.remove_member(well.project, sam)
    pass_time(well, clock, 6)
    assert "project_hidden" in well.codes()
    assert headline(well)[0] == "Not working"
