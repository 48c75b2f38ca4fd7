"""Forged events against the real jobs, a GitLab over HTTP, and what a member is shown."""

import json
from datetime import timedelta

import pytest
import requests

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.health.report import report_of
from gitlab_links.jobs.drains import drain_slice
from gitlab_links.jobs.fetches import fetch_slice
from gitlab_links.links.changes import refresh_links_of_task
from gitlab_links.links.link_filters import LinkFilter
from gitlab_links.links.models import GitLabItem
from gitlab_links.links.queries import links_page
from gitlab_links.observations.webhook_tallies import tallies_by_org
from gitlab_links.tasks.models import Task
from tests.gitlab import bodies
from tests.health.conftest import (
    _service,
    connected,
    receiver,
    receiver_port,
    service,
    service_port,
)

__all__ = ["_service", "connected", "receiver", "receiver_port", "service", "service_port"]

SHARED = "every-maintainer-can-read-it"


@pytest.fixture
def org(connected, factory):
    factory.connect(connected.org, webhook_secret=SHARED)
    return connected


def findings(org):
    with org.app.app_context():
        return {one.code: one for one in report_of(org.org.id, utcnow()).findings}


def forge(org, *, iid=1, title="Forged", instance=None, **attributes):
    """An event of what GitLab does not have, by the shared secret; taken and processed."""
    project = {"id": org.project.id, "path_with_namespace": org.project.path_with_namespace}
    issue = org.issues[iid - 1]
    known = {"id": issue.id, "iid": iid, "project_id": org.project.id}
    known["created_at"] = issue.created_at.isoformat()
    sent = {**known, "title": title, **attributes}
    sent.setdefault("updated_at", utcnow().isoformat())
    sent.setdefault("due_date", None)
    answer = requests.post(
        org.webhook_url,
        data=json.dumps(bodies.issue(project=project, attributes=sent, labels=[])),
        headers={
            "X-Gitlab-Token": SHARED,
            "X-Gitlab-Event": "Issue Hook",
            "Content-Type": "application/json",
            **({"X-Gitlab-Instance": instance} if instance else {}),
        },
    )
    assert answer.status_code == 202
    with org.app.app_context():
        drain_slice(org.org.id)


def fetch_what_is_due(org):
    with org.app.app_context():
        fetch_slice(org.org.id)


def seen_by_a_member(org):
    with org.app.app_context():
        page = links_page(org.org.id, LinkFilter(), viewer=Role.MEMBER)
        return {link.gitlab_iid: link.title for link in page}


def titles(org):
    with org.app.app_context():
        return set(db.session.scalars(db.select(GitLabItem.title)))


@pytest.mark.slow
def test_a_flood_of_events_that_say_it_is_public_never_shows_what_is_confidential(org, clock):
    org.gitlab.state.items.edit(org.issues[0], title="Top secret", confidential=True)
    org.sweep()
    for _ in range(15):
        forge(org, title="Top secret", confidential=False)
        assert seen_by_a_member(org)[1] is None
        fetch_what_is_due(org)
        assert seen_by_a_member(org)[1] is None
        clock.advance(4)


def test_what_becomes_confidential_is_hidden_by_the_first_answer_whatever_events_say(org, clock):
    forge(org, confidential=False)
    org.gitlab.state.items.edit(org.issues[0], confidential=True, notify=False)
    for _ in range(3):
        clock.advance(4)
        forge(org, confidential=False)
    org.sweep()
    assert seen_by_a_member(org)[1] is None


def test_a_forged_event_is_shown_until_gitlab_contradicts_it_and_never_again(org, clock):
    forge(org)
    assert "Forged" in titles(org)
    org.gitlab.state.calls.reset()
    for _ in range(14):
        clock.advance(4)
        fetch_what_is_due(org)
    assert titles(org) == {"Leak 1", "Leak 2", "Leak 3"}
    assert org.gitlab.state.calls.total("/issues") == 1

    forge(org, title="Forged again")
    assert "Forged again" not in titles(org)
    project_id = str(org.project_id)
    with org.app.app_context():
        found = db.session.scalars(
            db.select(GitLabWebhookDelivery).order_by(GitLabWebhookDelivery.id)
        ).all()
        assert [one.doubt for one in found] == ["contradicted", "distrusted"]
        (tally,) = tallies_by_org([org.org.id], utcnow())[org.org.id]
        assert (tally.kind, tally.subject) == ("contradicted", project_id)
        db.session.rollback()
    finding = findings(org)["webhook_contradicted"]
    assert finding.subject == "ships/engine"
    assert (
        "ships/engine: events with the correct webhook secret contradict GitLab" in finding.summary
    )


def test_events_of_another_instance_are_shown_with_its_name(org):
    forge(org, instance="https://staging.example.com", state="closed")
    assert "Forged" not in titles(org)
    finding = findings(org)["webhook_other_instance"]
    assert "https://staging.example.com" in finding.summary


def test_gitlabs_answer_is_put_off_for_ten_seconds_at_most_by_however_many_events(org, clock):
    for second in range(0, 16, 2):
        forge(org, title=f"Forged at {second}")
        with org.app.app_context():
            refresh_links_of_task(org.org.id, db.session.scalars(db.select(Task.id)).one())
            db.session.commit()
        fetch_what_is_due(org)
        assert ("Leak 1" in titles(org)) is (second >= 10)
        clock.advance(2)


def test_events_that_gitlab_confirms_are_marked_in_no_way(org, clock):
    org.gitlab.state.items.edit(org.issues[0], title="True", notify=False)
    forge(org, title="True", updated_at=org.issues[0].updated_at.isoformat())
    clock.advance(60)
    fetch_what_is_due(org)
    assert "True" in titles(org)
    with org.app.app_context():
        (done,) = db.session.scalars(db.select(GitLabWebhookDelivery))
        assert (done.effect, done.doubt) == ("applied", None)
        item = db.session.scalars(db.select(GitLabItem).where(GitLabItem.iid == 1)).one()
        assert item.unconfirmed_since is None
        assert item.next_sync_at > utcnow() + timedelta(seconds=60)


def test_one_call_confirms_the_events_of_many_items(org, clock):
    org.gitlab.state.calls.reset()
    for iid in (1, 2, 3, 1, 2, 3):
        forge(org, iid=iid, title=f"Told of {iid}")
        clock.advance(1)
    clock.advance(60)
    fetch_what_is_due(org)
    assert titles(org) == {"Leak 1", "Leak 2", "Leak 3"}
    assert org.gitlab.state.calls.total("/issues") <= 2
