"""A person is erased: the account goes, and the audit log keeps what happened."""

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import ApiKey, LoginSession, Membership, User
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.extensions import db
from gitlab_links.tasks.models import Task
from tests.api.callers import browser
from tests.factories import Factory
from tests.frozen_clock import FrozenClock
from tests.pages.markup import text_of

pytestmark = pytest.mark.differs_by_database
PASSWORD = "correct horse battery"
PATH = "/account/delete"


@pytest.fixture
def kim(factory: Factory) -> User:
    """Somebody with a password."""
    return factory.user_with_password(PASSWORD, email="kim@example.com", name="Kim Jones")


def test_the_account_goes_and_the_log_stays_without_the_name(
    app: Flask, factory: Factory, kim: User
) -> None:
    org = factory.org()
    admin = browser(app, factory.membership(org, Role.ADMIN).user_id)
    membership = factory.membership(org, Role.MEMBER, kim)
    factory.api_key(org, user=kim)
    own = browser(app, kim.id)
    task = own.post(f"/api/orgs/{org.id}/tasks", json={"title": "By Kim"}).json["task"]
    admin.patch(f"/api/orgs/{org.id}/members/{membership.id}", json={"role": "pm"})
    assert "kim@example.com" in admin.get(f"/orgs/{org.id}/audit").text
    assert own.post(PATH, data={"typed_email": "kim@example.com"}).status_code == 422
    wrong = {"typed_email": "kim@example.com", "current": "wrong"}
    assert own.post(PATH, data=wrong).status_code == 422
    typed = {"typed_email": "other@example.com", "current": PASSWORD}
    assert own.post(PATH, data=typed).status_code == 422
    done = own.post(PATH, data={"typed_email": " Kim@Example.com ", "current": PASSWORD})
    assert done.status_code == 302
    assert own.get("/account").status_code == 302
    with app.app_context():
        for model in (Membership, ApiKey, LoginSession):
            assert db.session.scalars(select(model).filter_by(user_id=kim.id)).all() == []
        assert db.session.get(User, kim.id) is None
        assert db.session.scalars(select(Task.title)).all() == [task["title"]]
        assert len(db.session.scalars(select(AuditEvent)).all()) >= 3
    log = admin.get(f"/orgs/{org.id}/audit")
    assert "Kim" not in log.text.replace("By Kim", "")
    assert "kim@example.com" not in log.text
    assert "Deleted user" in text_of(log)
    assert "Deleted the account of a member" in text_of(log)


def test_without_a_password_the_sign_in_must_be_new(
    app: Flask, factory: Factory, clock: FrozenClock
) -> None:
    user = factory.user(email="ola@example.com")
    typed = {"typed_email": "ola@example.com"}
    stolen = browser(app, user.id)
    clock.advance(11 * 60)
    refused = stolen.post(PATH, data=typed)
    assert (refused.status_code, "sign in again" in text_of(refused)) == (422, True)
    with app.app_context():
        assert db.session.get(User, user.id) is not None
    assert browser(app, user.id).post(PATH, data=typed).status_code == 302
    with app.app_context():
        assert db.session.get(User, user.id) is None


def test_the_last_admin_stays(app: Flask, factory: Factory, kim: User) -> None:
    org = factory.org(name="Only Kim")
    factory.membership(org, Role.ADMIN, kim)
    answer = browser(app, kim.id).post(
        PATH, data={"typed_email": "kim@example.com", "current": PASSWORD}
    )
    assert answer.status_code == 409
    words = "Only Kim has no other admin. First make another member an admin there."
    assert words in text_of(answer)
    erase = ["erase-person", "--email", "kim@example.com", "--name", "Kim Jones"]
    refused = app.test_cli_runner().invoke(args=erase)
    assert (refused.exit_code, words in refused.output) == (1, True)
    with app.app_context():
        assert db.session.get(User, kim.id) is not None


def test_the_operator_erases_a_person_but_no_service_account(
    app: Flask, factory: Factory, kim: User
) -> None:
    org = factory.org(name="Acme")
    factory.membership(org, Role.CLIENT, kim)
    service = factory.service_account(org)
    run = app.test_cli_runner().invoke
    with app.app_context():
        address = db.session.get_one(User, service.id).email
    unknown = run(args=["erase-person", "--email", address])
    assert (unknown.exit_code, "No person has an account with" in unknown.output) == (1, True)
    command = ["erase-person", "--email", "Kim@example.com"]
    asked = run(args=command, input="")
    assert "Kim Jones <kim@example.com>, in Acme (a client)" in asked.output
    assert (asked.exit_code, "confirm with --name" in asked.output) == (1, True)
    wrong = run(args=[*command, "--name", "Kim"])
    assert (wrong.exit_code, "Nothing was deleted" in wrong.output) == (1, True)
    with app.app_context():
        assert db.session.get(User, kim.id) is not None
    done = run(args=command, input="Kim Jones\n")
    assert done.exit_code == 0, done.output
    with app.app_context():
        assert db.session.get(User, kim.id) is None
        last = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
        assert last is not None
        assert (last.action, last.kind.value, last.detail) == (
            "user.erased",
            "operator",
            {"role": "client"},
        )
