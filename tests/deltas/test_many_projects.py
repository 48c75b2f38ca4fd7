"""One call says what changed in many projects, and another reads the statuses of many requests."""

import pytest
from sqlalchemy import select, update

from gitlab_links.clock import utcnow
from gitlab_links.deltas import proving, statuses
from gitlab_links.deltas.marks import STATUSES_EVERY
from gitlab_links.deltas.models import DeltaKind, GitLabDeltaMark
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from tests.deltas.test_deltas import pass_ttl

PROJECTS = 4


@pytest.fixture
def world(connected, clock):
    """Issues and merge requests of four projects, linked, fetched, and read about twice."""
    items = []
    for number in range(PROJECTS):
        project = connected.project(f"acme/press-{number}")
        items += [connected.issue(project, f"Issue {number}"), request_of(connected, project)]
    links = dict(zip((item.title for item in items), connected.link_all(items), strict=True))
    connected.fetch()
    for _ in range(3):
        pass_ttl(connected, clock)
        connected.fetch()
    connected.gitlab.state.calls.reset()
    return {item.title: item for item in items}, links


def request_of(connected, project):
    name = project.path
    return connected.gitlab.state.items.add_merge_request(
        project, f"Request {name}", author="root", source_branch=f"branch-{name}"
    )


def routes(connected):
    return sorted(
        call.route
        for call, count in connected.gitlab.state.calls.counts().items()
        for _ in range(count)
    )


def test_one_call_proves_all_projects_unchanged(connected, world, clock):
    pass_ttl(connected, clock)
    connected.fetch()
    assert routes(connected) == ["/graphql"]
    synced = db.session.scalars(select(GitLabItem.last_synced_at)).all()
    assert set(synced) == {utcnow()}


