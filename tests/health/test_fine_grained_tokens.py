"""A fine-grained token is judged by what it can do, and what it lacks is named."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.health.hook_repair import HookNotAllowed, repair_now
from gitlab_links.health.messages import remedy, summary
from gitlab_links.health.token_check import validate_now
from gitlab_links.health.token_rotation import RotationNotAllowed, rotate_now
from gitlab_links.links.models import GitLabItem
from gitlab_links.pasting.changes import attach
from tests.api.callers import browser

READING = ["Work Item: Read", "Merge Request: Read"]
HOOKS = ["Webhook: Read", "Webhook: Create", "Webhook: Update", "Webhook: Test", "Webhook: Resend"]


@pytest.fixture
def use(connected):
    """Has the org use a fine-grained token of these permissions."""

    def set_token(*permissions, projects=None):
        token = connected.gitlab.state.people.add_token(
            "root", permissions=permissions, projects=projects
        )
        connected.factory.connect(connected.org, token=token.value)
        connected.watch()
        connected.sweep()
        return token

    return set_token


def validated(connected):
    with connected.app.app_context():
        result = validate_now(connected.admin)
        db.session.commit()
        return result


def test_one_that_may_read_what_is_linked_works(connected, use, clock):
    use(*READING)
    result = validated(connected)
    assert (result.status, result.missing_scopes) == ("valid", ())
    assert connected.integration().error_code is None
    connected.gitlab.state.items.edit(connected.issues[0], title="Leak stopped", notify=False)
    clock.advance(600)
    connected.work()
    with connected.app.app_context():
        titles = set(db.session.scalars(db.select(GitLabItem.title)))
    assert "Leak stopped" in titles
    assert connected.codes() == ["no_webhooks"]


def test_a_right_that_is_missing_for_all_is_named_on_validating_and_in_health(
    connected, use, clock
):
    use("Project: Read", "User: Read")
    result = validated(connected)
    assert (result.status, result.error_code) == ("invalid", "insufficient_scope")
    assert result.missing_scopes == ("Work Item: Read",)
    for _ in range(6):
        clock.advance(60)
        connected.work()
        connected.watch()
    (found,) = [one for one in connected.health().findings if "[Work Item: Read]" in summary(one)]
    assert "permission" in remedy(found)
    user = connected.factory.membership(connected.org, Role.ADMIN).user_id
    page = browser(connected.app, user).get(f"/orgs/{connected.org.id}/gitlab")
    assert "[Work Item: Read]" in page.text


@pytest.mark.slow
def test_a_right_that_is_missing_for_some_stops_no_others(connected, use, clock):
    """Merge requests may not be read: issues are, all the same."""
    state = connected.gitlab.state
    mr = state.items.add_merge_request(
        connected.project, "Rollers", author="dana", source_branch="rollers"
    )
    task = connected.factory.task(connected.org)
    with connected.app.app_context():
        attach(connected.admin, task.id, state.urls.item(mr))
        db.session.commit()
    connected.work()
    use("Work Item: Read")
    result = validated(connected)
    assert (result.status, result.missing_scopes) == ("valid", ("Merge Request: Read",))
    for _ in range(8):
        clock.advance(60)
        connected.work()
        connected.watch()
    assert connected.integration().error_code is None
    (found,) = [one for one in connected.health().findings if one.code == "project_unreadable"]
    assert "1 of 4 links cannot be read" in summary(found)
    assert "[Merge Request: Read]" in summary(found)


@pytest.mark.slow
def test_a_project_outside_its_reach_is_named_and_the_others_are_read(connected, use, clock):
    state = connected.gitlab.state
    hull = state.projects.add("ships/hull")
    issue = state.items.add_issue(hull, title="Rust", author="dana")
    task = connected.factory.task(connected.org)
    with connected.app.app_context():
        attach(connected.admin, task.id, state.urls.item(issue))
        db.session.commit()
    connected.work()
    use(*READING, projects=["ships/engine"])
    for _ in range(8):
        clock.advance(60)
        connected.work()
        connected.watch()
    (found,) = [one for one in connected.health().findings if one.code == "project_unreadable"]
    assert found.subject == "ships/hull"
    assert connected.integration().paused_until is None


def test_webhooks_are_made_with_the_right_permissions_and_else_they_are_named(connected, use):
    use(*READING)
    with connected.app.app_context(), pytest.raises(HookNotAllowed) as refused:
        repair_now(connected.admin, connected.project_id)
    assert "that needs Webhook: Read" in refused.value.detail

    use(*READING, *HOOKS)
    with connected.app.app_context():
        assert repair_now(connected.admin, connected.project_id).created
    connected.work()
    connected.watch()
    assert connected.codes() == []


def test_it_is_rotated_with_the_right_permission_and_else_it_is_named(connected, use):
    token = use(*READING)
    with connected.app.app_context(), pytest.raises(RotationNotAllowed) as refused:
        rotate_now(connected.org.id, connected.admin.actor)
    assert "that needs Personal Access Token: Rotate" in refused.value.detail
    assert not token.revoked

    token = use(*READING, "Personal Access Token: Rotate")
    with connected.app.app_context():
        rotate_now(connected.org.id, connected.admin.actor)
    assert token.revoked
    connected.sweep()
    assert connected.integration().error_code is None
