"""Projects that are archived, moved or hidden; a GitLab that is restored; a list cut short."""

import pytest
from sqlalchemy import func, select

from gitlab_links.deltas.models import GitLabDeltaMark
from gitlab_links.extensions import db
from gitlab_links.links.freshness import FULL_READING, SyncStatus
from tests.deltas.test_deltas import pass_ttl
from tests.deltas.test_many_projects import PROJECTS, request_of, routes, world

pytestmark = pytest.mark.slow
__all__ = ["request_of", "world"]


def change_all(connected, items):
    for number in range(PROJECTS):
        title = f"Changed {number}"
        connected.gitlab.state.items.edit(items[f"Issue {number}"], title=title, notify=False)


def titles(connected, links):
    return [connected.view(links[f"Issue {number}"]).title for number in range(PROJECTS)]


def test_the_last_change_of_an_archived_project_is_read_by_the_list_of_its_group(
    connected, world, clock
):
    items, links = world
    change_all(connected, items)
    items["Issue 2"].project.archived = True
    pass_ttl(connected, clock)
    connected.fetch()
    assert routes(connected) == ["/graphql", "/groups/:id/issues"]
    assert titles(connected, links) == [f"Changed {number}" for number in range(PROJECTS)]


def test_the_statuses_of_a_moved_project_are_found_at_its_new_path(connected, world, clock):
    items, links = world
    request, state = items["Request press-1"], connected.gitlab.state
    state.projects.transfer(request.project, "elsewhere")
    state.pipelines.run(request, "running", notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    view = connected.view(links["Request press-1"])
    assert (view.pipeline_status, view.sync.error_code) == ("running", None)
    assert view.project_path == "elsewhere/press-1"
    state.pipelines.set_status(request, "failed", notify=False)
    connected.gitlab.state.calls.reset()
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links["Request press-1"]).pipeline_status == "failed"
    assert set(routes(connected)) == {"/graphql"}


def test_a_token_that_sees_a_part_of_the_group_hides_no_change_of_the_rest(connected, world, clock):
    items, links = world
    state, hidden = connected.gitlab.state, items["Issue 1"].project
    root = state.people.user("root")
    for number in range(PROJECTS):
        state.projects.add_member(items[f"Issue {number}"].project, root)
    root.is_admin = False
    change_all(connected, items)
    state.projects.remove_member(hidden, root)
    pass_ttl(connected, clock)
    connected.fetch()
    assert titles(connected, links) == ["Changed 0", "Issue 1", "Changed 2", "Changed 3"]
    clock.advance(300)
    connected.fetch()
    assert connected.view(links["Issue 1"]).sync.status is SyncStatus.ERROR
    assert connected.view(links["Issue 2"]).sync.status is SyncStatus.OK
    state.projects.add_member(hidden, root)
    clock.advance(3600)
    connected.fetch()
    assert titles(connected, links) == [f"Changed {number}" for number in range(PROJECTS)]


def test_what_a_restored_gitlab_has_lost_is_gone_within_the_day(connected, world, clock):
    """The newest change, the newest pipeline and the newest issue are not in the backup."""
    items, links = world
    issue, state = items["Issue 0"], connected.gitlab.state
    was = issue.updated_at
    state.items.edit(issue, title="After the backup", notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links["Issue 0"]).title == "After the backup"
    new = connected.issue(issue.project, "Made after the backup")
    link = connected.link(new)
    connected.fetch()

    clock.advance(600)  # the restore takes longer than changes are read again
    issue.title, issue.updated_at = "Issue 0", was
    state.items.delete(new)
    clock.advance(FULL_READING.total_seconds())
    for _ in range(2):
        connected.fetch()
        clock.advance(300)
    assert connected.view(links["Issue 0"]).title == "Issue 0"
    assert connected.view(link).sync.error_code == "not_found"


def test_a_change_with_a_time_of_the_past_is_found_within_the_day(connected, world, clock):
    items, links = world
    issue = items["Issue 0"]
    clock.advance(600)
    was = issue.updated_at
    connected.gitlab.state.items.edit(issue, title="Written back", notify=False)
    issue.updated_at = was
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links["Issue 0"]).title == "Issue 0"  # no list of changes has it
    clock.advance(FULL_READING.total_seconds())
    connected.fetch()
    assert connected.view(links["Issue 0"]).title == "Written back"


def test_the_number_that_a_restored_gitlab_gives_again_shows_no_other_item(connected, world, clock):
    items, _links = world
    project, state = items["Issue 0"].project, connected.gitlab.state
    first = connected.issue(project, "Made after the backup")
    link = connected.link(first)
    connected.fetch()
    pass_ttl(connected, clock)
    connected.fetch()
    state.items.delete(first)
    project.last_issue_iid -= 1
    second = connected.issue(project, "Somebody else's")
    assert second.iid == first.iid
    pass_ttl(connected, clock)
    connected.fetch()
    view = connected.view(link)
    assert (view.title, view.sync.error_code) == ("Made after the backup", "another_item")


def test_a_list_that_is_cut_short_goes_on_where_it_stopped(connected, world, clock):
    items, links = world
    project, state = items["Issue 0"].project, connected.gitlab.state
    for number in range(250):
        clock.advance(0.01)
        connected.issue(project, f"Nobody's {number}")
    clock.advance(0.01)
    state.items.edit(items["Issue 0"], title="The last of all", notify=False)
    state.faults.answer(status=502, times=None, route="/projects/:id/issues", after=2)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links["Issue 0"]).title == "Issue 0"
    reached = db.session.scalar(select(func.max(GitLabDeltaMark.reached)))
    db.session.rollback()
    assert reached is not None
    state.faults.clear()
    state.calls.reset()
    clock.advance(30)
    connected.fetch()
    assert connected.view(links["Issue 0"]).title == "The last of all"
    assert state.calls.total("/projects/:id/issues") == 1
    left = select(func.count()).where(GitLabDeltaMark.reached.is_not(None))
    assert db.session.scalar(left) == 0
