"""Problems of hooks become findings; a project whose events arrive needs no hook."""

from datetime import timedelta

import pytest
import requests

from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.deliveries.replay import replay
from gitlab_links.extensions import db
from gitlab_links.health.messages import remedy, summary
from gitlab_links.observations.hook_states import OUR_EVENTS
from tests.observations.conftest import SIGNING_TOKEN, check_hook, hooks, repair, retitle, titles


def finding_of(connected, code):
    return next(one for one in connected.health().findings if one.code == code)


def disable(connected, failures):
    """Let the hook fail as often as that, as GitLab counts it."""
    (hook,) = hooks(connected)
    connected.gitlab.state.hooks.fail(hook, failures)


@pytest.mark.parametrize(
    ("failures", "code", "words"),
    [
        (4, "hook_temporarily_disabled", "temporarily disabled the webhook"),
        (40, "hook_disabled", "disabled the webhook for good"),
    ],
)
def test_a_disabled_hook_is_reported_and_one_click_repairs_it(connected, failures, code, words):
    repair(connected)
    connected.work()
    disable(connected, failures)
    check_hook(connected)

    finding = finding_of(connected, code)
    assert finding.subject == "ships/engine"
    assert words in summary(finding)
    assert "Repair" in remedy(finding)

    done = repair(connected)

    assert (done.created, done.tested) == (False, True)
    connected.work()
    connected.watch()
    assert connected.codes() == []
    retitle(connected, "Leak stopped")
    connected.work()
    assert "Leak stopped" in titles(connected)


def test_events_that_are_switched_off_are_named(connected):
    repair(connected)
    (hook,) = hooks(connected)
    hook.enabled -= {"merge_requests_events", "note_events"}
    check_hook(connected)

    assert summary(finding_of(connected, "hook_events_missing")) == (
        "ships/engine: the webhook does not send Merge request events and Comments."
    )
    repair(connected)
    connected.watch()
    assert hook.enabled == OUR_EVENTS
    assert connected.watched().hook_state == "ok"


def test_a_hook_without_any_proof_is_reported(connected):
    connected.gitlab.state.hooks.add(
        connected.project, connected.webhook_url, **dict.fromkeys(OUR_EVENTS, True)
    )
    check_hook(connected)

    assert "are rejected" in summary(finding_of(connected, "hook_unproven"))
    assert repair(connected).tested
    connected.watch()
    assert connected.watched().hook_state == "ok"
    assert len(hooks(connected)) == 1


def test_a_hook_with_only_a_secret_is_reported_if_signatures_are_required(connected, factory):
    repair(connected)
    factory.connect(connected.org, signing_token=SIGNING_TOKEN)
    check_hook(connected)
    assert "are rejected" in summary(finding_of(connected, "hook_unproven"))

    assert repair(connected).tested
    connected.watch()
    assert connected.watched().hook_state == "ok"


@pytest.mark.parametrize("which", ["old", "new"])
def test_of_two_hooks_of_ours_the_one_that_works_counts(connected, factory, which):
    """As when somebody adds one by hand beside the one that a repair made."""
    repair(connected)
    factory.connect(connected.org, webhook_secret="typed-by-an-admin")
    state = connected.gitlab.state.hooks
    (old,) = hooks(connected)
    events = dict.fromkeys(OUR_EVENTS, True)
    new = state.add(connected.project, connected.webhook_url, token="typed-by-an-admin", **events)
    broken, works = (old, new) if which == "old" else (new, old)
    state.fail(broken, 40)
    retitle(connected, "Leak stopped")
    connected.work()
    check_hook(connected)

    assert "Leak stopped" in titles(connected)
    assert (connected.watched().hook_state, connected.watched().hook_id) == ("ok", works.id)
    assert "hook_disabled" not in connected.codes()

    state.update(works, issues_events=False)
    check_hook(connected)
    assert connected.watched().hook_state == "events_missing", "still better than a disabled one"


