"""An org leaves its GitLab and comes back: the webhooks there have secrets that are deleted."""

import pytest

from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure, disconnect
from gitlab_links.integrations.changes import IntegrationChange
from tests.api.callers import browser
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


def test_no_gitlab_is_given_up_for_an_address_with_something_else(working, receiver):
    before = working.integration()
    admin = browser(working.app, working.admin.user_id)
    elsewhere = receiver.url.partition("/hooks")[0]

    refused = admin.patch(
        f"/api/orgs/{working.org.id}/integrations/gitlab",
        json={"base_url": elsewhere, "token": GITLAB_TOKEN},
    )

    assert (refused.status_code, refused.json["code"]) == (422, "no_gitlab_there")
    assert "Nothing was saved." in refused.json["errors"]["base_url"][0]
    after = working.integration()
    assert (after.base_url, after.token_ciphertext) == (before.base_url, before.token_ciphertext)
    retitle(working, "Still heard")
    working.work()
    assert "Still heard" in titles(working)
