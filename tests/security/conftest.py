"""An org that is fully set up, with callers of every kind, and an org that is none of theirs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from tests import databases
from tests.databases import Database
from tests.factories import Factory
from tests.postgresql import find_programs

GITLAB = "https://gitlab.example.com"
TOKEN = "glpat-0123456789abcdefghij"
SECRET = "the-secret-token-of-the-tests"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class World:
    """``admin`` is a client whose every request carries an API key of an admin of ``org``."""

    app: Flask
    factory: Factory
    org: Org
    user: User
    key: str

    @property
    def api(self) -> str:
        return f"/api/orgs/{self.org.id}"

    @property
    def webhook(self) -> str:
        return f"{self.api}/integrations/gitlab/webhook"

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def send(self, method: str, path: str, key: str | None = None, **options: Any) -> TestResponse:
        """One request with an API key; ``path`` is below the org's unless it begins with /."""
        headers = {"Authorization": f"Bearer {key or self.key}", **options.pop("headers", {})}
        full = path if path.startswith("/") else f"{self.api}/{path}"
        return self.client().open(full, method=method, headers=headers, **options)

    def configure(self, **fields: str) -> dict[str, Any]:
        """Change the org's GitLab, as an admin does; gives what is so now."""
        answer = self.send("PATCH", "integrations/gitlab", json=fields)
        assert answer.status_code == 200, answer.get_json()
        found: dict[str, Any] = answer.get_json()["gitlab"]
        return found

    def deliver(self, body: bytes, token: str | None = SECRET, **headers: str) -> TestResponse:
        """One webhook request."""
        sent = {"Content-Type": "application/json", "X-Gitlab-Event": "Issue Hook", **headers}
        if token is not None:
            sent["X-Gitlab-Token"] = token
        return self.client().post(self.webhook, data=body, headers=sent)


@pytest.fixture
def world(app: Flask) -> World:
    """A world of this test's own."""
    return make_world(app)


@pytest.fixture(scope="session")
def standing_app(
    request: pytest.FixtureRequest,
    create_database: Callable[[str], Database],
    redis_url: str,
) -> Iterator[Flask]:
    """An application on a database of its own: PostgreSQL, the stricter, where both are wanted."""
    wanted = request.config.getoption("--database")
    sqlite = wanted in ("sqlite", "one") or find_programs() is None
    database = create_database("sqlite" if sqlite else "postgresql")
    databases.migrate(database.url)
    app = databases.make_application(
        Settings(
            secret_key="not a secret but long enough to be one",
            database_url=database.url,
            redis_url=redis_url,
            encryption_keys=(Fernet.generate_key().decode(),),
            public_base_url="http://localhost",
            api_rate_limit=1_000_000,
            log_level="WARNING",
        )
    )
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def standing(standing_app: Flask) -> World:
    """One world for all tests of a module: for requests that are refused and change nothing."""
    databases.empty(standing_app)
    return make_world(standing_app)


def make_world(app: Flask) -> World:
    """Commit it."""
    factory = Factory(app)
    org = factory.org(name="Acme", task_key="ACME")
    user = factory.user(email="admin@example.com")
    factory.membership(org, Role.ADMIN, user)
    factory.connect(org, base_url=GITLAB, token=TOKEN, webhook_secret=SECRET)
    return World(app, factory, org, user, factory.api_key(org, user=user))


def refusal(response: TestResponse) -> tuple[int, str]:
    """Status and code of a refusal, which is a whole problem document and nothing more."""
    assert response.status_code < 500, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json", response.get_data(as_text=True)
    problem = response.get_json()
    assert problem.keys() - {"errors", "former_code"} == {
        "type",
        "title",
        "status",
        "detail",
        "code",
    }
    assert problem["status"] == response.status_code
    assert "Traceback" not in response.get_data(as_text=True)
    return response.status_code, problem["code"]


@pytest.fixture
def person(world: World) -> User:
    """An admin with a password."""
    user = world.factory.user_with_password(PASSWORD, email="ana@example.com")
    world.factory.membership(world.org, Role.ADMIN, user)
    return user
