"""Recognising API keys, and noting that they are used."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.members import change_role
from gitlab_links.accounts.models import ApiKey, Membership
from gitlab_links.accounts.noted_uses import USE_NOTED_EVERY
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from tests.api.callers import program
from tests.factories import Factory
from tests.frozen_clock import FrozenClock


def the_key(app: Flask) -> ApiKey:
    with app.app_context():
        return db.session.scalars(select(ApiKey)).one()


def test_use_is_noted_every_few_minutes(app: Flask, factory: Factory, clock: FrozenClock) -> None:
    caller = program(app, factory.api_key(factory.org()))
    assert the_key(app).last_used_at is None
    caller.get("/api/me")
    first = the_key(app).last_used_at
    assert first == clock.current
    clock.advance((USE_NOTED_EVERY - timedelta(seconds=1)).total_seconds())
    caller.get("/api/me")
    assert the_key(app).last_used_at == first
    clock.advance(2)
    caller.get("/api/me")
    assert the_key(app).last_used_at == clock.current


def test_use_is_noted_also_of_what_is_refused(app: Flask, factory: Factory) -> None:
    org = factory.org()
    caller = program(app, factory.api_key(org, role=Role.CLIENT))
    assert caller.get(f"/api/orgs/{org.id}/members").status_code == 403
    assert the_key(app).last_used_at is not None


def test_a_key_ends_on_the_second(app: Flask, factory: Factory, clock: FrozenClock) -> None:
    secret = factory.api_key(factory.org(), expires_at=utcnow() + timedelta(seconds=10))
    caller = program(app, secret)
    clock.advance(9)
    assert caller.get("/api/me").status_code == 200
    clock.advance(1)
    assert caller.get("/api/me").status_code == 401


def test_a_key_follows_its_owners_role_at_once(app: Flask, factory: Factory) -> None:
    org = factory.org()
    caller = program(app, factory.api_key(org, role=Role.ADMIN))
    path = f"/api/orgs/{org.id}/audit-events"
    assert caller.get(path).status_code == 200
    owner = the_key(app).user_id
    admin = factory.principal(org, Role.ADMIN)
    with app.app_context():
        member = select(Membership.id).where(Membership.user_id == owner)
        change_role(admin, db.session.scalars(member).one(), Role.MEMBER)
        db.session.commit()
    assert caller.get(path).json["code"] == "forbidden"


def test_the_database_knows_no_secret(app: Flask, factory: Factory) -> None:
    secret = factory.api_key(factory.org())
    key = the_key(app)
    kept = "".join(str(getattr(key, column.key)) for column in ApiKey.__table__.columns)
    assert secret not in kept
    assert secret.removeprefix(key.hint) not in kept
    assert len(key.hint) == 12
