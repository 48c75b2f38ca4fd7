"""What the page says of each state of a connection, made the way GitLab makes it."""

import pytest

from gitlab_links.accounts.roles import Role
from tests.admin.markup import Markup
from tests.api.callers import browser
from tests.conftest import GITLAB_TOKEN


def revoke_the_token(gitlab):
    gitlab.state.people.tokens[GITLAB_TOKEN].revoked = True


def take_the_scope_away(gitlab):
    gitlab.state.people.tokens[GITLAB_TOKEN].scopes = ["read_user"]


def answer_502(gitlab):
    gitlab.state.faults.answer("status", status=502, times=None)


def drop_connections(gitlab):
    gitlab.state.faults.answer("close", times=None)


def limit_the_rate(gitlab):
    gitlab.state.faults.answer("status", status=429, times=None, retry_after="600")


def verdict(connected):
    user = connected.factory.membership(connected.org, Role.ADMIN).user_id
    page = browser(connected.app, user).get(
        f"/orgs/{connected.org.id}/gitlab", headers={"X-Fragment": "health"}
    )
    return Markup.of(page).one("h2", id="health-heading").text, " ".join(page.text.split())


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (revoke_the_token, "GitLab refuses the access token: it has expired or was revoked."),
        (take_the_scope_away, "lacks read_api or api."),
        (answer_502, "502"),
        (drop_connections, "GitLab cannot be reached."),
    ],
)
def test_a_fault_is_not_called_a_pause_that_gitlab_asked_for(connected, trouble, words):
    trouble(connected.gitlab)
    for _ in range(3):
        connected.sweep()
    assert connected.integration().paused_until is not None

    headline, text = verdict(connected)
    assert headline == "Not working"
    assert words in text
    assert "asked for a pause" not in text
    assert "Nothing to do" not in text


def test_a_pause_that_gitlab_asked_for_is_called_one(connected):
    limit_the_rate(connected.gitlab)
    connected.sweep()

    headline, text = verdict(connected)
    assert headline == "Needs your attention"
    assert "GitLab asked for a pause; reading goes on" in text
    assert "Nothing to do: reading goes on by itself." in text
