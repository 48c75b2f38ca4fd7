"""An org leaves its GitLab and comes back: the webhooks there have secrets that are deleted."""

import pytest

from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure, disconnect
from gitlab_links.integrations.changes import IntegrationChange
from tests.conftest import GITLAB_TOKEN
from tests.observations.conftest import repair, retitle, titles


@pytest.fixture
def working(connected):
    """A webhook of ours that has brought an event."""
    repair(connected)
    retitle(connected, "Leak stopped")
    connected.work()
    connected.watch()
    assert connected.codes() == []
    assert connected.watched().last_event_at is not None
    return connected


def leave_by_disconnecting(connected):
    disconnect(connected.admin)


def leave_for_another_address(connected):
    away = IntegrationChange(base_url="https://gitlab.example.org", may_forget=True)
    configure(connected.admin, away)


def come_back(connected):
    url, token = connected.gitlab.url, GITLAB_TOKEN
    configure(connected.admin, IntegrationChange(base_url=url, token=token))


@pytest.mark.parametrize("leave", [leave_by_disconnecting, leave_for_another_address])
def test_a_webhook_that_sends_a_deleted_secret_is_named_before_it_sends_an_event(working, leave):
    with working.app.app_context():
        leave(working)
        db.session.commit()
        come_back(working)
        db.session.commit()
    assert working.watched().hook_state == "unknown", "nothing is said before it is checked"

    working.watch()

    assert working.watched().hook_state == "unproven"
    assert working.watched().last_event_at is None
    assert working.codes() == ["hook_unproven"]

    done = repair(working)
    working.watch()
    assert (done.created, done.tested) == (False, True)
    retitle(working, "Leak is back")
    working.work()
    assert "Leak is back" in titles(working)
    assert working.codes() == []


def test_where_a_new_secret_is_set_a_webhook_may_send_it(working):
    with working.app.app_context():
        disconnect(working.admin)
        db.session.commit()
        come_back(working)
        configure(working.admin, IntegrationChange(webhook_secret="known-to-both-from-now-on"))
        db.session.commit()

    working.watch()

    assert working.watched().hook_state == "ok"
