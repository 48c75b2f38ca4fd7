"""Orgs, and the operator's way of setting one up."""

import pytest
from flask import Flask

from gitlab_links.accounts.bootstrap import bootstrap
from gitlab_links.accounts.key_logins import key_login
from gitlab_links.accounts.models import ApiKey, Membership, Org, User
from gitlab_links.accounts.orgs import orgs_page, task_key_for
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.accounts.sessions import log_in
from gitlab_links.errors import Invalid
from gitlab_links.extensions import db
from tests.factories import Factory

PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Acme Corp.", "ACME"),
        ("42 Übung", "UBUNG"),
        ("你好", "TASK"),
        ("x", "TASK"),
        ("Internationalisation", "INTERNATIO"),
    ],
)
def test_a_task_key_is_made_from_the_name(name: str, key: str) -> None:
    assert task_key_for(name) == key


def test_bootstrap_makes_all_there_is_to_begin_with(app: Flask) -> None:
    with app.app_context():
        made = bootstrap("Ada@Example.com", PASSWORD, "Acme Corp")
        db.session.commit()
        login = key_login(made.api_key)
        assert login is not None
        assert (login.principal.role, login.principal.scopes) == (Role.ADMIN, frozenset(Scope))
        assert log_in("ada@example.com", PASSWORD, "203.0.113.1")
        assert [org.name for org in orgs_page(made.user_id)] == ["Acme Corp"]


def test_bootstrap_again_gives_another_key_and_makes_nothing_twice(app: Flask) -> None:
    with app.app_context():
        first = bootstrap("ada@example.com", PASSWORD, "Acme Corp")
        db.session.commit()
        second = bootstrap("ada@example.com", "another good password", "Acme Corp")
        db.session.commit()
        assert (first.org_id, first.user_id) == (second.org_id, second.user_id)
        assert key_login(first.api_key) and key_login(second.api_key)
        counts = [db.session.query(model).count() for model in (Org, User, Membership, ApiKey)]
        assert counts == [1, 1, 1, 2]
        assert log_in("ada@example.com", "another good password", "203.0.113.1")


def test_bootstrap_lifts_a_member_and_joins_a_second_admin(app: Flask, factory: Factory) -> None:
    org = factory.org(name="Acme Corp")
    member = factory.user(email="ada@example.com")
    factory.membership(org, Role.CLIENT, member)
    with app.app_context():
        for email in ("ada@example.com", "bob@example.com"):
            made = bootstrap(email, PASSWORD, "Acme Corp")
            db.session.commit()
            assert made.org_id == org.id
        roles = {row.role for row in db.session.query(Membership).all()}
        assert roles == {"admin"}


def test_bootstrap_refuses_a_weak_password(app: Flask) -> None:
    with app.app_context(), pytest.raises(Invalid):
        bootstrap("ada@example.com", "short", "Acme Corp")
