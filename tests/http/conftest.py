"""An application with routes made for the tests of what all routes share."""

import pytest
from flask import Flask, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gitlab_links.accounts.models import Org, User
from gitlab_links.errors import Conflict, RateLimited
from gitlab_links.extensions import db
from gitlab_links.http.access import public, signed_in
from tests.api.callers import Caller, program
from tests.conftest import MakeApp
from tests.factories import Factory


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
def small(make_app: MakeApp) -> Flask:
    """The application with a few routes under /api/t and /t that do one thing each."""
    app = make_app()
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

    @app.get("/api/t/undeclared")
    def undeclared() -> str:
        return "nobody sees this"

    @app.get("/api/t/me")
    @signed_in
    def me() -> str:
        return "somebody"

    return app
