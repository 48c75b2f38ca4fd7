"""Orgs, and the operator's way of setting one up."""

from dataclasses import replace

import pytest
from flask import Flask

from gitlab_links.accounts.bootstrap import AlreadyThere, Consent, bootstrap
from gitlab_links.accounts.key_logins import key_login
from gitlab_links.accounts.models import ApiKey, Membership, Org, User
from gitlab_links.accounts.orgs import orgs_page, task_key_for
from gitlab_links.accounts.roles import Role, Scope
from gitlab_links.accounts.sessions import log_in
from gitlab_links.audit.models import AuditEvent
from gitlab_links.errors import Invalid, NotFound
from gitlab_links.extensions import db
from gitlab_links.storage.database import new_id
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
        login = key_login(made.api_key or "")
        assert login is not None
        assert (login.principal.role, login.principal.scopes) == (Role.ADMIN, frozenset(Scope))
        assert log_in("ada@example.com", PASSWORD, "203.0.113.1")
        assert [org.name for org in orgs_page(made.user_id)] == ["Acme Corp"]


def audited(org_id: object) -> list[tuple[str, dict[str, object]]]:
    rows = db.session.query(AuditEvent).filter_by(org_id=org_id).order_by(AuditEvent.id)
    return [(row.action, row.detail) for row in rows]


def test_bootstrap_again_changes_nothing_and_says_what_there_is(app: Flask) -> None:
    with app.app_context():
        bootstrap("ada@example.com", PASSWORD, "Acme Corp")
        db.session.commit()
        for email, name, said in (
            ("ada@example.com", "Acme Corp", "--reset-password"),
            ("ada@example.com", "Acme Corb", "'Acme Corp'"),
            ("bob@example.com", "Acme Corp", "--org-id"),
        ):
            with pytest.raises(AlreadyThere, match=said):
                bootstrap(email, "another good password", name)
            db.session.rollback()
        counts = [db.session.query(model).count() for model in (Org, User, Membership, ApiKey)]
        assert counts == [1, 1, 1, 1]
        assert log_in("ada@example.com", PASSWORD, "203.0.113.1")


def test_a_password_is_reset_where_the_operator_says_so_and_is_audited_as_that(
    app: Flask,
) -> None:
    with app.app_context():
        first = bootstrap("ada@example.com", PASSWORD, "Acme Corp")
        again = bootstrap(
            "ada@example.com",
            "another good password",
            "Acme Corp",
            consent=Consent(reset_password=True),
        )
        db.session.commit()
        assert (again.org_id, again.user_id, again.api_key) == (first.org_id, first.user_id, None)
        assert audited(first.org_id)[-1] == ("password.reset", {"email": "ada@example.com"})
        assert log_in("ada@example.com", "another good password", "203.0.113.1")


def test_a_second_org_of_a_person_keeps_the_password(app: Flask) -> None:
    with app.app_context():
        bootstrap("ada@example.com", PASSWORD, "Acme Corp")
        made = bootstrap("ada@example.com", None, "Second", consent=Consent(keep_password=True))
        assert made.api_key is not None
        assert [org.name for org in orgs_page(made.user_id)] == ["Acme Corp", "Second"]
        assert log_in("ada@example.com", PASSWORD, "203.0.113.1")


def test_an_existing_org_is_joined_by_its_id_alone(app: Flask, factory: Factory) -> None:
    org = factory.org(name="Acme Corp")
    with app.app_context():
        made = bootstrap("bob@example.com", PASSWORD, None, consent=Consent(org_id=org.id))
        assert (made.org_id, made.api_key) == (org.id, None)
        assert audited(org.id)[-1][0] == "member.added"
        with pytest.raises(NotFound):
            bootstrap("eve@example.com", PASSWORD, None, consent=Consent(org_id=new_id()))


def test_a_member_becomes_admin_only_where_the_operator_says_so(
    app: Flask, factory: Factory
) -> None:
    org = factory.org(name="Acme Corp")
    factory.membership(org, Role.CLIENT, factory.user(email="ada@example.com"))
    with app.app_context():
        known = Consent(org_id=org.id, keep_password=True)
        with pytest.raises(AlreadyThere, match="--promote"):
            bootstrap("ada@example.com", None, None, consent=known)
        made = bootstrap(
            "ada@example.com", None, None, consent=replace(known, promote=True, with_key=True)
        )
        assert key_login(made.api_key or "")
        assert audited(org.id)[0] == (
            "member.changed",
            {"email": "ada@example.com", "role": "admin", "before": "client"},
        )


@pytest.mark.parametrize(
    ("email", "password", "name"),
    [
        ("ada@example.com", "short", "Acme"),
        ("ada", PASSWORD, "Acme"),
        ("a@b.example", PASSWORD, " "),
    ],
    ids=["weak password", "no address", "no name"],
)
def test_bootstrap_refuses(app: Flask, email: str, password: str, name: str) -> None:
    with app.app_context(), pytest.raises(Invalid):
        bootstrap(email, password, name)
