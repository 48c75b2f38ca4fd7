"""The page of the connection shows its health, and repairs it with one press."""

import pytest
from sqlalchemy import true

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.jobs.operations import run_operations
from gitlab_links.operations.queue import unattended
from gitlab_links.outgoing.alerts import alert_host
from tests.api.callers import browser
from tests.conftest import GITLAB_TOKEN
from tests.pages.markup import Markup, hidden


@pytest.fixture
def admin(connected):
    user = connected.factory.membership(connected.org, Role.ADMIN).user_id
    return browser(connected.app, user)


@pytest.fixture
def path(connected):
    return f"/orgs/{connected.org.id}/gitlab"


def text(answer):
    return " ".join(answer.text.split())


def operate(admin):
    """The workers' part of what was asked for."""
    with admin.client.application.app_context():
        for org_id, _ in unattended(utcnow(), 10, true()):
            run_operations(org_id)


def press(admin, path, **form):
    answer = admin.post(path, data=form)
    assert answer.status_code == 302, answer.text
    operate(admin)
    return text(admin.get(answer.location))


def headline(answer):
    return Markup.of(answer).one("h2", id="health-heading").text


def test_from_amber_to_green_with_one_press(connected, admin, path):
    connected.watch()
    page = admin.get(path)
    assert headline(page) == "Needs your attention"
    assert "No event has arrived from any of the linked projects (1) yet" in text(page)

    said = press(admin, f"{path}/projects/{connected.project_id}/hook")

    assert "The webhook was created. GitLab sent a test event, and it arrived." in said
    connected.work()
    connected.watch()
    assert headline(admin.get(path)) == "Everything works"


def test_what_the_last_connection_did_is_not_shown_for_the_next(connected, admin, path):
    connected.watch()
    said = press(admin, f"{path}/projects/{connected.project_id}/hook")
    assert "The webhook was created." in said
    connected.work()
    assert "Done" in Markup.of(admin.get(path)).one("ol", id="steps").text

    press(admin, f"{path}/disconnect", **hidden(admin.get(path), "settings_version"))
    page = admin.get(path)
    assert "The webhook was created." not in text(page)
    assert "Done" not in Markup.of(page).one("ol", id="steps").text

    connected.factory.connect(connected.org, base_url=connected.gitlab.url, token=GITLAB_TOKEN)
    assert "The webhook was created." not in text(admin.get(path))


def test_a_disabled_hook_is_red_and_repaired_from_the_page(connected, admin, path):
    connected.watch()
    press(admin, f"{path}/projects/{connected.project_id}/hook")
    connected.work()
    (hook,) = connected.gitlab.state.hooks.of(connected.project)
    hook.recent_failures = 40
    assert "Webhook checked in GitLab." in press(
        admin, f"{path}/projects/{connected.project_id}/hook/check"
    )
    page = admin.get(path)
    assert headline(page) == "Not working"
    assert "ships/engine: GitLab has disabled the webhook for good" in text(page)

    assert "The webhook was repaired." in press(
        admin, f"{path}/projects/{connected.project_id}/hook"
    )
    connected.work()
    assert headline(admin.get(path)) == "Everything works"


def test_check_now_has_workers_check_what_is_not_fresh(connected, admin, path, clock):
    connected.watch()
    connected.gitlab.state.calls.reset()
    assert "Checked with GitLab just now." in press(admin, f"{path}/check")

    clock.advance(10)
    assert "Checking with GitLab." in press(admin, f"{path}/check")
    clock.advance(1)
    connected.watch()
    assert connected.gitlab.state.calls.total("/hooks") == 1
    assert connected.gitlab.state.calls.total("/personal_access_tokens/self") == 1


def test_the_fragment_is_the_part_that_changes(connected, admin, path):
    connected.watch()
    fragment = admin.get(path, headers={"X-Fragment": "health"})

    assert headline(fragment) == "Needs your attention"
    assert "<html" not in fragment.text


def test_the_token_is_rotated_from_the_page(connected, admin, path):
    connected.watch()
    assert "Rotate the token" in text(admin.get(path))

    assert "GitLab issued a new token" in press(admin, f"{path}/token/rotate")


def test_a_token_that_cannot_rotate_comes_with_a_guide(connected, admin, path):
    from datetime import timedelta

    state = connected.gitlab.state
    bot = state.people.add_user("project_1003_bot_7f2a", bot=True)
    state.projects.add_member(connected.project, bot, 20)
    expires_at = (utcnow() + timedelta(days=40)).date()
    token = state.people.add_token(bot, expires_at=expires_at).value
    connected.factory.connect(connected.org, token=token)
    connected.watch()

    page = text(admin.get(path))
    assert "Rotate the token" not in page
    assert "To replace it: open the project in GitLab" in page


