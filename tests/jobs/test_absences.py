"""An item missing from a list: asked for otherwise, and never taken for another."""

import pytest

from gitlab_links.demo.gitlab.bodies import Bodies
from gitlab_links.extensions import db
from gitlab_links.gitlab.error_codes import facts_of
from gitlab_links.links.changes import detach
from gitlab_links.links.models import GitLabItem


def refresh(connected):
    connected.make_due()
    connected.fetch()


def states(connected, links):
    return [(view.title, view.sync.error_code) for view in (connected.view(link) for link in links)]


def calls(connected, route):
    return connected.gitlab.state.calls.total(route)


@pytest.mark.parametrize("type", ["objective", "key_result", "epic", "ticket", "task"])
def test_a_work_item_of_any_type_is_shown(connected, type):
    state = connected.gitlab.state
    state.people.add_user("dana", "Dana Moss")
    project = connected.project()
    state.projects.add_label(project, "goal", "#d1242f")
    state.projects.add_milestone(project, "Spring")
    link = connected.link(
        connected.issue(
            project,
            "Print more",
            type=type,
            labels=["goal"],
            assignees=["dana"],
            milestone="Spring",
            due_date="2026-12-24",
        )
    )
    connected.fetch()
    view = connected.view(link)
    assert (view.title, view.state, view.sync.status) == ("Print more", "opened", "ok")
    assert (view.labels[0]["name"], view.labels[0]["color"]) == ("goal", "#d1242f")
    assert view.assignees == [{"username": "dana", "name": "Dana Moss"}]
    assert (view.author["username"], view.milestone) == ("root", "Spring")
    assert view.due_date.isoformat() == "2026-12-24"
    assert view.gitlab_created_at is not None


def test_a_hundred_objectives_cost_two_calls_at_each_refresh(connected):
    project = connected.project()
    links = connected.link_all(
        connected.issue(project, f"Goal {n}", type="objective") for n in range(100)
    )
    before = connected.calls()
    connected.fetch()
    assert connected.calls() == before + 2
    assert {code for _, code in states(connected, links)} == {None}


def test_without_graphql_the_single_form_is_asked(connected):
    connected.gitlab.state.has_graphql = False
    link = connected.link(connected.issue(connected.project(), "Help", type="ticket"))
    connected.fetch()
    assert states(connected, [link]) == [("Help", None)]


def test_what_the_api_cannot_give_is_shown_and_keeps_the_data_of_a_webhook(connected, send):
    state = connected.gitlab.state
    state.has_graphql = False
    project = connected.project()
    connected.link(connected.issue(project))
    connected.fetch()
    issue = connected.issue(project, "Print more", type="objective")
    link = connected.link(issue)
    send(state.publisher.bodies.item(issue, action="open", by=issue.author, changes={}))
    connected.fetch()
    assert states(connected, [link]) == [("Print more", "not_in_api")]
    refresh(connected)
    assert states(connected, [link]) == [("Print more", "not_in_api")]


@pytest.mark.parametrize("type", ["epic", "objective", "key_result"])
def test_what_may_be_of_a_type_that_gitlab_keeps_to_itself_is_not_called_gone(
    connected, send, type
):
    state = connected.gitlab.state
    state.has_graphql = False
    project = connected.project()
    connected.link(connected.issue(project))
    issue = connected.issue(project, "Print more", type=type)
    link = connected.link(issue)
    connected.fetch()
    refresh(connected)
    assert states(connected, [link]) == [(None, "not_given")]
    assert "this GitLab's API leaves out its type" in facts_of("not_given").summary

    send(state.publisher.bodies.item(issue, action="open", by=issue.author, changes={}))
    refresh(connected)
    assert states(connected, [link]) == [("Print more", "not_in_api")]


def test_with_graphql_what_no_form_ever_gave_is_not_found(connected):
    project = connected.project()
    connected.link(connected.issue(project))
    issue = connected.issue(project)
    link = connected.link(issue)
    connected.gitlab.state.items.delete(issue)
    connected.fetch()
    assert states(connected, [link]) == [(None, "not_found")]


