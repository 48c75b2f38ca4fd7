"""Draining takes a fixed number of statements a batch, each by an index."""

import json
import uuid

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import BATCH_SIZE
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.jobs.drains import GATHER_SECONDS, drain_slice
from gitlab_links.links.models import GitLabItem
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database


@pytest.fixture
def org(factory):
    org = factory.org()
    factory.integration(org)
    return org


@pytest.fixture
def waiting(app, org, factory, link_many):
    """Stores deliveries, each about a linked item of its own."""
    project = factory.gitlab_project(org, path="acme/app")

    def store(count):
        link_many(org, project, count)
        with app.app_context():
            iids = db.session.scalars(db.select(GitLabItem.iid).order_by(GitLabItem.id.desc()))
            now = utcnow()
            for iid in iids.fetchmany(count):
                body = {
                    "object_kind": "issue",
                    "project": {"id": project.gitlab_id, "path_with_namespace": "acme/app"},
                    "object_attributes": {
                        "iid": iid,
                        "title": "News",
                        "state": "opened",
                        "updated_at": now.isoformat(),
                    },
                }
                db.session.add(
                    GitLabWebhookDelivery(
                        org_id=org.id,
                        dedupe_key=str(uuid.uuid4()),
                        status="received",
                        due_at=now,
                        received_at=now,
                        size_bytes=1,
                        payload_sha256="",
                        headers={"X-Gitlab-Event": "Issue Hook"},
                        payload=json.dumps(body).encode(),
                    )
                )
            db.session.commit()

    return store


def drained(app, org):
    with app.app_context():
        drain_slice(org.id)
        left = db.session.scalar(
            db.select(db.func.count()).where(GitLabWebhookDelivery.status != "processed")
        )
        assert left == 0


def test_a_full_batch_takes_no_more_statements_than_a_small_one(app, org, waiting):
    counts, texts = [], []
    for size in (2, BATCH_SIZE):
        waiting(size)
        with statements(app) as sent:
            drained(app, org)
        counts.append(len(sent))
        texts.append({text for text, _ in sent})
    assert counts[0] == counts[1] <= 25
    # The same statements: none is written, parsed and planned anew for another number of rows.
    assert texts[0] == texts[1]


# PostgreSQL plans by the size of a table, and reads small ones whole.
@pytest.mark.only_on("sqlite")
def test_on_sqlite_no_statement_of_a_drain_reads_a_whole_table(app, org, waiting):
    waiting(20)
    with statements(app) as sent:
        drained(app, org)
    with app.app_context(), db.engine.connect() as connection:
        for statement, parameters in sent:
            if not statement.startswith("SELECT") or "count(*)" in statement:
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            scanned = [row[-1] for row in plan if row[-1].startswith("SCAN gitlab")]
            assert not scanned, statement


def test_a_lone_event_is_processed_without_waiting_for_company(app, org, waiting, monkeypatch):
    waited = []
    monkeypatch.setattr("gitlab_links.jobs.drains.time.sleep", waited.append)
    waiting(1)
    drained(app, org)
    assert waited == []
    waiting(3)
    drained(app, org)
    assert waited == [GATHER_SECONDS]
