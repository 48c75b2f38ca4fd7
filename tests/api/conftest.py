"""An org with an admin's program, for tests of one resource."""

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from tests.api.callers import Caller, program
from tests.factories import Factory


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org(name="Acme Corp", task_key="ACME")


@pytest.fixture
def admin(app: Flask, factory: Factory, org: Org) -> Caller:
    """A program of an admin, with all scopes."""
    return program(app, factory.api_key(org))


@pytest.fixture
def base(org: Org) -> str:
    """The path of the org."""
    return f"/api/orgs/{org.id}"
