"""The menu of every page shows the stored verdict, and follows it."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.health.reconnection import disconnect
from gitlab_links.jobs.health_checks import run_checks, store_all_verdicts
from tests.api.callers import browser
from tests.health.test_mistyped_links import all_is_well
from tests.pages.markup import Markup
from tests.statements import statements
from tests.unreachable import lose_gitlab


@pytest.fixture
def seen(connected):
    """The mark beside *GitLab* on a page of the org, as somebody of a role sees it; None where
    there is no such entry.
    """
    callers = {
        role: browser(connected.app, connected.factory.membership(connected.org, role).user_id)
        for role in (Role.ADMIN, Role.MEMBER)
    }

    def see(page="overview", role=Role.ADMIN):
        markup = Markup.of(callers[role].get(f"/orgs/{connected.org.id}/{page}"))
        marks = [one for one in markup.elements if one.get("data-menu-mark") == "verdict"]
        (words,) = {mark.text.strip() for mark in marks} or {None}
        return words

    return see


def judge(connected):
    with connected.app.app_context():
        store_all_verdicts()


def test_the_entry_gitlab_says_what_is_wrong_to_whoever_sees_it(connected, seen):
    connected.watch()
    judge(connected)
    assert seen() == ": needs your attention"
    all_is_well(connected)
    judge(connected)
    assert seen() == ""
    lose_gitlab(connected.app, connected.org.id)
    assert (seen(), seen("gitlab")) == ("", ": not working")  # its own page judges now
    judge(connected)
    assert {seen(page) for page in ("overview", "members", "menu")} == {": not working"}
    assert seen(role=Role.MEMBER) is None
    with connected.app.app_context():
        disconnect(connected.admin)
        db.session.commit()
    assert seen() == ""


def test_a_check_stores_its_verdict_at_once(connected, seen):
    assert seen() == ""
    with connected.app.app_context():
        run_checks(connected.org.id)
    assert seen() == ": needs your attention"


def test_an_open_page_learns_of_a_change_by_three_statements_and_else_gets_a_304(connected):
    connected.watch()
    judge(connected)
    admin = connected.factory.membership(connected.org, Role.ADMIN)
    caller, path = browser(connected.app, admin.user_id), f"/orgs/{connected.org.id}/menu"
    known = {"If-None-Match": caller.get(path).headers["ETag"]}
    with statements(connected.app) as sent:
        assert caller.get(path, headers=known).status_code == 304
    assert len(sent) <= 3, sent
    lose_gitlab(connected.app, connected.org.id)
    connected.watch()
    assert "not working" in caller.get(path, headers=known).text
