"""The settings say from which projects comments are read."""

from gitlab_links.health.hook_check import check_now
from gitlab_links.health.hook_repair import repair_now
from tests.api.callers import browser
from tests.pages.markup import text_of


def said(connected):
    person = browser(connected.app, connected.admin.user_id)
    return text_of(person.get(f"/orgs/{connected.org.id}/settings"))


def test_comments_are_read_from_projects_with_a_working_webhook_of_ours(connected):
    connected.watch()
    assert "from no project: ships/engine has no working webhook" in said(connected)
    with connected.app.app_context():
        repair_now(connected.admin, connected.project_id)
    connected.watch()
    assert "They are read from ships/engine." in said(connected)
    hooks = connected.gitlab.state.hooks
    for hook in list(hooks.of(connected.project)):
        hooks.fail(hook, 40)
    with connected.app.app_context():
        check_now(connected.admin, connected.project_id)
    assert "from no project: ships/engine has no working webhook" in said(connected)
