"""An application with routes made for the tests of what all routes share."""

import uuid

import pytest
from flask import Flask, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gitlab_links.accounts.models import FormerTaskKey, Org, User
from gitlab_links.accounts.sessions import open_session
from gitlab_links.config.settings import Settings
from gitlab_links.errors import Conflict, RateLimited
from gitlab_links.extensions import db
from gitlab_links.http.access import public, signed_in
from gitlab_links.http.logins import end_browser_session, start_browser_session
from tests.api.callers import Caller, program
from tests.databases import make_application
from tests.factories import Factory
from tests.per_dialect import PerDialect


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org(task_key="ACME")


@pytest.fixture
def admin(app: Flask, factory: Factory, org: Org) -> Caller:
    return program(app, factory.api_key(org))


@pytest.fixture
def base(org: Org) -> str:
    return f"/api/orgs/{org.id}"


@pytest.fixture
def small(app: Flask, settings: Settings, per_dialect: PerDialect) -> Flask:
    """The application with a few routes under /api/t and /t that do one thing each.

    ``app`` has emptied the database.
    """
    return per_dialect.once(("with routes of the tests", settings), lambda: _with_routes(settings))


def _with_routes(settings: Settings) -> Flask:
    app = make_application(settings)
    why = "a route of the tests"

    @app.get("/t/<what>")
    @app.get("/api/t/<what>")
    @public(why)
    def fail(what: str) -> ResponseReturnValue:
        raise {
            "conflict": Conflict("At odds.", errors={"field": ["no"]}),
            "limited": RateLimited("Slower.", retry_after=7),
            "database": OperationalError("SELECT secret", {}, Exception("gone")),
            "pool": PoolTimeout("QueuePool limit reached"),
            "bug": ZeroDivisionError("the token is glpat-canary"),
        }[what]

    @app.post("/api/t/users")
    @public(why)
    def add_user() -> ResponseReturnValue:
        db.session.add(User(email=request.args["email"], name="x"))
        db.session.flush()
        return "", int(request.args.get("status", "201"))

    @app.post("/api/t/late")
    @public(why)
    def fail_at_commit() -> ResponseReturnValue:
        for _ in range(2):
            db.session.add(User(email="twice@example.com", name="x"))
        return "", 201

    @app.post("/api/t/orphans")
    @public(why)
    def add_to_nothing() -> ResponseReturnValue:
        db.session.add(FormerTaskKey(org_id=uuid.uuid4(), key="GONE"))
        return "", 201

    @app.get("/t-enter/<uuid:person>")
    @public(why)
    def enter(person: uuid.UUID) -> ResponseReturnValue:
        start_browser_session(open_session(person))
        return "in"

    @app.get("/t-leave")
    @public(why)
    def leave() -> ResponseReturnValue:
        end_browser_session()
        return "out"

    @app.get("/api/t/undeclared")
    def undeclared() -> str:
        return "nobody sees this"

    @app.get("/api/t/me")
    @signed_in
    def me() -> str:
        return "somebody"

    return app
