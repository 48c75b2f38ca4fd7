"""A merge request's pipeline and merge status follow GitLab, with webhooks and without."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.links.changes import refresh_links_of_task
from tests.gitlab import bodies

MINUTE, HOUR, DAY = 60, 3_600, 86_400
DETAIL = "/merge_requests/:iid"


@pytest.fixture
def pipelines(connected):
    return connected.gitlab.state.pipelines


@pytest.fixture
def mr(connected):
    return connected.merge_request(connected.project())


@pytest.fixture
def link(connected, mr):
    """A fetched link to a merge request that has no pipeline yet."""
    link = connected.link(mr)
    connected.fetch()
    assert connected.view(link).pipeline_status is None
    return link


def refresh(connected):
    connected.make_due()
    connected.fetch()


def details(connected):
    return connected.gitlab.state.calls.total(DETAIL)


def pipeline_event(mr, **attributes):
    """What GitLab sends of a branch pipeline: it names no merge request."""
    source = {"ref": mr.source_branch, "sha": mr.sha}
    return bodies.branch_pipeline(mr.source_project.id, **source | attributes)


def test_a_branch_pipeline_that_names_no_merge_request_is_shown_on_it(
    connected, mr, link, pipelines, send
):
    pipelines.run(mr, "running")
    send(pipeline_event(mr))
    connected.fetch()
    assert connected.view(link).pipeline_status == "running"
    pipelines.set_status(mr, "failed")
    send(pipeline_event(mr))
    connected.fetch()
    assert connected.view(link).pipeline_status == "failed"


def test_what_is_merged_while_its_pipeline_runs_is_followed_to_the_end(
    connected, mr, link, pipelines, clock
):
    pipelines.run(mr, "running")
    connected.gitlab.state.items.merge(mr)
    refresh(connected)
    view = connected.view(link)
    assert (view.state, view.pipeline_status) == ("merged", "running")

    pipelines.set_status(mr, "failed")
    clock.advance(5 * MINUTE)
    connected.fetch()
    assert connected.view(link).pipeline_status == "failed"


def test_a_pipeline_in_a_fork_is_shown_on_its_merge_request(connected, pipelines, send):
    project, fork = connected.project(), connected.project("dana/press")
    mr = connected.merge_request(project, fork=fork)
    namesake = connected.merge_request(project)
    links = connected.link(mr), connected.link(namesake)
    connected.fetch()
    pipelines.run(mr, "success")
    before = connected.calls()
    send(pipeline_event(mr))
    assert connected.item(links[1]).status_wanted_at is None  # of the project's own branch
    connected.fetch()
    assert connected.view(links[0]).pipeline_status == "success"
    assert connected.calls() == before + 1


def test_a_pipeline_that_comes_before_the_news_of_its_push_is_shown(
    connected, mr, link, pipelines, send
):
    connected.gitlab.state.items.push(mr)
    pipelines.run(mr, "running")
    send(pipeline_event(mr))
    connected.fetch()
    assert connected.view(link).pipeline_status == "running"


def test_a_pipeline_of_an_older_commit_costs_no_call_of_the_single_form(connected, clock, send):
    mr = connected.merge_request(connected.project())
    clock.advance(HOUR)
    connected.link(mr)
    connected.fetch()
    before = details(connected)
    send(pipeline_event(mr, sha="0b" * 20))
    connected.fetch()
    assert details(connected) == before


@pytest.mark.parametrize("other", [{"ref": "main"}, {"tag": True}, {"ref": None}])
def test_a_pipeline_of_something_else_asks_for_nothing(connected, mr, link, send, other):
    before = connected.calls()
    send(pipeline_event(mr, **other))
    connected.fetch()
    assert connected.calls() == before


def test_what_an_event_asked_for_before_the_clock_was_set_back_is_read(
    connected, mr, link, pipelines, send, clock
):
    pipelines.run(mr, "success")
    send(pipeline_event(mr))
    clock.advance(-HOUR)
    sweep()
    assert connected.item(link).status_wanted_at <= utcnow()


def test_merge_requests_at_the_same_commit_follow_from_one_event(
    connected, mr, link, pipelines, send
):
    other = connected.link(connected.merge_request(mr.project, target_branch="stable"))
    connected.fetch()
    pipelines.run(mr, "success")
    send(pipeline_event(mr))
    assert sum(connected.item(one).status_wanted_at is not None for one in (link, other)) == 1
    connected.fetch()
    assert [connected.view(one).pipeline_status for one in (link, other)] == ["success"] * 2


def test_a_head_that_moves_brings_its_pipeline_without_any_webhook(connected, mr, link, pipelines):
    pipelines.run(mr, "success")
    refresh(connected)
    assert connected.view(link).pipeline_status == "success"
    connected.gitlab.state.items.push(mr)
    pipelines.run(mr, "failed")
    refresh(connected)
    assert connected.view(link).pipeline_status == "failed"


def test_a_push_reported_by_a_webhook_asks_for_the_pipeline(connected, mr, link, pipelines, send):
    state = connected.gitlab.state
    state.items.push(mr)
    pipelines.run(mr, "pending")
    send(state.publisher.bodies.item(mr, action="update", by=mr.author, changes={}))
    connected.fetch()
    assert connected.view(link).pipeline_status == "pending"


def test_a_first_pipeline_after_the_link_is_shown_without_any_webhook(connected, clock, pipelines):
    mr = connected.merge_request(connected.project())
    clock.advance(2 * HOUR)
    link = connected.link(mr)
    connected.fetch()
    pipelines.run(mr, "success")
    asked = details(connected)
    clock.advance(5 * MINUTE)
    connected.fetch()
    assert details(connected) == asked  # no more than a part of the time it was left alone
    clock.advance(HOUR)
    connected.fetch()
    assert connected.view(link).pipeline_status == "success"


def test_a_pipeline_that_the_token_may_not_see_is_not_asked_for_at_every_refresh(connected, clock):
    project = connected.project()
    project.pipelines_access = "disabled"
    links = [connected.link(connected.merge_request(project)) for _ in range(3)]
    connected.fetch()
    assert details(connected) == 3
    for _ in range(3):
        refresh_links_of_task(connected.org.id, connected.tasks[links[0]])
        db.session.commit()
        clock.advance(5 * MINUTE)
        connected.fetch()
    assert details(connected) == 3
    project.pipelines_access = "enabled"
    connected.gitlab.state.pipelines.run(project.merge_requests[1], "success")
    clock.advance(DAY)
    connected.fetch()
    assert connected.view(links[0]).pipeline_status == "success"


def test_another_token_asks_for_pipelines_that_the_one_before_could_not_see(connected):
    project = connected.project()
    project.pipelines_access = "disabled"
    mr = connected.merge_request(project)
    link = connected.link(mr)
    connected.fetch()
    connected.gitlab.state.pipelines.run(mr, "success")
    project.pipelines_access = "enabled"
    people = connected.gitlab.state.people
    people.add_token(people.user("root"), scopes=["api"], value="glpat-another")
    configure(connected.principal, IntegrationChange(token="glpat-another"))
    db.session.commit()
    refresh_links_of_task(connected.org.id, connected.tasks[link])
    db.session.commit()
    connected.fetch()
    assert connected.view(link).pipeline_status == "success"


def test_a_merge_status_that_gitlab_has_not_worked_out_is_asked_for_until_it_has(
    connected, mr, link, clock
):
    mr.unchecked = True
    clock.advance(5 * MINUTE)
    connected.fetch()
    clock.advance(4)
    connected.fetch()
    assert connected.view(link).merge_status == "mergeable"


@pytest.mark.slow
def test_a_merge_status_that_stays_unchecked_is_not_asked_for_without_end(
    connected, mr, link, clock, monkeypatch
):
    monkeypatch.setattr(type(mr), "unchecked", property(lambda _: True, lambda *_: None))
    clock.advance(5 * MINUTE)
    connected.fetch()
    before = connected.calls()
    for _ in range(60):
        clock.advance(5)
        connected.fetch()
    assert connected.view(link).merge_status == "unchecked"
    assert connected.calls() <= before + 10


def test_label_colours_of_a_webhook_outlive_answers_with_names_only(connected, send, monkeypatch):
    state = connected.gitlab.state
    project = connected.project()
    state.projects.add_label(project, "bug", "#d1242f")
    issue = connected.issue(project)
    link = connected.link(issue)
    connected.fetch()
    state.items.edit(issue, labels=["bug", "odd"], notify=False)
    send(state.publisher.bodies.item(issue, action="update", by=issue.author, changes={}))
    # A GitLab before 12.7 does not know ``with_labels_details``.
    monkeypatch.setattr("gitlab_links.demo.gitlab.rest.items.flag", lambda _: None)
    refresh(connected)
    colors = {label["name"]: label["color"] for label in connected.view(link).labels}
    assert colors == {"bug": "#d1242f", "odd": "#6699cc"}
