"""The two probes."""

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from redis import Redis
from sqlalchemy import text

from gitlab_links import __version__, schema_revision
from gitlab_links.app import create_app
from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from gitlab_links.local.services import free_port
from gitlab_links.ops.check_results import Level
from gitlab_links.ops.command import examine
from tests.conftest import MakeApp
from tests.databases import MIGRATIONS, Database


def test_all_is_well(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok", "version": __version__}
    assert client.get("/readyz").json == {"status": "ok", "database": "ok", "redis": "ok"}


def test_without_redis_the_service_is_ready_and_says_so(make_app: MakeApp) -> None:
    client = make_app(redis_url=f"redis://127.0.0.1:{free_port()}/0").test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["redis"]) == (200, "unavailable")


def test_a_redis_whose_memory_is_full_is_shown_and_no_reason_to_stop(
    client: FlaskClient, redis: Redis
) -> None:
    redis.config_set("maxmemory", 1)
    try:
        answer = client.get("/readyz")
        with client.application.app_context():
            (found,) = (one for one in examine() if one.about == "redis")
    finally:
        redis.config_set("maxmemory", 0)
    assert (answer.status_code, answer.json["redis"]) == (200, "takes no writes")
    assert found.level is Level.FAILURE and "takes no writes" in found.message


@pytest.mark.parametrize(
    ("revision", "status", "state"),
    [(None, 503, "not migrated"), ("0001", 503, "not migrated"), ("head", 200, "ok")],
)
def test_the_service_is_ready_once_its_database_is_migrated(
    settings: Settings, empty_database: Database, revision: str | None, status: int, state: str
) -> None:
    app = create_app(replace(settings, database_url=empty_database.url))
    if revision is not None:
        with app.app_context():
            upgrade(directory=MIGRATIONS, revision=revision)
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json["database"]) == (status, state)
    with app.app_context():
        db.engine.dispose()


def test_the_release_before_is_ready_on_the_schema_of_the_next(
    client: FlaskClient, app_context: Flask
) -> None:
    db.session.execute(text("UPDATE alembic_version SET version_num = 'of the next'"))
    assert schema_revision.is_behind(schema_revision.found()) is False
    db.session.rollback()


def test_without_its_database_the_service_lives_and_is_not_ready(settings: Settings) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"
    client = create_app(replace(settings, database_url=url)).test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
    assert (
        client.get("/api/me", headers={"Authorization": "Bearer glk_" + "x" * 43}).json["code"]
        == "unavailable"
    )


@pytest.mark.parametrize("accept", ["text/html", "*/*", "application/json", ""])
def test_probes_speak_json_whatever_is_asked_for(settings: Settings, accept: str) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"
    client = create_app(replace(settings, database_url=url)).test_client()
    for path, status in (("/healthz", 200), ("/readyz", 503)):
        answer = client.get(path, headers={"Accept": accept})
        assert (answer.status_code, answer.is_json) == (status, True)
