"""Each hook that this service creates has its own secret, stored only as a hash."""

import pytest
import requests
from flask import request

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.hook_repair import HookNotAllowed, HookNotRepaired, repair_now
from gitlab_links.health.reconnection import disconnect
from gitlab_links.jobs.functions import clean
from gitlab_links.observations.models import GitLabHookSecret
from tests.conftest import GITLAB_TOKEN
from tests.observations.conftest import check_hook, hooks, repair, retitle, titles


def sent(connected, secret):
    """What the service answers to an event with a secret."""
    headers = {"X-Gitlab-Token": secret}
    return requests.post(connected.webhook_url, json={}, headers=headers).status_code


def test_each_hook_has_a_secret_of_its_own_and_none_ends_another(connected, factory):
    factory.connect(connected.org, webhook_secret="typed-by-an-admin")
    repair(connected)
    (hook,) = hooks(connected)
    first = hook.token

    repair(connected)

    assert hook.token != first
    body = {"object_kind": "issue"}
    for secret, status in {
        hook.token: 202,
        first: 202,  # for events under way
        "typed-by-an-admin": 202,
        "guessed": 403,
        "": 403,
    }.items():
        answer = requests.post(connected.webhook_url, json=body, headers={"X-Gitlab-Token": secret})
        assert answer.status_code == status, secret


def test_the_former_secret_of_a_hook_ends_a_day_after_the_repair(connected, clock):
    repair(connected)
    (hook,) = hooks(connected)
    first = hook.token
    repair(connected)
    clock.advance(25 * 3600)

    answer = requests.post(connected.webhook_url, json={}, headers={"X-Gitlab-Token": first})
    assert answer.status_code == 403
    with connected.app.app_context():
        clean()
        assert len(db.session.scalars(db.select(GitLabHookSecret)).all()) == 1


def test_disconnecting_deletes_the_secrets_of_hooks(connected):
    repair(connected)
    (hook,) = hooks(connected)
    with connected.app.app_context():
        disconnect(connected.admin)
        db.session.commit()

    answer = requests.post(connected.webhook_url, json={}, headers={"X-Gitlab-Token": hook.token})
    assert answer.status_code == 403


def test_a_secret_of_a_hook_is_of_no_use_in_another_org(connected, factory):
    repair(connected)
    (hook,) = hooks(connected)
    other = factory.org()
    factory.integration(other)

    url = connected.webhook_url.replace(str(connected.org.id), str(other.id))
    answer = requests.post(url, json={}, headers={"X-Gitlab-Token": hook.token})
    assert answer.status_code == 403


def test_a_refused_repair_leaves_no_secret_behind(connected, factory):
    connected.watch()
    connected.gitlab.state.faults.answer("status", status=403, route="/hooks")
    with connected.app.app_context():
        with pytest.raises(HookNotAllowed):
            repair_now(connected.admin, connected.project_id)
        assert db.session.scalars(db.select(GitLabHookSecret)).all() == []


def test_the_secret_of_a_webhook_that_was_deleted_in_gitlab_ends(connected, clock):
    """A day after the second check that does not find it."""
    repair(connected)
    (hook,) = hooks(connected)
    connected.gitlab.state.hooks.delete(hook)
    check_hook(connected)
    clock.advance(25 * 3600)
    assert sent(connected, hook.token) == 202, "one check may have been mistaken"
    check_hook(connected)
    clock.advance(25 * 3600)
    assert sent(connected, hook.token) == 403

    repair(connected)
    (hook,) = hooks(connected)
    clock.advance(25 * 3600)
    assert sent(connected, hook.token) == 202


@pytest.mark.parametrize("status", [504, 502, 201])
@pytest.mark.parametrize("before", ["none", "one"])
def test_a_hook_that_gitlab_changed_works_though_its_answer_was_lost(connected, before, status):
    """As when a proxy gives up before GitLab answers, or answers itself."""
    if before == "one":
        repair(connected)

    def lose(response):
        if request.method in {"PUT", "POST"}:
            response.status_code = status
            response.set_data("<html>Gateway Time-out</html>")

    connected.watch()
    connected.gitlab.state.faults.rewrite = lose
    with pytest.raises(HookNotRepaired) as refused:
        repair(connected)
    connected.gitlab.state.faults.clear()

    assert "may not have changed the hook" in refused.value.detail
    (hook,) = hooks(connected)
    retitle(connected, "Leak stopped")
    connected.work()
    assert "Leak stopped" in titles(connected)
    assert connected.watched().last_event_at is not None
    assert hook.alert_status(utcnow()) == "executable"


def test_the_token_in_use_is_in_no_audit_event(connected):
    repair(connected)
    (hook,) = hooks(connected)
    (event,) = connected.audited("hook.created")
    text = str(event)
    assert hook.token not in text
    assert GITLAB_TOKEN not in text
