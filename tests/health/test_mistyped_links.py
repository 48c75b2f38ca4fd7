"""A link to a project that GitLab has never shown is the link's problem, not the connection's."""

from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.links.queries import find_link
from gitlab_links.pasting.changes import attach
from tests.api.callers import browser
from tests.pages.markup import Markup, words


def mistype(connected, path="acme/nope"):
    """A member links an issue of a project that does not exist; gives task and link."""
    task = connected.factory.task(connected.org)
    member = connected.factory.principal(connected.org)
    with connected.app.app_context():
        url = f"{connected.gitlab.url}/{path}/-/issues/1"
        link = attach(member, task.id, url)
        db.session.commit()
    return task.id, link


def all_is_well(connected):
    with connected.app.app_context():
        repair_now(connected.admin, connected.project_id)
    connected.work()
    connected.watch()
    assert connected.codes() == []


def test_a_mistyped_project_is_shown_on_the_link_and_leaves_the_connection_green(connected, clock):
    all_is_well(connected)
    task, link = mistype(connected)
    for _ in range(5):
        clock.advance(120)
        connected.work()
        connected.watch()

    with connected.app.app_context():
        shown = find_link(connected.org.id, task, link, viewer=Role.ADMIN)
    assert (shown.sync.status, shown.sync.error_code) == ("error", "not_found")
    assert connected.codes() == []
    user = connected.factory.membership(connected.org, Role.ADMIN).user_id
    admin, path = browser(connected.app, user), f"/orgs/{connected.org.id}"
    page = Markup.of(admin.get(f"{path}/gitlab"))
    assert page.one("h2", id="health-heading").text == "Everything works"
    assert "The token and all webhooks were checked" in page.one("main").text
    assert "Watch projects Done" in words(page.one("ol", id="steps").text)
    assert admin.get(f"/api{path}/integrations/gitlab/health").json["health"]["checked_at"]
    listed = page.one("a", href=f"{path}/links?project=acme/nope")
    assert "acme/nope#1" in admin.get(listed["href"]).text


def test_nobody_asks_gitlab_for_the_webhooks_of_a_project_it_has_never_shown(connected):
    all_is_well(connected)
    connected.gitlab.state.calls.reset()
    mistype(connected)
    connected.work()
    connected.watch()
    assert connected.gitlab.state.calls.total("/hooks") == 0


def test_once_gitlab_shows_the_project_it_is_watched_like_any_other(connected, clock):
    all_is_well(connected)
    mistype(connected, "ships/later")
    connected.work()
    connected.watch()
    assert connected.codes() == []
    later = connected.gitlab.state.projects.add("ships/later")
    connected.gitlab.state.items.add_issue(later, title="Now it is there", author="dana")
    clock.advance(120)
    connected.work()
    connected.watch()
    assert connected.codes() == ["hook_missing"]