def test_only_the_list_with_something_new_is_read(connected, world, clock):
    items, links = world
    connected.gitlab.state.items.edit(items["Issue 2"], title="Paper tears", notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert routes(connected) == ["/graphql", "/projects/:id/issues"]
    assert connected.view(links["Issue 2"]).title == "Paper tears"
    synced = db.session.scalars(select(GitLabItem.last_synced_at)).all()
    assert set(synced) == {utcnow()}


def test_what_gitlab_has_no_time_for_is_read_by_itself_and_the_rest_is_proven(
    connected, world, clock
):
    items, links = world
    late = items["Issue 2"].project
    connected.gitlab.state.late_projects = {late.id}
    connected.gitlab.state.items.edit(items["Issue 2"], title="Paper tears", notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links["Issue 2"]).title == "Paper tears"
    others = [link for title, link in links.items() if items[title].project is not late]
    assert {connected.item(link).last_synced_at for link in others} == {utcnow()}
    assert routes(connected) == [
        "/graphql",
        "/projects/:id/issues",
        "/projects/:id/merge_requests",
        "/projects/:id/pipelines",
    ]
    assert connected.integration().changes_refused_at is None


def test_changes_of_a_project_that_cannot_be_recorded_keep_no_other_back(
    connected, world, clock, monkeypatch
):
    """A fault of this service that the changes of one project bring out."""
    items, links = world
    bad, real = items["Issue 2"].project, proving.move
    monkeypatch.setattr(proving, "move", lambda proof, *given: refuse(proof, bad, real, *given))
    pass_ttl(connected, clock)
    connected.fetch()
    others = [link for title, link in links.items() if items[title].project is not bad]
    assert {connected.item(link).last_synced_at for link in others} == {utcnow()}
    assert connected.integration().error_code is None
    assert connected.integration().changes_refused_at is None

    monkeypatch.setattr(proving, "move", real)
    for _ in range(3):
        pass_ttl(connected, clock)
        connected.fetch()
    assert {connected.item(link).last_synced_at for link in links.values()} == {utcnow()}


def refuse(proof, bad, real, *given):
    if proof.delta.project == bad.id:
        raise ValueError("an odd value")
    real(proof, *given)


@pytest.mark.slow
def test_what_a_webhook_has_brought_is_not_read_again(connected, world, clock, send):
    items, links = world
    pass_ttl(connected, clock)
    connected.fetch()
    connected.gitlab.state.calls.reset()
    mine = connected.item(links["Issue 1"])
    now = connected.gitlab.state.clock.now()
    items["Issue 1"].updated_at = now
    changed = {
        "source_updated_at": now,
        "webhook_applied_at": utcnow(),
        "last_synced_at": utcnow(),
        "unconfirmed_since": utcnow(),
        "unconfirmed_updated_at": now,
    }
    db.session.execute(update(GitLabItem).where(GitLabItem.id == mine.id).values(changed))
    db.session.commit()
    pass_ttl(connected, clock)
    connected.fetch()
    assert routes(connected) == ["/graphql"]
    assert connected.item(links["Issue 1"]).unconfirmed_since is None
    assert connected.item(links["Issue 1"]).last_synced_at == utcnow()


def test_a_pipeline_is_followed_without_its_merge_request_changing(connected, world, clock):
    items, links = world
    request = items["Request press-3"]
    connected.gitlab.state.pipelines.run(request, "running", notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links["Request press-3"]).pipeline_status == "running"
    connected.gitlab.state.pipelines.set_status(request, "failed", notify=False)
    connected.gitlab.state.calls.reset()
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.view(links["Request press-3"]).pipeline_status == "failed"
    assert routes(connected) == ["/graphql", "/graphql"]


@pytest.mark.parametrize("project", [None, "acme/press-3"])
def test_a_status_that_cannot_be_stored_keeps_no_other_back(
    connected, world, clock, monkeypatch, project
):
    """A fault of this service that one merge request brings out: it is alone in its project, or
    beside others.
    """
    items, links = world
    bad = items["Request press-3"]
    if project is not None:
        beside = connected.gitlab.state.items.add_merge_request(
            bad.project, "Beside it", author="root", source_branch="beside"
        )
        links["Beside it"] = connected.link(beside)
        items["Beside it"] = beside
    connected.fetch()
    real, iid = statuses.is_overtaken, bad.iid

    def is_overtaken(item, *given):
        if item.iid == iid and item.project_id == bad_project:
            raise ValueError("an odd value")
        return real(item, *given)

    bad_project = connected.item(links["Request press-3"]).project_id
    monkeypatch.setattr(statuses, "is_overtaken", is_overtaken)
    for title in links:
        if not title.startswith("Issue"):
            connected.gitlab.state.pipelines.run(items[title], "running", notify=False)
    pass_ttl(connected, clock)
    connected.fetch()

    shown = {title: connected.view(link).pipeline_status for title, link in links.items()}
    assert shown.pop("Request press-3") is None
    assert {status for title, status in shown.items() if not title.startswith("Issue")} == {
        "running"
    }
    assert connected.integration().error_code is None

    monkeypatch.setattr(statuses, "is_overtaken", real)
    for _ in range(3):
        pass_ttl(connected, clock)
        connected.fetch()
    assert connected.view(links["Request press-3"]).pipeline_status == "running"


@pytest.mark.slow
def test_a_merge_status_that_changed_alone_is_read_within_the_hour(connected, world, clock):
    items, links = world
    items["Request press-0"].mergeability = "conflict"
    for _ in range(16):
        pass_ttl(connected, clock)
        connected.fetch()
    assert connected.view(links["Request press-0"]).merge_status == "conflict"


def test_a_project_that_has_more_open_requests_than_a_call_reads_takes_several(
    connected, world, clock, monkeypatch
):
    monkeypatch.setattr(statuses, "MOST_STATUSES", 2)
    items, _links = world
    project = items["Request press-0"].project
    add = connected.gitlab.state.items.add_merge_request
    more = [add(project, f"More {n}", author="root", source_branch=f"more-{n}") for n in range(4)]
    links = connected.link_all(more)
    connected.fetch()
    clock.advance(STATUSES_EVERY.total_seconds() + 1)
    for item in more:
        item.mergeability = "conflict"
    connected.gitlab.state.calls.reset()
    for _ in range(4):
        connected.fetch()
    assert {connected.view(link).merge_status for link in links} == {"conflict"}
    read = [route for route in routes(connected) if route == "/graphql"]
    # Three for the statuses of five, and one for what changed.
    assert len(read) == 4
    assert not statuses.wanted_statuses(connected.org.id, connected.gitlab.url, utcnow())


def test_a_project_that_the_call_has_no_room_for_keeps_its_turn(
    connected, world, clock, monkeypatch
):
    monkeypatch.setattr(statuses, "MOST_PROJECTS_OF_STATUSES", 1)
    items, links = world
    clock.advance(STATUSES_EVERY.total_seconds() + 1)
    items["Request press-0"].mergeability = "conflict"
    wanted = update(GitLabItem).where(GitLabItem.gitlab_id == items["Request press-3"].id)
    db.session.execute(wanted.values(status_wanted_at=utcnow()))
    db.session.commit()
    for _ in range(PROJECTS):
        connected.fetch()
    assert connected.view(links["Request press-0"]).merge_status == "conflict"


@pytest.mark.slow
def test_a_merge_has_the_statuses_of_the_projects_other_requests_read(connected, world, clock):
    items, _links = world
    project = items["Request press-0"].project
    other = connected.link(
        connected.gitlab.state.items.add_merge_request(
            project, "In the way", author="root", source_branch="other"
        )
    )
    connected.fetch()
    items_of = connected.gitlab.state.items
    items_of.merge(items["Request press-0"])
    next(
        one for one in project.merge_requests.values() if one.title == "In the way"
    ).mergeability = "need_rebase"
    pass_ttl(connected, clock)
    connected.fetch()
    connected.fetch()
    assert connected.view(other).merge_status == "need_rebase"


def test_without_graphql_lists_and_single_forms_are_read(connected, world, clock):
    items, links = world
    connected.gitlab.state.has_graphql = False
    connected.gitlab.state.items.edit(items["Issue 0"], title="Paper tears", notify=False)
    connected.gitlab.state.pipelines.run(items["Request press-1"], "failed", notify=False)
    pass_ttl(connected, clock)
    clock.advance(15)  # by then all of them are due
    connected.fetch()
    connected.fetch()
    assert connected.view(links["Issue 0"]).title == "Paper tears"
    assert connected.view(links["Request press-1"]).pipeline_status == "failed"
    assert connected.integration().changes_refused_at is not None
    assert routes(connected).count("/graphql") == 1


@pytest.mark.slow
def test_a_project_that_cannot_be_read_is_not_proven(connected, world, clock):
    items, links = world
    connected.gitlab.state.projects.delete(items["Issue 2"].project)
    pass_ttl(connected, clock)
    connected.fetch()
    assert connected.item(links["Issue 2"]).last_synced_at < utcnow()
    assert connected.item(links["Issue 1"]).last_synced_at == utcnow()
    mark = db.session.scalars(
        select(GitLabDeltaMark)
        .join(GitLabItem, GitLabItem.project_id == GitLabDeltaMark.project_id)
        .where(
            GitLabItem.id == connected.item(links["Issue 2"]).id,
            GitLabDeltaMark.kind == DeltaKind.ISSUE,
        )
    ).one()
    assert mark.failures > 0


@pytest.mark.slow
def test_more_changes_than_one_answer_has_are_read_by_the_list(connected, world, clock):
    items, _links = world
    project = items["Issue 3"].project
    for number in range(60):
        connected.issue(project, f"Nobody's {number}")
    pass_ttl(connected, clock)
    connected.fetch()
    assert routes(connected) == ["/graphql", "/projects/:id/issues"]


def test_many_projects_of_a_group_are_read_by_its_list(connected, world, clock):
    items, links = world
    for number in range(PROJECTS):
        title = f"Changed {number}"
        connected.gitlab.state.items.edit(items[f"Issue {number}"], title=title, notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    assert routes(connected) == ["/graphql", "/groups/:id/issues"]
    for number in range(PROJECTS):
        assert connected.view(links[f"Issue {number}"]).title == f"Changed {number}"


@pytest.mark.slow
def test_a_project_that_left_the_group_is_read_by_its_own_list(connected, world, clock):
    items, links = world
    state = connected.gitlab.state
    for number in range(PROJECTS):
        state.items.edit(items[f"Issue {number}"], title=f"Changed {number}", notify=False)
    state.projects.transfer(items["Issue 2"].project, "elsewhere")
    pass_ttl(connected, clock)
    connected.fetch()
    clock.advance(10)
    connected.fetch()
    assert connected.view(links["Issue 2"]).title == "Changed 2"
    assert "/projects/:id/issues" in routes(connected)


@pytest.mark.slow
def test_a_group_that_the_token_may_not_list_is_read_project_by_project(connected, world, clock):
    items, links = world
    connected.gitlab.state.faults.answer("status", status=403, times=None, route="/groups/:id")
    for number in range(PROJECTS):
        title = f"Changed {number}"
        connected.gitlab.state.items.edit(items[f"Issue {number}"], title=title, notify=False)
    pass_ttl(connected, clock)
    connected.fetch()
    clock.advance(10)
    connected.fetch()
    for number in range(PROJECTS):
        assert connected.view(links[f"Issue {number}"]).title == f"Changed {number}"


@pytest.mark.slow
def test_a_merge_status_that_is_being_computed_is_read_again_in_one_call(
    connected, world, clock, send
):
    items, links = world
    request = items["Request press-2"]
    request.unchecked = True
    db.session.execute(update(GitLabItem).values(status_wanted_at=utcnow()))
    db.session.commit()
    connected.fetch()
    assert connected.view(links["Request press-2"]).merge_status == "unchecked"
    clock.advance(3)
    connected.fetch()
    assert connected.view(links["Request press-2"]).merge_status == "mergeable"
    assert set(routes(connected)) == {"/graphql"}