def test_without_graphql_what_was_shown_before_and_a_merge_request_are_not_found(connected):
    state = connected.gitlab.state
    state.has_graphql = False
    project = connected.project()
    issue, mr = connected.issue(project), connected.merge_request(project)
    links = [connected.link(issue)]
    connected.fetch()
    links.append(connected.link(mr))
    state.items.delete(issue)
    state.items.delete(mr)
    refresh(connected)
    assert [code for _, code in states(connected, links)] == ["not_found", "not_found"]


@pytest.mark.parametrize(
    ("fault", "code"), [({"status": 502}, "http_502"), ({"kind": "close"}, "network_error")]
)
def test_while_graphql_is_in_trouble_what_only_it_has_is_not_called_gone(connected, fault, code):
    project = connected.project()
    links = [connected.link(connected.issue(project, "Goal", type="objective"))]
    connected.fetch()
    links.append(connected.link(connected.issue(project, "New goal", type="epic")))
    connected.gitlab.state.faults.answer(**fault, times=None, route="graphql")
    refresh(connected)
    assert states(connected, links) == [("Goal", code), (None, code)]

    connected.gitlab.state.faults.clear()
    refresh(connected)
    assert states(connected, links) == [("Goal", None), ("New goal", None)]


def test_what_is_known_to_be_gone_stays_so_while_graphql_is_in_trouble(connected):
    issue = connected.issue(connected.project())
    link = connected.link(issue)
    connected.fetch()
    connected.gitlab.state.items.delete(issue)
    refresh(connected)
    connected.gitlab.state.faults.answer("status", status=502, times=None, route="graphql")
    refresh(connected)
    assert [code for _, code in states(connected, [link])] == ["not_found"]


def test_what_no_form_has_is_not_found(connected):
    state = connected.gitlab.state
    project = connected.project()
    issue, mr = connected.issue(project), connected.merge_request(project)
    links = [connected.link(issue), connected.link(mr)]
    connected.fetch()
    state.items.delete(issue)
    state.items.delete(mr)
    refresh(connected)
    assert [code for _, code in states(connected, links)] == ["not_found", "not_found"]
    before = connected.calls()
    refresh(connected)
    # Two lists and one question to GraphQL: what was asked one by one is not asked so again.
    assert connected.calls() == before + 3


def test_small_pages_are_followed(connected):
    connected.gitlab.state.page_size = 20
    project = connected.project()
    links = connected.link_all(connected.issue(project, f"Issue {n}") for n in range(45))
    before = connected.calls()
    connected.fetch()
    assert states(connected, links) == [(f"Issue {n}", None) for n in range(45)]
    assert connected.calls() == before + 3


@pytest.mark.parametrize("make", ["issue", "merge_request"])
@pytest.mark.parametrize("cut", [0, 20])
def test_a_list_cut_short_is_not_taken_for_deletion(connected, monkeypatch, make, cut):
    project = connected.project()
    links = connected.link_all(getattr(connected, make)(project, f"No {n}") for n in range(40))
    connected.fetch()
    monkeypatch.setattr(
        "gitlab_links.demo.gitlab.rest.items.filtered", lambda found: list(found)[:cut]
    )
    refresh(connected)
    assert {code for _, code in states(connected, links)} == {None}


def test_an_empty_list_is_not_believed_without_graphql_either(connected, monkeypatch):
    state = connected.gitlab.state
    state.has_graphql = False
    project = connected.project()
    links = connected.link_all(connected.issue(project, f"Issue {n}") for n in range(40))
    connected.fetch()
    monkeypatch.setattr("gitlab_links.demo.gitlab.rest.items.filtered", lambda _: [])
    before = calls(connected, "/issues/:iid")
    refresh(connected)
    assert {code for _, code in states(connected, links)} == {None}
    assert calls(connected, "/issues/:iid") <= before + 40


def test_all_items_of_a_project_may_be_gone(connected):
    state = connected.gitlab.state
    project = connected.project()
    issues = [connected.issue(project, f"Issue {n}") for n in range(40)]
    links = connected.link_all(issues)
    connected.fetch()
    for issue in issues:
        state.items.delete(issue)
    before = connected.calls()
    refresh(connected)
    assert {code for _, code in states(connected, links)} == {"not_found"}
    assert connected.calls() == before + 22  # list, GraphQL, and a sample of twenty


