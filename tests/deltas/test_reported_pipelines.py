"""An event of a project's own webhook brings the status of a known pipeline without a call."""

import pytest
from sqlalchemy import select

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.intake import accept
from gitlab_links.deltas import statuses
from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.integrations.changes import find_integration
from gitlab_links.links.models import GitLabProject
from gitlab_links.observations.hook_secrets import make_hook_secret
from gitlab_links.sync.fetching import Round
from tests.deltas.test_deltas import pass_ttl
from tests.gitlab import bodies


@pytest.fixture
def request_(connected):
    return connected.merge_request(connected.project())


@pytest.fixture
def link(connected, request_, clock):
    link = connected.link(request_)
    connected.fetch()
    for _ in range(2):
        pass_ttl(connected, clock)
        connected.fetch()
    return link


@pytest.fixture
def report(app, connected, request_, link, clock):
    """Has the project's own webhook report the pipeline as it is, or as it was."""
    project = db.session.scalars(select(GitLabProject.id)).one()
    _, secret = make_hook_secret(find_integration(connected.org.id), project)
    db.session.commit()

    def take(status, pipeline=None):
        clock.advance(1)
        found = pipeline or request_.head_pipeline
        body = bodies.branch_pipeline(
            request_.project.id, id=found.id, ref=found.ref, sha=found.sha, status=status
        )
        with app.app_context(), single_write() as connection:
            headers = {"X-Gitlab-Token": secret, "X-Gitlab-Event": "Pipeline Hook"}
            accept(connection, connected.org.id, headers, bodies.sent(body))
        connected.gitlab.state.calls.reset()
        connected.drain()
        clock.advance(1)
        connected.fetch()
        return connected.calls(), connected.view(link).pipeline_status

    return take


def run(connected, request_, status):
    connected.gitlab.state.pipelines.run(request_, status, notify=False)


def end(connected, request_, status):
    connected.gitlab.state.pipelines.set_status(request_, status, notify=False)


def test_only_the_first_event_of_a_pipeline_costs_a_call(connected, request_, report):
    run(connected, request_, "pending")
    assert report("pending") == (1, "pending")
    end(connected, request_, "success")
    assert report("running") == (0, "running")
    assert report("success") == (0, "success")


def test_what_comes_after_the_end_of_a_pipeline_is_asked_for(connected, request_, report):
    run(connected, request_, "running")
    report("running")
    end(connected, request_, "failed")
    assert report("failed") == (0, "failed")
    assert report("running") == (1, "failed")  # late
    end(connected, request_, "running")
    assert report("running") == (1, "running")  # run again


def test_another_pipeline_at_the_same_commit_is_asked_for(connected, request_, report):
    run(connected, request_, "running")
    report("running")
    first = request_.head_pipeline
    run(connected, request_, "pending")
    assert report("success", first) == (0, "success")  # not known to be another one's turn
    assert report("pending") == (1, "pending")
    assert report("failed", first) == (1, "pending")


def test_the_statuses_that_were_read_before_the_event_do_not_undo_it(
    connected, request_, link, report
):
    run(connected, request_, "running")
    report("running")
    org_id, integration = connected.org.id, connected.integration()
    item = connected.item(link)
    project = request_.project.path_with_namespace
    wanted = [statuses.Wanted(item.project_id, project, {item.iid: item.id})]
    was = statuses.Statuses("opened", "mergeable", "running", request_.head_pipeline.id)
    answer = statuses.StatusAnswer(wanted, utcnow(), [{item.iid: was}])
    end(connected, request_, "success")
    assert report("success") == (0, "success")
    token = integration.token_ciphertext
    statuses.record(org_id, Round([answer]), token_ciphertext=token, now=utcnow())
    db.session.commit()
    assert connected.item(link).pipeline_status == "success"
    assert connected.item(link).status_wanted_at is not None
