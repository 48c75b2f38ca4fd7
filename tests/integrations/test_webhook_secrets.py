"""Webhook secrets are compared by keyed hash, and two count while one replaces the other."""

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask

from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.webhook_secrets import (
    ROTATION_WINDOW,
    hash_webhook_secret,
    replace_webhook_secret,
    webhook_secret_matches,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ORG = uuid.uuid4()


@pytest.fixture
def integration(app: Flask) -> OrgGitLabIntegration:
    return OrgGitLabIntegration(org_id=ORG)


@pytest.mark.usefixtures("app_context")
def test_the_one_before_counts_until_the_window_closes(integration: OrgGitLabIntegration) -> None:
    assert replace_webhook_secret(integration, "first", NOW)
    assert replace_webhook_secret(integration, "second", NOW)
    just_before = NOW + ROTATION_WINDOW - timedelta(seconds=1)
    for secret in ("first", "second"):
        assert webhook_secret_matches(ORG, integration, secret, just_before)
    assert not webhook_secret_matches(ORG, integration, "first", NOW + ROTATION_WINDOW)
    assert webhook_secret_matches(ORG, integration, "second", NOW + ROTATION_WINDOW)


@pytest.mark.usefixtures("app_context")
def test_setting_the_same_again_changes_nothing(integration: OrgGitLabIntegration) -> None:
    replace_webhook_secret(integration, "first", NOW)
    assert not replace_webhook_secret(integration, "first", NOW + timedelta(hours=1))
    assert integration.previous_webhook_secret_hash is None
    assert integration.webhook_secret_set_at == NOW


@pytest.mark.usefixtures("app_context")
def test_clearing_ends_both_at_once(integration: OrgGitLabIntegration) -> None:
    replace_webhook_secret(integration, "first", NOW)
    replace_webhook_secret(integration, "second", NOW)
    replace_webhook_secret(integration, None, NOW)
    for secret in ("first", "second", ""):
        assert not webhook_secret_matches(ORG, integration, secret, NOW)


@pytest.mark.parametrize("secret", ["", "x", "\ud800", "ü", "x" * 10_000])
@pytest.mark.usefixtures("app_context")
def test_nothing_matches_where_nothing_is_set(
    integration: OrgGitLabIntegration, secret: str
) -> None:
    assert not webhook_secret_matches(ORG, None, secret, NOW)
    assert not webhook_secret_matches(ORG, integration, secret, NOW)


@pytest.mark.usefixtures("app_context")
def test_a_hash_is_of_no_use_in_another_org() -> None:
    row = SimpleNamespace(
        webhook_secret_hash=hash_webhook_secret(ORG, "secret"),
        previous_webhook_secret_hash=None,
        previous_webhook_secret_until=None,
    )
    assert webhook_secret_matches(ORG, row, "secret", NOW)
    assert not webhook_secret_matches(uuid.uuid4(), row, "secret", NOW)
