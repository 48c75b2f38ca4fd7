"""A PostgreSQL that takes no writes, as a primary that was demoted, is a database that is away."""

import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from gitlab_links.config.settings import Settings
from gitlab_links.extensions import database_breaker, db
from gitlab_links.jobs.workers import database_answers
from tests import postgresql
from tests.factories import Factory

pytestmark = pytest.mark.only_on("postgresql")


@pytest.fixture
def key(factory: Factory) -> dict[str, str]:
    """The header of a key that was not used yet, so that its use is to be noted."""
    return {"Authorization": f"Bearer {factory.api_key(factory.org())}"}


@pytest.fixture
def demoted(app: Flask, key: dict[str, str], settings: Settings) -> Iterator[Flask]:
    """The service, which has connections from when the server still took writes."""
    with app.app_context():
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        with postgresql.demoted(settings.database_url):
            yield app
        database_breaker().found()
        db.engine.dispose()


def test_a_webhook_is_refused_for_now(demoted: Flask, settings: Settings) -> None:
    path = f"/api/orgs/{uuid.uuid4()}/integrations/gitlab/webhook"
    for _ in range(2):  # by the connection from before, and without one
        answer = demoted.test_client().post(path, json={}, headers={"X-Gitlab-Token": "x"})
        assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0


def test_a_read_that_notes_the_use_of_its_key_is_answered(
    demoted: Flask, key: dict[str, str]
) -> None:
    assert demoted.test_client().get("/api/me", headers=key).status_code == 200


def test_the_service_is_not_ready(demoted: Flask) -> None:
    answer = demoted.test_client().get("/readyz")
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]


def test_the_connection_is_dropped_and_no_new_one_is_made(demoted: Flask) -> None:
    with pytest.raises(OperationalError, match="read-only") as refused, db.engine.begin() as one:
        one.execute(text("DELETE FROM orgs WHERE name = :name"), {"name": "canary"})
    assert refused.value.connection_invalidated
    assert "canary" not in str(refused.value)
    with pytest.raises(OperationalError, match="read-only"):
        db.engine.connect()


def test_workers_leave_jobs_to_those_whose_database_takes_writes(demoted: Flask) -> None:
    demoted.test_client().get("/readyz")
    assert not database_answers()


def test_workers_leave_jobs_also_if_they_still_have_a_connection(demoted: Flask) -> None:
    with db.engine.connect():
        demoted.test_client().get("/readyz")  # needs another connection, which is refused
    assert not database_answers()


def test_all_is_well_once_the_server_is_promoted_again(app: Flask, settings: Settings) -> None:
    client = app.test_client()
    with postgresql.demoted(settings.database_url):
        assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").status_code == 200