def version_of(admin, path):
    """What the form of the policy on the page says that it began with."""
    return Markup.of(admin.get(path)).one("input", name="policy_version")["value"]


def test_the_policy_is_set_from_the_page_and_the_address_is_not_shown(connected, admin, path):
    said = press(
        admin,
        f"{path}/policy",
        policy_version=version_of(admin, path),
        token_auto_rotate="1",
        notify_url="https://chat.example.com/hooks/s3cret",
    )
    assert "Saved." in said
    assert "s3cret" not in said
    assert "chat.example.com" in said
    found = connected.integration()
    assert found.token_auto_rotate

    press(admin, f"{path}/policy", clear_notify_url="1", policy_version=version_of(admin, path))
    assert not connected.integration().token_auto_rotate
    with connected.app.app_context():
        assert alert_host(connected.org.id) is None


def test_an_address_that_cannot_be_sent_to_is_refused_beside_its_field(admin, path):
    typed = {"notify_url": "https://10.0.0.1/hook", "policy_version": version_of(admin, path)}
    answer = admin.post(f"{path}/policy", data=typed)

    assert answer.status_code == 422
    assert "notify_url-error" in answer.text


def test_what_gitlab_refuses_is_said(connected, admin, path):
    connected.watch()
    connected.gitlab.state.faults.answer("status", status=403, route="/hooks")

    said = press(admin, f"{path}/projects/{connected.project_id}/hook")
    assert "Ask a maintainer to add the webhook by hand" in said


@pytest.mark.parametrize("door", ["hook", "hook/check", "rotate"])
def test_a_check_with_a_blocked_account_shows_gitlabs_reason(connected, admin, path, door):
    """What every call comes to is the account's, and no project or right is blamed."""
    connected.watch()
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].user.state = "blocked"

    where = "token/rotate" if door == "rotate" else f"projects/{connected.project_id}/{door}"
    said = press(admin, f"{path}/{where}")
    assert "GitLab says: Your account has been blocked." in said
    assert "may not manage the webhooks" not in said
    if door != "rotate":
        assert connected.codes()[0] == "http_403"
        assert connected.watched().hook_state == "missing", "as it was seen before"


def test_a_repair_with_a_revoked_token_shows_that_the_token_is_refused(connected, admin, path):
    connected.watch()
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].revoked = True

    said = press(admin, f"{path}/projects/{connected.project_id}/hook")
    assert "GitLab refuses the access token: it is mistyped, has expired or was revoked." in said
    assert "may not manage the webhooks" not in said


def test_the_list_of_projects_for_a_blocked_account_says_gitlabs_reason(connected, admin, path):
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].user.state = "blocked"
    assert "GitLab says: Your account has been blocked." in text(admin.get(f"{path}/projects"))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "The token cannot see the webhooks of this project."),
        (502, "GitLab answered with a server error (502)."),
    ],
)
def test_a_check_that_gitlab_does_not_answer_says_why(connected, admin, path, status, words):
    connected.watch()
    connected.gitlab.state.faults.answer("status", status=status, route="/hooks")

    assert words in press(admin, f"{path}/projects/{connected.project_id}/hook/check")


def test_what_was_lost_meanwhile_is_counted_by_the_repair(connected, admin, path):
    press(admin, f"{path}/projects/{connected.project_id}/hook")
    (hook,) = connected.gitlab.state.hooks.of(connected.project)
    hook.token = "no-longer-right"
    for issue in connected.issues:
        connected.gitlab.state.items.edit(issue, title="Told in vain")
    connected.work()

    said = press(admin, f"{path}/projects/{connected.project_id}/hook")
    assert "The webhook was repaired. GitLab sent a test event, and it arrived." in said
    assert "3 failed events were sent again." in said


def test_a_test_event_that_does_not_arrive_is_a_warning(connected, admin, path):
    connected.gitlab.state.faults.answer("status", status=422, times=None, route="/test")

    said = press(admin, f"{path}/projects/{connected.project_id}/hook")
    assert "The webhook was created. A test event did not arrive" in said


@pytest.mark.parametrize("action", ["hook", "hook/check"])
def test_without_a_token_nothing_is_asked_and_it_is_said(connected, admin, path, action):
    project_id = connected.project_id
    connected.change(token_ciphertext=None)
    connected.gitlab.state.calls.reset()

    assert "token" in press(admin, f"{path}/projects/{project_id}/{action}").partition("<main")[2]
    assert connected.gitlab.state.calls.total("") == 0
