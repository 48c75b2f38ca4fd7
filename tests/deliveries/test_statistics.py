"""What the GitLab page counts of the deliveries."""

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.claims import claim
from gitlab_links.deliveries.statistics import delivery_stats
from gitlab_links.extensions import db
from tests.gitlab import bodies
from tests.statements import statements


@pytest.mark.differs_by_database
def test_a_delivery_waits_however_old_it_is(receive, org, app_context, clock):
    receive(bodies.issue())
    claim(org.id, utcnow())
    db.session.commit()
    receive(bodies.issue())
    receive({"object_kind": "wiki_page"})  # ignored, so nothing waits
    now = delivery_stats(org.id)
    assert (now.total, now.waiting) == (3, 2)
    clock.advance(2 * 86_400)
    later = delivery_stats(org.id)
    assert (later.total, later.waiting) == (0, 2)


# PostgreSQL plans by the size of a table.
@pytest.mark.only_on("sqlite")
def test_on_sqlite_what_is_finished_is_not_read_to_count_what_waits(app, org, app_context):
    with statements(app) as sent:
        delivery_stats(org.id)
    ((statement, parameters),) = [one for one in sent if one[0].startswith("SELECT")]
    plan = f"EXPLAIN QUERY PLAN {statement}"
    rows = db.session.connection().exec_driver_sql(plan, parameters).all()
    assert "ix_gitlab_webhook_deliveries_due (org_id=? AND due_at>?)" in str(rows)
