"""An org with work of every age, some of it withheld from some, at a time that stands still."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gitlab_links.accounts.models import Org
from gitlab_links.links.models import GitLabItem, GitLabProject
from tests.factories import Factory
from tests.frozen_clock import FrozenClock

WEDNESDAY = datetime(2026, 5, 6, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def org(clock: FrozenClock, factory: Factory) -> Org:
    clock.current = WEDNESDAY
    org = factory.org(task_key="ACME")
    factory.integration(org)
    return org


@pytest.fixture
def project(factory: Factory, org: Org) -> GitLabProject:
    return factory.gitlab_project(org)


def ago(days: float) -> datetime:
    return WEDNESDAY - days * DAY


def request(factory: Factory, project: GitLabProject, opened: float, **values: Any) -> GitLabItem:
    """A merge request that was opened so many days ago, and ``merged`` so many if given."""
    merged = values.pop("merged", None)
    state = {"state": "opened"} if merged is None else {"state": "merged", "merged_at": ago(merged)}
    times = {"gitlab_created_at": ago(opened), "source_updated_at": ago(merged or 0)}
    return factory.gitlab_item(project, **{"type": "merge_request", **state, **times, **values})
