"""A webhook costs one INSERT and one word to Redis, and imports no GitLab client."""

import json
import subprocess
import sys
import uuid

import pytest

from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.integrations.webhook_secrets import hash_webhook_secret
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database

SECRET = "the secret of the hook"
BODY = json.dumps(
    {
        "object_kind": "issue",
        "project": {"id": 7, "path_with_namespace": "acme/app"},
        "object_attributes": {"iid": 1, "title": "A title", "updated_at": "2026-01-01T00:00:00Z"},
    }
)


@pytest.fixture
def send(app, factory):
    """Sends one webhook more."""
    org = factory.org()
    with app.app_context():
        digest = hash_webhook_secret(org.id, SECRET)
    factory.integration(org, webhook_secret_hash=digest)
    client = app.test_client()

    def post():
        answer = client.post(
            f"/api/orgs/{org.id}/integrations/gitlab/webhook",
            data=BODY,
            content_type="application/json",
            headers={"X-Gitlab-Token": SECRET, "Idempotency-Key": str(uuid.uuid4())},
        )
        assert answer.status_code == 202

    return post


def test_a_webhook_costs_one_insert(app, send):
    send()
    with statements(app) as sent:
        send()
    assert [statement.split()[0] for statement, _ in sent] == ["INSERT"]


def test_while_a_job_is_rung_for_a_webhook_costs_one_redis_command(send, redis_commands):
    send()
    redis_commands()
    send()
    assert redis_commands() == 1


@pytest.mark.only_on("postgresql")
def test_on_postgresql_no_transaction_is_begun_around_the_one_insert(app):
    with app.app_context(), single_write() as connection:
        connection.execute(db.text("SELECT 1"))
        assert connection.connection.driver_connection.info.transaction_status.name == "IDLE"


@pytest.mark.only_on("postgresql")
def test_connections_that_the_server_closed_are_replaced_unnoticed(send, app):
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    with app.app_context(), db.engine.connect() as killer:
        send()
        killed = killer.exec_driver_sql(
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}"
        )
        assert killed.rowcount >= db.engine.pool.checkedin() > 0
        send()


def test_the_web_process_imports_neither_python_gitlab_nor_requests():
    program = (
        "import sys; from gitlab_links.app import create_app; "
        "from gitlab_links.config.settings import Settings; "
        "create_app(Settings(secret_key='long enough to be one', database_url='sqlite://')); "
        "print(sorted({'gitlab', 'requests', 'rq'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == "[]"
