"""Refused webhooks are counted for the org in few writes, without a stranger's content."""

import json
import os
import subprocess

import pytest
from sqlalchemy import select

from gitlab_links.clock import utcnow
from gitlab_links.deliveries import refusals
from gitlab_links.deliveries.refusals import flush_refused
from gitlab_links.extensions import db
from gitlab_links.health.report import report_of
from gitlab_links.local.services import python
from gitlab_links.local.supervisor import PROJECT
from gitlab_links.observations.models import GitLabWebhookTally
from tests.deliveries.conftest import SECRET, deliveries
from tests.factories import unknown_id
from tests.gitlab import bodies
from tests.statements import statements


@pytest.fixture
def org(factory, org):
    """With a token: health reports problems of webhooks only for a connected org."""
    factory.connect(org, token="glpat-of-some-user")
    return org


@pytest.fixture
def send(app, org):
    """Sends an event with some headers; returns the answer."""
    client = app.test_client()

    def post(org_id=None, secret="mistyped", **headers):
        given = {} if secret is None else {"X-Gitlab-Token": secret}
        return client.post(
            f"/api/orgs/{org_id or org.id}/integrations/gitlab/webhook",
            data=bodies.sent(bodies.issue(attributes={"title": "Of a stranger"})),
            content_type="application/json",
            headers={"User-Agent": "GitLab/18.6.0", **given, **headers},
        )

    return post


def tallies():
    return db.session.scalars(select(GitLabWebhookTally)).all()


def findings(org):
    flush_refused()
    found = {one.code: one for one in report_of(org.id, utcnow()).findings}
    db.session.rollback()
    return found


def test_a_mistyped_secret_is_reported_with_time_count_sender_and_header(app, org, send):
    for _ in range(3):
        assert send().status_code == 403
    with app.app_context():
        flush_refused()
        (tally,) = tallies()
        assert (tally.kind, tally.count) == ("refused", 3)
        assert tally.first_at < tally.last_at
        assert tally.detail == {
            "header": "token_wrong",
            "address": "127.0.0.1",
            "user_agent": "GitLab/18.6.0",
        }
        db.session.rollback()
        finding = findings(org)["webhooks_refused"]
    assert "Events from GitLab are rejected: the secret differs" in finding.summary
    assert "GitLab says" not in finding.summary
    assert "3 in 7 days" in finding.summary
    assert "127.0.0.1" in finding.summary
    assert "Paste the webhook secret" in finding.remedy


def test_a_webhook_without_a_secret_is_reported(app, org, send):
    send(secret=None)
    with app.app_context():
        assert "X-Gitlab-Token is missing" in findings(org)["webhooks_refused"].summary


def test_many_refusals_are_written_rarely_and_into_one_row(app, org, send):
    with statements(app) as sent:
        for _ in range(20):
            send()
    written = [one for one, _ in sent if one.startswith("INSERT INTO gitlab_webhook_tallies")]
    assert written == [], "the time of an answer would reveal which orgs exist"
    with app.app_context():
        flush_refused()
        assert [row.count for row in tallies()] == [20]


def test_the_counter_is_built_once_however_many_are_refused(app, org, send, monkeypatch):
    monkeypatch.delitem(app.extensions, "webhook_refusals", raising=False)
    registered = []
    monkeypatch.setattr(refusals.atexit, "register", registered.append)
    for _ in range(3):
        send()
    assert len(registered) == 1
    with app.app_context():
        flush_refused()
        assert [row.count for row in tallies()] == [3]


REFUSE_AND_END = """
import sys
from gitlab_links.app import create_app
from gitlab_links.config.settings import Settings
answer = create_app(Settings.from_environ()).test_client().post(
    sys.argv[1], data=b"{}", content_type="application/json", headers={"X-Gitlab-Token": "mistyped"}
)
assert answer.status_code == 403
"""


@pytest.mark.slow
def test_refusals_just_before_a_process_ends_are_counted_too(app, org, environment):
    path = f"/api/orgs/{org.id}/integrations/gitlab/webhook"
    command = python("-c", REFUSE_AND_END, path)
    subprocess.run(command, env={**os.environ, **environment}, cwd=PROJECT, timeout=60, check=True)
    with app.app_context():
        assert [row.count for row in tallies()] == [1]


def test_only_the_address_and_agent_of_a_stranger_are_stored(app, org, send):
    send(**{"User-Agent": "Strange\x7f" * 100, "X-Gitlab-Event": "Of a stranger"})
    with app.app_context():
        flush_refused()
        (tally,) = tallies()
        assert len(json.dumps(tally.detail)) < 300
        assert "stranger" not in json.dumps(tally.detail)
        assert deliveries() == []


def test_nothing_is_stored_for_unknown_orgs(app, send):
    for _ in range(3):
        assert send(org_id=unknown_id()).status_code == 403
    with app.app_context():
        flush_refused()
        assert tallies() == []


def test_the_finding_is_over_once_the_secret_is_replaced(app, factory, org, send):
    send()
    with app.app_context():
        assert "webhooks_refused" in findings(org)
    factory.connect(org, webhook_secret="the-one-that-was-pasted")
    with app.app_context():
        assert "webhooks_refused" not in findings(org)


def test_an_accepted_event_is_no_refusal(app, send):
    assert send(secret=SECRET).status_code == 202
    with app.app_context():
        flush_refused()
        assert tallies() == []