def made_again(project, connected, title="Somebody else's"):
    """The project's first issue anew, as in a GitLab that was built again."""
    connected.gitlab.state.items.delete(project.issues[1])
    project.last_issue_iid = 0
    return connected.issue(project, title)


def test_another_item_under_the_number_is_not_shown_but_said(connected, send):
    project = connected.project()
    link = connected.link(connected.issue(project))
    connected.fetch()
    other = made_again(project, connected)
    refresh(connected)
    assert states(connected, [link]) == [("Paper jams", "another_item")]
    bodies: Bodies = connected.gitlab.state.publisher.bodies
    send(bodies.item(other, action="update", by=other.author, changes={}))
    connected.fetch()
    assert states(connected, [link]) == [("Paper jams", "another_item")]


def test_nor_where_a_gitlab_that_was_built_again_gives_its_ids_once_more(connected, send, clock):
    project = connected.project()
    issue = connected.issue(project)
    link = connected.link(issue)
    connected.fetch()
    clock.advance(60)
    other = made_again(project, connected)
    other.id = issue.id
    refresh(connected)
    assert states(connected, [link]) == [("Paper jams", "another_item")]
    bodies: Bodies = connected.gitlab.state.publisher.bodies
    send(bodies.item(other, action="update", by=other.author, changes={}))
    connected.fetch()
    assert states(connected, [link]) == [("Paper jams", "another_item")]


def test_linked_anew_it_is_the_item_that_has_the_number_now(connected):
    project = connected.project()
    link = connected.link(connected.issue(project))
    connected.fetch()
    other = made_again(project, connected)
    refresh(connected)
    detach(connected.principal, connected.tasks[link], link)
    db.session.commit()
    again = connected.link(other)
    connected.fetch()
    assert states(connected, [again]) == [("Somebody else's", None)]


def test_a_project_id_used_again_shows_nothing_of_the_other_project(connected):
    projects = connected.gitlab.state.projects
    ours = connected.project("acme/press")
    link = connected.link(connected.issue(ours))
    connected.fetch()
    old_id = ours.id
    projects.delete(ours)
    other = connected.project("beta/secrets")
    for n in range(3):
        connected.issue(other, f"Secret {n}")
    anew = connected.project("acme/press")
    mine = connected.issue(anew, "Paper tears")
    connected.issue(anew, "Paper folds")
    del projects.by_id[other.id]
    other.id = old_id
    projects.by_id[old_id] = other
    pasted = connected.link(anew.issues[2])
    for _ in range(3):
        refresh(connected)
    assert states(connected, [link]) == [("Paper jams", "another_item")]
    assert connected.view(link).project_path == "acme/press"
    assert states(connected, [pasted]) == [("Paper folds", None)]
    assert mine.title == "Paper tears"


def test_a_rename_whose_old_path_was_taken_is_still_a_rename(connected):
    project = connected.project("acme/press")
    issue = connected.issue(project)
    link = connected.link(issue)
    connected.fetch()
    connected.gitlab.state.projects.rename(project, "acme/print")
    connected.project("acme/press")
    refresh(connected)
    view = connected.view(link)
    assert (view.title, view.project_path, view.sync.error_code) == (
        "Paper jams", "acme/print", None,
    )  # fmt: skip


def test_items_of_another_project_in_the_list_are_refused(connected, monkeypatch):
    ours, other = connected.project("acme/press"), connected.project("beta/secrets")
    link = connected.link(connected.issue(ours))
    connected.fetch()
    connected.issue(other, "Secret")
    monkeypatch.setattr(
        "gitlab_links.demo.gitlab.rest.items.filtered", lambda _: list(other.issues.values())
    )
    refresh(connected)
    assert states(connected, [link]) == [("Paper jams", None)]


def test_an_item_known_before_ids_were_stored_is_recognised_by_its_creation_time(connected, clock):
    project = connected.project()
    link = connected.link(connected.issue(project))
    connected.fetch()
    # As the version before has left it.
    db.session.execute(db.update(GitLabItem).values(gitlab_id=None))
    db.session.commit()
    clock.advance(60)
    made_again(project, connected)
    refresh(connected)
    assert states(connected, [link]) == [("Paper jams", "another_item")]
