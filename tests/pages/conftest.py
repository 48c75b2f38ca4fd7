"""An org and people who look at its pages."""

from collections.abc import Callable

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from tests.api.callers import Caller, browser
from tests.factories import Factory

As = Callable[..., Caller]


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org(name="Acme Rockets", task_key="ACME")


@pytest.fixture
def acting(app: Flask, factory: Factory, org: Org) -> As:
    """Somebody with a role in the org, at a browser: ``acting(Role.CLIENT)``."""

    def act(role: Role = Role.MEMBER, where: Org | None = None) -> Caller:
        return browser(app, factory.membership(where or org, role).user_id)

    return act


@pytest.fixture
def base(org: Org) -> str:
    """The path that the org's pages are below."""
    return f"/orgs/{org.id}"
