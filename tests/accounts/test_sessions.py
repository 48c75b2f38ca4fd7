"""Logging in: one answer for every failure, and a brake on guessing."""

import pytest
from flask import Flask

from gitlab_links.accounts.models import LoginSession, User
from gitlab_links.accounts.sessions import (
    TRIES_PER_ACCOUNT,
    TRIES_PER_ADDRESS,
    LoginFailed,
    change_password,
    log_in,
    session_user,
)
from gitlab_links.audit.models import AuditEvent
from gitlab_links.errors import Invalid, RateLimited
from gitlab_links.extensions import db
from gitlab_links.local.services import free_port
from tests.conftest import MakeApp
from tests.factories import Factory
from tests.frozen_clock import FrozenClock

PASSWORD = "correct horse battery"
ADDRESS = "203.0.113.9"


@pytest.fixture
def sam(factory: Factory) -> User:
    return factory.user_with_password(PASSWORD, email="sam@example.com")


@pytest.mark.usefixtures("sam", "app_context")
def test_the_right_password_opens_a_session_of_that_person(sam: User) -> None:
    for email in ("sam@example.com", " Sam@Example.COM "):
        found = session_user(log_in(email, PASSWORD, ADDRESS))
        assert found is not None and found.id == sam.id


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("sam@example.com", "wrong"),
        ("sam@example.com", ""),
        ("sam@example.com", PASSWORD + "x" * 500),
        ("sam@example.com", "\ud800"),
        ("eve@example.com", PASSWORD),
        ("", ""),
        ("sam@example.com\0", PASSWORD),
        ("x" * 5000, PASSWORD),
        ("new@example.com", PASSWORD),
    ],
)
@pytest.mark.usefixtures("sam", "app_context")
def test_every_failure_gets_the_same_answer(factory: Factory, email: str, password: str) -> None:
    if email == "new@example.com":
        factory.user(email=email)  # who has no password yet
    with pytest.raises(LoginFailed) as refusal:
        log_in(email, password, ADDRESS)
    assert str(refusal.value) == "E-mail address or password is wrong."


@pytest.fixture(params=["redis", "no redis"])
def braked(
    request: pytest.FixtureRequest,
    make_app: MakeApp,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Flask:
    """An application in which passwords are compared and not hashed: this is about counting."""
    monkeypatch.setattr(
        "gitlab_links.accounts.sessions.password_matches", lambda given, _kept: given == PASSWORD
    )
    clock.advance(900 - clock.current.timestamp() % 900)
    if request.param == "redis":
        return make_app()
    return make_app(redis_url=f"redis://127.0.0.1:{free_port()}/0")


@pytest.mark.parametrize("email", ["sam@example.com", "nobody@example.com"])
@pytest.mark.usefixtures("sam")
def test_an_account_is_closed_after_so_many_failures_and_opens_again(
    braked: Flask, clock: FrozenClock, email: str
) -> None:
    with braked.app_context():
        for number in range(TRIES_PER_ACCOUNT):
            with pytest.raises(LoginFailed):
                log_in(email, "wrong", f"203.0.113.{number}")
        with pytest.raises(RateLimited) as refusal:
            log_in(email, PASSWORD, ADDRESS)
        assert refusal.value.retry_after is not None
        clock.advance(refusal.value.retry_after)
        if email == "sam@example.com":
            assert log_in(email, PASSWORD, ADDRESS)


@pytest.mark.usefixtures("sam")
def test_an_address_is_closed_after_so_many_failures(braked: Flask) -> None:
    with braked.app_context():
        for number in range(TRIES_PER_ADDRESS):
            with pytest.raises(LoginFailed):
                log_in(f"user{number}@example.com", "wrong", ADDRESS)
        with pytest.raises(RateLimited):
            log_in("sam@example.com", PASSWORD, ADDRESS)
        assert log_in("sam@example.com", PASSWORD, "203.0.113.10")


@pytest.mark.usefixtures("sam")
def test_who_succeeds_is_never_braked(braked: Flask) -> None:
    with braked.app_context():
        for _ in range(TRIES_PER_ACCOUNT * 2):
            log_in("sam@example.com", PASSWORD, ADDRESS)


def test_a_new_password_is_checked_audited_and_ends_sessions(
    app: Flask, factory: Factory, sam: User
) -> None:
    factory.membership(factory.org(), user=sam)
    with app.app_context():
        log_in(sam.email, PASSWORD, ADDRESS)
        for current, new in (
            ("wrong", "a new password"),
            (PASSWORD, "short"),
            (PASSWORD, "x" * 201),
        ):
            with pytest.raises(Invalid):
                change_password(sam.id, current, new)
        assert db.session.query(LoginSession).count() == 1
        change_password(sam.id, PASSWORD, "a new password")
        assert db.session.query(LoginSession).count() == 0
        (event,) = db.session.query(AuditEvent).all()
        assert event.action == "password.changed"
        assert log_in(sam.email, "a new password", ADDRESS)
        with pytest.raises(LoginFailed):
            log_in(sam.email, PASSWORD, ADDRESS)
