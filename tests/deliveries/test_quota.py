"""A quota of stored bodies per org and day: over it no event is lost, and health reports it."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import select

from gitlab_links.clock import utcnow
from gitlab_links.config.setting_values import MEGABYTE
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.health.report import report_of
from gitlab_links.links.models import GitLabItem
from tests.deliveries.conftest import SECRET
from tests.deliveries.test_processing import BASE_URL, PATH, drain
from tests.gitlab import bodies

pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def org(factory, org):
    """With a token: health reports problems of webhooks only for a connected org."""
    factory.connect(org, token="glpat-of-some-user")
    return org


@pytest.fixture
def small_quota(app, monkeypatch):
    settings = app.extensions["settings"]
    monkeypatch.setitem(app.extensions, "settings", replace(settings, webhook_body_quota=MEGABYTE))
    app.extensions.pop("webhook_quota", None)


@pytest.fixture
def send(app, org):
    client = app.test_client()
    keys = iter(range(10_000))

    def post(size):
        body = bodies.issue(padding="x" * size)
        answer = client.post(
            f"/api/orgs/{org.id}/integrations/gitlab/webhook",
            data=json.dumps(body),
            content_type="application/json",
            headers={"X-Gitlab-Token": SECRET, "Idempotency-Key": str(next(keys))},
        )
        assert (answer.status_code, answer.json["status"]) == (202, "accepted")

    return post


def stored_bodies():
    rows = db.session.scalars(
        select(GitLabWebhookDelivery.payload).order_by(GitLabWebhookDelivery.id)
    ).all()
    db.session.rollback()
    return [payload is not None for payload in rows]


@pytest.mark.parametrize("size", [40_000, 400_000])
def test_over_the_quota_bodies_are_not_stored_and_the_item_is_fetched(
    app, factory, org, small_quota, send, size
):
    """Small bodies are stored by the authenticating INSERT, large ones after a SELECT."""
    project = factory.gitlab_project(org, base_url=BASE_URL, gitlab_id=42, path=PATH)
    item = factory.gitlab_item(project, iid=17)
    count = MEGABYTE // size + 2
    for _ in range(count):
        send(size)
    with app.app_context():
        stored = stored_bodies()
        assert stored[0] is True
        assert stored[-1] is False
        drain(org)
        assert db.session.get_one(GitLabItem, item.id).refresh_requested_at <= utcnow()
        (last,) = db.session.scalars(
            select(GitLabWebhookDelivery).order_by(GitLabWebhookDelivery.id.desc()).limit(1)
        )
        assert (last.status, last.effect) == ("processed", "fetched")
        findings = {one.code: one for one in report_of(org.id, utcnow()).findings}
        assert "(1 MB)" in findings["webhook_bodies_over_quota"].summary
        db.session.rollback()


def test_the_quota_of_one_org_is_not_that_of_another(app, factory, org, small_quota, send):
    for _ in range(4):
        send(400_000)
    with app.app_context():
        other = factory.org()
        assert "webhook_bodies_over_quota" not in {
            one.code for one in report_of(other.id, utcnow()).findings
        }
        db.session.rollback()
