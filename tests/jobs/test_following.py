"""Links follow their items through renames and transfers, and say what became of the rest."""

from datetime import timedelta

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.demo.gitlab.records import DEVELOPER
from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.links.changes import refresh_links_of_task
from gitlab_links.links.models import GitLabItem, TaskGitLabLink
from gitlab_links.pasting.changes import attach

BOT_TOKEN = "glpat-of-a-project-bot"


def refresh(connected):
    connected.make_due()
    connected.fetch()


@pytest.fixture
def bot(connected):
    """The connection reads with a token that sees only what its user is a member of."""
    people = connected.gitlab.state.people
    user = people.add_user("bot")
    people.add_token(user, scopes=["read_api"], value=BOT_TOKEN)
    configure(connected.principal, IntegrationChange(token=BOT_TOKEN))
    db.session.commit()
    return user


def test_a_rename_is_followed_without_an_event(connected):
    project = connected.project("acme/press")
    issue = connected.issue(project)
    link = connected.link(issue)
    connected.fetch()
    connected.gitlab.state.projects.rename(project, "acme/print")
    connected.gitlab.state.items.edit(issue, title="After", notify=False)
    refresh(connected)
    view = connected.view(link)
    assert (view.title, view.project_path, view.sync.status) == ("After", "acme/print", "ok")
    assert view.url == connected.gitlab.state.urls.item(issue)


def test_a_transfer_and_a_renamed_group_are_followed(connected):
    project = connected.project("acme/press")
    link = connected.link(connected.issue(project))
    connected.fetch()
    connected.gitlab.state.projects.transfer(project, "beta")
    refresh(connected)
    assert connected.view(link).project_path == "beta/press"
    connected.gitlab.state.projects.rename_group("beta", "gamma")
    refresh(connected)
    view = connected.view(link)
    assert (view.project_path, view.sync.status) == ("gamma/press", "ok")


def test_a_link_made_by_a_former_path_becomes_one_with_those_made_by_the_new(connected):
    project = connected.project("acme/press")
    issue = connected.issue(project)
    before = connected.link(issue)
    old_url = connected.gitlab.state.urls.item(issue)
    connected.fetch()
    connected.gitlab.state.projects.rename(project, "acme/print")
    by_new_path = connected.link(issue)
    connected.fetch()
    assert connected.item(before).id == connected.item(by_new_path).id
    task = connected.factory.task(connected.org)
    by_old_path = attach(connected.principal, task.id, old_url)
    db.session.commit()
    connected.tasks[by_old_path] = task.id
    connected.fetch()
    assert connected.item(by_old_path).id == connected.item(before).id
    assert connected.view(by_old_path).project_path == "acme/print"


def test_a_deleted_item_keeps_what_was_known_and_says_so(connected):
    issue = connected.issue(connected.project())
    link = connected.link(issue)
    connected.fetch()
    connected.gitlab.state.items.delete(issue)
    refresh(connected)
    view = connected.view(link)
    assert (view.title, view.sync.status, view.sync.error_code) == (
        "Paper jams",
        "error",
        "not_found",
    )


def test_a_deleted_project_keeps_its_links(connected):
    project = connected.project()
    links = [connected.link(connected.issue(project, f"Issue {n}")) for n in range(3)]
    connected.fetch()
    connected.gitlab.state.projects.delete(project)
    refresh(connected)
    assert {connected.view(link).sync.error_code for link in links} == {"not_found"}
    assert [connected.view(link).title for link in links] == [f"Issue {n}" for n in range(3)]


@pytest.mark.parametrize("target", ["acme/tools", "beta/tools"])
def test_the_links_of_a_moved_issue_follow_it(connected, target):
    issue = connected.issue(connected.project("acme/press"))
    links = [connected.link(issue), connected.link(issue)]
    connected.fetch()
    there = connected.gitlab.state.items.move(issue, connected.project(target))
    connected.gitlab.state.items.edit(there, title="Over here", notify=False)
    refresh(connected)
    for link in links:
        view = connected.view(link)
        assert (view.title, view.state, view.project_path) == ("Over here", "opened", target)
        assert (view.url, view.sync.status) == (connected.gitlab.state.urls.item(there), "ok")
    assert db.session.query(GitLabItem).count() == 1


def test_an_issue_that_moved_twice_is_followed_to_its_end(connected):
    issue = connected.issue(connected.project("acme/press"))
    link = connected.link(issue)
    connected.fetch()
    items = connected.gitlab.state.items
    there = items.move(
        items.move(issue, connected.project("acme/tools")), connected.project("beta/parts")
    )
    refresh(connected)
    refresh(connected)
    assert connected.view(link).url == connected.gitlab.state.urls.item(there)


def test_a_task_that_links_both_ends_of_a_move_keeps_one_link(connected):
    issue = connected.issue(connected.project("acme/press"))
    there = connected.gitlab.state.items.move(issue, connected.project("acme/tools"))
    link = connected.link(there)
    attach(connected.principal, connected.tasks[link], connected.gitlab.state.urls.item(issue))
    db.session.commit()
    connected.fetch()
    assert db.session.query(TaskGitLabLink).count() == 1
    assert connected.view(link).project_path == "acme/tools"


def test_an_issue_moved_out_of_sight_stays_what_it_was_and_says_that_it_is_closed(connected, bot):
    state = connected.gitlab.state
    project = connected.project("acme/press")
    state.projects.add_member(project, bot, DEVELOPER)
    issue = connected.issue(project)
    link = connected.link(issue)
    connected.fetch()
    hidden = connected.project("secret/tools")
    state.items.move(issue, hidden)
    refresh(connected)
    view = connected.view(link)
    assert (view.project_path, view.state, view.sync.status) == ("acme/press", "closed", "ok")
    state.projects.add_member(hidden, bot, DEVELOPER)
    refresh(connected)
    assert connected.view(link).project_path == "secret/tools"


