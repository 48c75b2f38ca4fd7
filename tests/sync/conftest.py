"""Rows for planning and fetching, written in bulk if there are many."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from gitlab_links.accounts.models import Org
from gitlab_links.extensions import db
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem, GitLabProject
from tests.factories import Factory

BASE_URL = "https://gitlab.example.com"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org()


@pytest.fixture
def integration(factory: Factory, org: Org) -> OrgGitLabIntegration:
    """A connection that may be used; the token is never decrypted here."""
    return factory.integration(org, base_url=BASE_URL, token_ciphertext="not decrypted here")


@pytest.fixture
def items(app: Flask, factory: Factory) -> Callable[..., list[uuid.UUID]]:
    """Writes many items of a project at once; due at ``next_sync_at``, requested by nobody."""

    def write(project: GitLabProject, iids: Any, type: str = "issue", **values: Any) -> list:
        common = {"next_sync_at": NOON, "refresh_requested_at": None, "type": type, **values}
        owner = {"org_id": project.org_id, "project_id": project.id}
        rows = [{"iid": iid, **owner, **common} for iid in iids]
        with app.app_context():
            statement = insert(GitLabItem).returning(GitLabItem.id)
            # Otherwise None counts as a missing value, and the default is used.
            ids = db.session.scalars(
                statement, rows, execution_options={"render_nulls": True}
            ).all()
            db.session.commit()
        return list(ids)

    return write