def test_a_deleted_hook_is_reported(connected):
    repair(connected)
    connected.work()
    (hook,) = hooks(connected)
    connected.gitlab.state.hooks.delete(hook)
    check_hook(connected)

    assert summary(finding_of(connected, "hook_missing")) == (
        "ships/engine: there is no webhook that points here."
    )
    check_hook(connected)
    assert connected.watched().hook_state == "missing", "its last event is not another's"
    assert repair(connected).created


def test_a_group_hook_is_recognised_by_its_events(connected, factory):
    factory.connect(connected.org, webhook_secret="of-the-group")
    check_hook(connected)
    assert connected.watched().hook_state == "missing"

    body = {"object_kind": "issue", "project": {"id": connected.project.id}}
    body["object_attributes"] = {"iid": 2}
    answer = requests.post(
        connected.webhook_url,
        json=body,
        headers={"X-Gitlab-Token": "of-the-group", "X-Gitlab-Event": "Issue Hook"},
    )
    assert answer.status_code == 202
    connected.work()
    connected.watch()

    found = connected.watched()
    assert (found.hook_state, found.last_event_via) == ("elsewhere", "project")
    assert connected.codes() == []

    check_hook(connected)
    assert connected.watched().hook_state == "elsewhere", "a check cannot see such a hook"


def test_a_system_hook_is_recognised_by_its_events(connected, factory):
    factory.connect(connected.org, webhook_secret="of-the-instance")
    body = {"object_kind": "issue", "project": {"id": connected.project.id}}
    body["object_attributes"] = {"iid": 2}
    requests.post(
        connected.webhook_url,
        json=body,
        headers={"X-Gitlab-Token": "of-the-instance", "X-Gitlab-Event": "System Hook"},
    )
    connected.work()
    connected.watch()

    assert (connected.watched().hook_state, connected.watched().last_event_via) == (
        "elsewhere",
        "system",
    )


@pytest.mark.slow
@pytest.mark.differs_by_database
def test_an_old_delivery_that_is_replayed_hides_no_newer_event(connected, clock):
    repair(connected)
    connected.work()
    connected.watch()
    with connected.app.app_context():
        oldest = db.session.scalars(
            db.select(GitLabWebhookDelivery.id).order_by(GitLabWebhookDelivery.id)
        ).first()
    clock.advance(8 * 86_400)
    retitle(connected, "Leak stopped")
    connected.work()
    clock.advance(60)
    connected.gitlab.state.items.edit(connected.issues[1], title="Missed", notify=False)
    connected.sweep()
    clock.advance(60)
    retitle(connected, "Leak again")
    connected.work()
    connected.watch()
    assert connected.codes() == ["events_missed"]

    with connected.app.app_context():
        replay(connected.admin, oldest)
        db.session.commit()
    connected.work()
    connected.watch()

    found = connected.watched()
    assert (found.last_event_at, found.last_event_via) == (utcnow(), "project")
    assert connected.codes() == ["events_missed"]


def test_lost_rights_are_noticed_at_the_next_check(connected, factory):
    repair(connected)
    state = connected.gitlab.state
    reader = state.people.add_user("reader")
    state.projects.add_member(connected.project, reader, 40)
    token = state.people.add_token(reader, scopes=["api"]).value
    factory.connect(connected.org, token=token)
    check_hook(connected)
    assert connected.watched().hook_state == "ok"

    state.projects.remove_member(connected.project, reader)
    check_hook(connected)

    found = connected.watched()
    assert (found.hook_state, found.error_code) == ("unreadable", "not_found")


def test_hooks_are_not_checked_during_a_pause(connected):
    connected.change(
        paused_until=utcnow() + timedelta(minutes=5),
        token_check_due_at=utcnow() + timedelta(days=1),
    )
    connected.gitlab.state.calls.reset()
    connected.watch()

    assert connected.gitlab.state.calls.total() == 0
