"""Who the operator is: named by the operator, and by nobody else."""

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.roles import Role
from tests.api.callers import browser, program
from tests.conftest import MakeApp
from tests.factories import Factory

QUEUES = "/ops/rq/"


@pytest.fixture
def named(make_app: MakeApp) -> Flask:
    return make_app(operator_emails=frozenset({"ops@example.com"}))


@pytest.fixture
def operator(factory: Factory, org: Org) -> User:
    """Somebody who may little in the one org they belong to."""
    user = factory.user(email="ops@example.com")
    factory.membership(org, Role.CLIENT, user)
    return user


def test_only_who_is_named_sees_the_queues(
    named: Flask, factory: Factory, org: Org, operator: User
) -> None:
    factory.org()
    assert browser(named, operator.id).get(QUEUES).status_code == 200
    for role in Role:
        other = factory.membership(org, role).user_id
        assert browser(named, other).get(QUEUES).status_code == 403, role


def test_an_admin_of_every_org_is_no_operator_where_one_is_named(
    named: Flask, factory: Factory, org: Org
) -> None:
    admin = factory.membership(org, Role.ADMIN).user_id
    assert browser(named, admin).get(QUEUES).status_code == 403
    assert browser(named, admin).post(f"{QUEUES}job/x/delete").status_code == 403


def test_a_key_of_the_operator_opens_nothing(
    named: Flask, factory: Factory, org: Org, operator: User
) -> None:
    assert program(named, factory.api_key(org, user=operator)).get(QUEUES).status_code == 401


def test_the_menu_offers_the_queues_to_the_operator_alone(
    named: Flask, factory: Factory, org: Org, operator: User
) -> None:
    admin = factory.membership(org, Role.ADMIN).user_id
    path = f"/orgs/{org.id}/tasks"
    assert QUEUES in browser(named, operator.id).get(path).text
    assert QUEUES not in browser(named, admin).get(path).text