def test_where_the_notes_of_a_moved_issue_are_refused_it_stays_what_it_was(connected):
    issue = connected.issue(connected.project("acme/press"))
    link = connected.link(issue)
    there = connected.gitlab.state.items.move(issue, connected.project("acme/tools"))
    connected.gitlab.state.faults.answer("status", status=403, route="/notes")
    connected.fetch()
    view = connected.view(link)
    assert (view.project_path, view.state, view.sync.status) == ("acme/press", "closed", "ok")
    refresh(connected)
    assert connected.view(link).url == connected.gitlab.state.urls.item(there)


def test_a_pause_gitlab_asks_for_while_a_move_is_followed_is_kept(connected):
    issue = connected.issue(connected.project("acme/press"))
    link = connected.link(issue)
    connected.gitlab.state.items.move(issue, connected.project("acme/tools"))
    connected.gitlab.state.faults.answer("status", status=429, retry_after="60", route="/notes")
    connected.fetch()
    view = connected.view(link)
    assert (view.title, view.state) == ("Paper jams", "closed"), "what a webhook said is shown"
    assert connected.integration().error_code == "rate_limited"


def test_what_somebody_writes_about_a_move_moves_nothing(connected):
    state = connected.gitlab.state
    issue = connected.issue(connected.project("acme/press"))
    other = connected.issue(connected.project("acme/tools"))
    link = connected.link(issue)
    state.items.comment(issue, f"moved to acme/tools#{other.iid}")
    issue.moved_to_id = 424242
    connected.fetch()
    assert connected.view(link).project_path == "acme/press"


def test_an_issue_made_confidential_is_hidden_from_a_token_that_may_not_see_it(connected, bot):
    state = connected.gitlab.state
    project = connected.project()
    project.visibility = "public"
    issue = connected.issue(project)
    link = connected.link(issue)
    connected.fetch()
    assert connected.view(link).sync.status == "ok"
    state.items.edit(issue, confidential=True, notify=False)
    refresh(connected)
    assert connected.view(link).sync.error_code == "not_found"
    state.items.edit(issue, confidential=False, notify=False)
    refresh(connected)
    view = connected.view(link)
    assert (view.sync.status, view.confidential) == ("ok", False)


def test_an_issue_made_confidential_says_so_to_a_token_that_may_see_it(connected):
    issue = connected.issue(connected.project())
    link = connected.link(issue)
    connected.fetch()
    connected.gitlab.state.items.edit(issue, confidential=True, notify=False)
    refresh(connected)
    assert connected.view(link).confidential is True


def test_access_that_is_lost_and_given_back(connected, bot):
    state = connected.gitlab.state
    project, other = connected.project("acme/press"), connected.project("acme/other")
    for one in (project, other):
        state.projects.add_member(one, bot, DEVELOPER)
    issue = connected.issue(project)
    link, unharmed = connected.link(issue), connected.link(connected.issue(other))
    connected.fetch()
    state.projects.remove_member(project, bot)
    state.items.edit(issue, title="Unseen", notify=False)
    refresh(connected)
    view = connected.view(link)
    assert (view.title, view.sync.error_code) == ("Paper jams", "not_found")
    assert view.sync.next_sync_at <= utcnow() + timedelta(seconds=5)
    assert connected.view(unharmed).sync.status == "ok"
    assert connected.integration().error_code is None
    state.projects.add_member(project, bot, DEVELOPER)
    refresh(connected)
    view = connected.view(link)
    assert (view.title, view.sync.status) == ("Unseen", "ok")


def test_after_access_was_lost_for_long_a_refresh_by_hand_does_not_wait(connected, bot):
    state = connected.gitlab.state
    project = connected.project()
    link = connected.link(connected.issue(project))
    for _ in range(12):
        refresh(connected)
    assert connected.view(link).sync.next_sync_at > utcnow() + timedelta(minutes=30)
    state.projects.add_member(project, bot, DEVELOPER)
    refresh_links_of_task(connected.org.id, connected.tasks[link])
    db.session.commit()
    connected.fetch()
    assert connected.view(link).sync.status == "ok"


def test_merge_requests_that_are_restricted_are_distinguished_from_those_that_are_gone(
    connected, bot
):
    project = connected.project()
    project.visibility = "public"
    project.merge_requests_access = "disabled"
    link = connected.link(connected.merge_request(project))
    connected.fetch()
    assert connected.view(link).sync.error_code == "http_403"


def test_a_token_that_sees_other_projects_makes_all_links_due_at_once(connected, bot):
    link = connected.link(connected.issue(connected.project()))
    for _ in range(8):
        refresh(connected)
    assert connected.view(link).sync.error_code == "not_found"
    connected.gitlab.state.people.add_token("root", scopes=["read_api"], value="glpat-another")
    configure(connected.principal, IntegrationChange(token="glpat-another"))
    db.session.commit()
    connected.fetch()
    assert connected.view(link).sync.status == "ok"


def test_a_new_project_at_the_path_of_a_deleted_one_is_found(connected):
    old = connected.project("acme/press")
    before = connected.link(connected.issue(old, "Old"))
    connected.fetch()
    connected.gitlab.state.projects.delete(old)
    new = connected.project("acme/press")
    link = connected.link(connected.issue(new, "New"))
    refresh(connected)
    refresh(connected)
    assert connected.view(link).title == "New"
    assert connected.view(before).sync.error_code == "not_found"
