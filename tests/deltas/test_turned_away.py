"""Webhooks that the service turned away: what changed is read once the database answers."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from gitlab_links.api import webhook as view
from gitlab_links.clock import utcnow
from gitlab_links.deltas import turned_away
from gitlab_links.deltas.intervals import READ_AGAIN
from gitlab_links.deltas.models import BY_TIME, GitLabDeltaMark
from gitlab_links.deltas.trust import ENOUGH_CHANGES
from gitlab_links.deltas.turned_away import note_start, read_again, write_turned_away
from gitlab_links.extensions import db
from gitlab_links.health.report import report_of
from gitlab_links.observations.models import GitLabWebhookTally
from gitlab_links.ops.metric_sources import turned_away_today
from tests.beside import Beside
from tests.deltas.test_deltas import pass_ttl
from tests.deltas.test_trust import next_reading, prove, proven
from tests.factories import unknown_id
from tests.lock_waits import wait_for_somebody_to_wait

__all__ = ["proven"]


def away(*_):
    raise OperationalError("statement", {}, Exception("the server is away"))


@pytest.fixture
def turn_away(app, connected, monkeypatch):
    """Sends a webhook while the database does not answer."""

    def send(org_id=None):
        path = f"/api/orgs/{org_id or connected.org.id}/integrations/gitlab/webhook"
        with monkeypatch.context() as patched:
            patched.setattr(view, "accept", away)
            answer = app.test_client().post(path, json={"object_kind": "issue"})
        assert answer.status_code == 503

    return send


def due_times():
    found = db.session.scalars(
        select(GitLabDeltaMark.due_at).where(GitLabDeltaMark.kind.in_(BY_TIME))
    ).all()
    db.session.rollback()
    return found


@pytest.mark.differs_by_database
def test_what_changed_is_read_soon_after_a_webhook_was_turned_away(
    connected, proven, clock, turn_away
):
    issue, link = proven
    clock.advance(600)
    connected.gitlab.state.items.edit(issue, title="Paper tears", notify=False)
    turn_away()
    assert write_turned_away()
    assert next_reading() == turned_away.LAG
    clock.advance(5)
    connected.fetch()
    assert connected.view(link).title == "Paper tears"
    assert next_reading() > timedelta(minutes=50)


def test_it_is_said_in_the_health_and_counted(connected, proven, clock, turn_away):
    for _ in range(3):
        turn_away()
    assert write_turned_away()
    assert turned_away_today(utcnow()) == 3
    [finding] = [
        one
        for one in report_of(connected.org.id, utcnow()).findings
        if one.code == "webhooks_turned_away"
    ]
    assert "(3 in 7 days, the last on " in finding.summary
    clock.advance(3601)
    codes = [one.code for one in report_of(connected.org.id, utcnow()).findings]
    assert "webhooks_turned_away" not in codes


def test_what_cannot_be_written_waits_for_the_database(connected, proven, turn_away, monkeypatch):
    turn_away()
    with monkeypatch.context() as patched:
        patched.setattr(turned_away, "add_tallies", away)
        assert not write_turned_away()
    turn_away()
    assert write_turned_away()
    assert write_turned_away()  # nothing more
    assert db.session.scalars(select(GitLabWebhookTally.count)).all() == [2]


def test_strangers_do_not_have_changes_read_again_and_again(connected, proven, clock, turn_away):
    readings = []
    for _ in range(30):
        clock.advance(3)
        turn_away()
        write_turned_away()
        if next_reading() <= timedelta():
            connected.gitlab.state.calls.reset()
            connected.fetch()
            readings.append(connected.calls())
    assert readings in ([1, 1], [1, 1, 1])


def test_strangers_who_name_other_orgs_change_nothing_here(
    connected, proven, clock, turn_away, monkeypatch
):
    clock.advance(600)
    turn_away(unknown_id())
    assert write_turned_away()
    assert next_reading() > timedelta(minutes=40)
    assert turned_away_today(utcnow()) == 0
    db.session.rollback()  # SQLite has one writer at a time, and the next webhook is one
    monkeypatch.setattr(turned_away, "MOST_ORGS", 1)
    turn_away(unknown_id())
    turn_away(unknown_id())
    assert write_turned_away()
    assert next_reading() == turned_away.LAG, "among so many it could have been this one"


def test_a_web_process_that_starts_has_the_changes_read(app, connected, proven, clock):
    clock.advance(600)
    note_start(app)
    assert write_turned_away()
    assert next_reading() == turned_away.LAG


def test_projects_that_do_not_rely_on_webhooks_keep_their_turn(connected, clock):
    connected.link(connected.issue(connected.project()))
    connected.fetch()
    before = due_times()
    with db.engine.begin() as connection:
        assert read_again(connection, utcnow(), None) == 0
    assert due_times() == before


def test_what_is_asked_for_during_a_reading_is_not_forgotten(
    app, connected, proven, clock, turn_away
):
    """The reading began before the webhook was turned away, and is recorded afterwards."""
    clock.advance(600)
    turn_away()
    assert write_turned_away()
    clock.advance(5)

    def meanwhile(_answer):
        faults.rewrite = None
        clock.advance(1)
        with app.app_context(), db.engine.begin() as connection:
            asked.append(read_again(connection, utcnow(), [connected.org.id]))

    asked, faults = [], connected.gitlab.state.faults
    faults.rewrite = meanwhile
    connected.fetch()
    assert asked == [1]
    assert next_reading() <= READ_AGAIN


@pytest.mark.only_on("postgresql")  # SQLite has one writer.
def test_marks_are_locked_in_the_order_of_their_ids(app, connected, clock):
    project = connected.project()
    for item in (connected.merge_request(project), connected.issue(project)):
        connected.link(item)
        connected.fetch()
    prove(connected, ENOUGH_CHANGES)
    pass_ttl(connected, clock)
    connected.fetch()
    clock.advance(600)
    marks = select(GitLabDeltaMark.id).where(GitLabDeltaMark.kind.in_(BY_TIME))
    first, *others = db.session.scalars(marks.order_by(GitLabDeltaMark.id)).all()
    # By its kind it is not the first in the index, and after this the last in the table.
    changed = update(GitLabDeltaMark).where(GitLabDeltaMark.id == first)
    db.session.execute(changed.values(due_at=utcnow() + timedelta(minutes=50)))
    db.session.commit()

    db.session.execute(marks.where(GitLabDeltaMark.id == first).with_for_update())
    reading = Beside(app, lambda: read_again(db.session.connection(), utcnow(), None))
    wait_for_somebody_to_wait()
    free = marks.where(GitLabDeltaMark.id.in_(others)).with_for_update(nowait=True)
    assert len(db.session.scalars(free).all()) == 2
    db.session.commit()

    assert reading.end() == []
