"""An org that receives webhooks, and its deliveries."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.deliveries.intake import Accepted, accept
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.integrations.webhook_secrets import hash_webhook_secret
from tests.factories import Factory
from tests.gitlab import bodies

SECRET = "the secret of the hook"


@pytest.fixture
def org(app: Flask, factory: Factory) -> Org:
    """An org whose hook has a secret."""
    org = factory.org()
    with app.app_context():
        digest = hash_webhook_secret(org.id, SECRET)
    factory.integration(org, webhook_secret_hash=digest)
    return org


@pytest.fixture
def receive(app: Flask, org: Org) -> Callable[..., Accepted]:
    """Stores a body like a request: in its own context, committed."""

    def take(body: Any, key: str | None = None, **headers: str) -> Accepted:
        content = body if isinstance(body, bytes) else bodies.sent(body)
        sent = {"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Issue Hook", **headers}
        if key is not None:
            sent["Idempotency-Key"] = key
        with app.app_context(), single_write() as connection:
            return accept(connection, org.id, sent, content)

    return take


def deliveries() -> list[GitLabWebhookDelivery]:
    """All deliveries in the database, in the order of receipt."""
    statement = select(GitLabWebhookDelivery).order_by(GitLabWebhookDelivery.id)
    return list(db.session.scalars(statement.execution_options(populate_existing=True)))


def delivery(delivery_id: uuid.UUID) -> GitLabWebhookDelivery:
    return db.session.get_one(GitLabWebhookDelivery, delivery_id, populate_existing=True)
