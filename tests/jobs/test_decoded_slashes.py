"""A proxy in front of GitLab that makes two segments of ``acme%2Fpress``."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.health.findings import findings
from gitlab_links.health.signals import load
from tests.jobs.test_absences import states


def codes(connected):
    return {finding.code for finding in findings(load(connected.org.id, utcnow()))}


@pytest.fixture
def state(connected):
    connected.gitlab.state.decodes_slashes = True
    return connected.gitlab.state


@pytest.mark.parametrize("graphql", [True, False])
def test_a_project_is_found_and_the_proxy_is_named(connected, state, graphql):
    state.has_graphql = graphql
    project = connected.project("acme/press")
    connected.project("acme/press-two")
    links = [
        connected.link(connected.issue(project)),
        connected.link(connected.merge_request(project)),
    ]
    connected.fetch()
    assert states(connected, links) == [("Paper jams", None), ("Rollers", None)]
    assert "slashes_decoded" in codes(connected)


def test_a_project_that_is_not_there_names_no_proxy(connected, state):
    project = connected.project("acme/press")
    link = connected.link(connected.issue(project))
    state.projects.delete(project)
    before = connected.calls()
    connected.fetch()
    assert states(connected, [link]) == [(None, "not_found")]
    assert connected.calls() == before + 2
    assert "slashes_decoded" not in codes(connected)


def test_a_path_that_gets_through_ends_it(connected, state):
    connected.link(connected.issue(connected.project("acme/press")))
    connected.fetch()
    state.decodes_slashes = False
    connected.link(connected.issue(connected.project("acme/print")))
    connected.fetch()
    assert "slashes_decoded" not in codes(connected)


@pytest.mark.parametrize("decodes", [True, False])
def test_a_project_of_which_no_item_is_there_is_known_by_its_id(connected, state, send, decodes):
    state.decodes_slashes, state.has_graphql = decodes, False
    project = connected.project("acme/press")
    issue = connected.issue(project, "Print more", type="objective")
    link = connected.link(issue)
    connected.fetch()
    assert states(connected, [link]) == [(None, "not_given")]
    send(state.publisher.bodies.item(issue, action="open", by=issue.author, changes={}))
    assert connected.view(link).title == "Print more"


def test_a_project_made_again_under_its_path_is_found(connected, state):
    first = connected.project("acme/press")
    connected.link(connected.issue(first))
    connected.fetch()
    state.projects.delete(first)
    again = connected.issue(connected.project("acme/press"), "Paper tears")
    link = connected.link(again)
    for _ in range(2):
        connected.make_due()
        connected.fetch()
    assert states(connected, [link]) == [("Paper tears", None)]
