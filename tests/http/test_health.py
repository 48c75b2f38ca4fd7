"""The two probes."""

from dataclasses import replace

from flask.testing import FlaskClient

from gitlab_links.app import create_app
from gitlab_links.config import Settings
from gitlab_links.demo.services import free_port
from tests.conftest import MakeApp


def test_all_is_well(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok", "database": "ok", "redis": "ok"}


def test_without_redis_the_service_is_ready_and_says_so(make_app: MakeApp) -> None:
    client = make_app(redis_url=f"redis://127.0.0.1:{free_port()}/0").test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["redis"]) == (200, "unavailable")


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
