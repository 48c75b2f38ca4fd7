"""Tables that somebody keeps locked: GitLab is answered in time, and probes at once."""

import sqlite3
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
import requests
from flask import Flask
from sqlalchemy import event, make_url

from gitlab_links.config.settings import Settings
from gitlab_links.extensions import db
from gitlab_links.http import transactions
from gitlab_links.local.processes import start_web
from gitlab_links.local.services import free_port
from gitlab_links.local.supervisor import Supervisor
from tests.factories import Factory
from tests.hanging import HANGS
from tests.patience import within

# gunicorn has eight for pages, and four for webhooks.
MORE_THAN_THREADS = 12
TABLES = ("gitlab_webhook_deliveries", "org_gitlab_integrations", "login_sessions", "api_keys")


@contextmanager
def locked(url: str) -> Iterator[None]:
    """What migrations, backups and people do at worst."""
    if url.startswith("sqlite"):
        with sqlite3.connect(make_url(url).database or "", isolation_level=None) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        return
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def all_wait(sent: list[Future[int]]) -> bool:
    return not any(one.done() for one in sent)


@pytest.mark.processes
def test_webhooks_are_refused_before_gitlab_gives_up_and_probes_answer_at_once(
    app: Flask,
    factory: Factory,
    settings: Settings,
    environment: dict[str, str],
    processes: Supervisor,
) -> None:
    org, port = factory.org(), free_port()
    key = {"Authorization": f"Bearer {factory.api_key(org)}"}
    with app.app_context():
        db.engine.dispose()
    start_web(processes, environment, port)
    base = f"http://127.0.0.1:{port}"
    session = requests.Session()

    def webhook(_: int) -> int:
        path = f"{base}/api/orgs/{org.id}/integrations/gitlab/webhook"
        headers = {"X-Gitlab-Token": "x", "Idempotency-Key": str(uuid.uuid4())}
        return requests.post(path, json={}, headers=headers, timeout=HANGS).status_code

    def page(_: int) -> int:
        return requests.get(f"{base}/api/me", headers=key, timeout=HANGS).status_code

    def pages_wait_longer_than_a_probe() -> bool:
        """Whether all still wait when a probe is answered: on a busy machine not each time."""
        pages = [pool.submit(page, number) for number in range(MORE_THAN_THREADS)]
        time.sleep(0.5)
        assert session.get(f"{base}/healthz", timeout=HANGS).status_code == 200
        still_wait = all_wait(pages)
        for one in pages:
            one.result()
        return still_wait

    with locked(settings.database_url), ThreadPoolExecutor(60) as pool:
        webhooks = [pool.submit(webhook, number) for number in range(MORE_THAN_THREADS)]
        # Who waits for a table or a thread of those who do is not answered before any of them.
        within(HANGS, pages_wait_longer_than_a_probe)
        # Here GitLab has its answers, and the tables are still locked.
        answers = {one.result() for one in webhooks}
        # With all threads for webhooks busy anew, whoever came while they were is answered, too.
        answers |= set(pool.map(webhook, range(MORE_THAN_THREADS)))
    assert answers == {503}
    assert page(0) == 200


def test_a_webhook_that_has_waited_too_long_for_its_thread_is_refused_unread(
    app: Flask, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "seconds_waited", lambda: transactions.BEGIN_SECONDS + 1)
    path = f"/api/orgs/{factory.org().id}/integrations/gitlab/webhook"
    made: list[object] = []
    with app.app_context():
        engine = db.engine
    engine.dispose()
    event.listen(engine, "do_connect", lambda *arguments: made.append(arguments))
    answer = app.test_client().post(path, json={}, headers={"X-Gitlab-Token": "x"})
    # A new connection may take seconds as well, where the server says nothing.
    assert made == []
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.shipped_limits
def test_a_migration_waits_for_locks_as_long_as_it_takes(app: Flask) -> None:
    from gitlab_links.storage import postgresql

    with app.app_context():
        db.engine.dispose()
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "3s"
            connection.rollback()
            postgresql.take_time(connection)
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "0"
            connection.invalidate()
