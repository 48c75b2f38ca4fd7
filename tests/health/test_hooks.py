"""One click makes and repairs hooks; what is wrong with one is noticed and told in words."""

import pytest
import requests

from gitlab_links.errors import NotFound
from gitlab_links.extensions import db
from gitlab_links.health.words import remedy, summary
from gitlab_links.hooks.models import GitLabHookSecret
from gitlab_links.hooks.repairs import HookNotAllowed, HookNotRepaired
from gitlab_links.hooks.views import OUR_EVENTS
from gitlab_links.http.hooks import look_now, repair_now
from gitlab_links.integrations.operations import delete_integration
from tests.conftest import GITLAB_TOKEN
from tests.factories import unknown_id

SIGNING_TOKEN = "whsec_VGhpcyBpcyBub3QgYSByZWFsIHNpZ25pbmcga2V5ISE="


def repair(connected):
    with connected.app.app_context():
        return repair_now(connected.admin, connected.project_id)


def hooks(connected):
    return connected.gitlab.state.hooks.of(connected.project)


def watch_hooks(connected):
    with connected.app.app_context():
        look_now(connected.admin, connected.project_id)
    connected.watch()


def told(connected, code):
    return next(one for one in connected.health().findings if one.code == code)


def retitle(connected, title, **how):
    connected.gitlab.state.items.edit(connected.issues[0], title=title, **how)


def titles(connected):
    from gitlab_links.links.models import GitLabItem

    with connected.app.app_context():
        return set(db.session.scalars(db.select(GitLabItem.title)))


def disable(connected, failures):
    """Let the hook fail as often as that, as GitLab counts it."""
    (hook,) = hooks(connected)
    connected.gitlab.state.hooks.fail(hook, failures)


def test_one_click_makes_a_hook_that_works(connected):
    connected.watch()
    assert connected.codes() == ["no_webhooks"]

    done = repair(connected)

    assert (done.created, done.tested) == (True, True)
    (hook,) = hooks(connected)
    assert hook.url == connected.webhook_url
    assert hook.enabled == OUR_EVENTS
    connected.work()
    connected.watch()
    assert connected.watched().hook_state == "ok"
    assert connected.codes() == []
    retitle(connected, "Leak stopped")
    connected.work()
    assert "Leak stopped" in titles(connected)
    assert connected.watched().changes_by_webhook == 1
    assert connected.audited("hook.created")[0]["project"] == "ships/engine"


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
        first: 202,  # for what is under way
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
    from gitlab_links.jobs.functions import clean

    with connected.app.app_context():
        clean()
        assert len(db.session.scalars(db.select(GitLabHookSecret)).all()) == 1


def test_disconnecting_ends_the_secrets_of_hooks(connected):
    repair(connected)
    (hook,) = hooks(connected)
    with connected.app.app_context():
        delete_integration(connected.admin)
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


def test_where_webhooks_are_signed_a_new_hook_signs(connected, factory):
    factory.connect(connected.org, signing_token=SIGNING_TOKEN)

    done = repair(connected)

    assert done.tested, "the test event bore a good signature"
    (hook,) = hooks(connected)
    assert hook.signing_token == SIGNING_TOKEN


@pytest.mark.parametrize(
    ("failures", "code", "words"),
    [
        (4, "hook_temporarily_disabled", "disabled the webhook for a while"),
        (40, "hook_disabled", "disabled the webhook for good"),
    ],
)
def test_a_disabled_hook_is_told_and_one_click_repairs_it(connected, failures, code, words):
    repair(connected)
    connected.work()
    disable(connected, failures)
    watch_hooks(connected)

    finding = told(connected, code)
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


def test_events_that_failed_are_resent_by_the_repair(connected):
    repair(connected)
    (hook,) = hooks(connected)
    right, hook.token = hook.token, "no-longer-right"
    retitle(connected, "Told in vain")
    connected.work()
    assert "Told in vain" not in titles(connected)
    assert right != hook.token

    done = repair(connected)
    connected.work()

    assert done.resent == 1
    assert "Told in vain" in titles(connected)


def test_events_that_are_switched_off_are_named(connected):
    repair(connected)
    (hook,) = hooks(connected)
    hook.enabled -= {"merge_requests_events", "note_events"}
    watch_hooks(connected)

    assert summary(told(connected, "hook_events_missing")) == (
        "ships/engine: the webhook does not send Merge request events and Comments."
    )
    repair(connected)
    connected.watch()
    assert hook.enabled == OUR_EVENTS
    assert connected.watched().hook_state == "ok"


def test_events_somebody_else_wants_of_the_hook_stay_on(connected):
    repair(connected)
    (hook,) = hooks(connected)
    hook.enabled |= {"releases_events"}

    repair(connected)

    assert "releases_events" in hook.enabled


def test_a_hook_without_any_proof_is_told(connected):
    connected.gitlab.state.hooks.add(
        connected.project, connected.webhook_url, **dict.fromkeys(OUR_EVENTS, True)
    )
    watch_hooks(connected)

    assert "are refused" in summary(told(connected, "hook_unproven"))
    assert repair(connected).tested
    connected.watch()
    assert connected.watched().hook_state == "ok"
    assert len(hooks(connected)) == 1


def test_a_hook_with_a_secret_alone_is_told_where_only_signed_events_are_taken(connected, factory):
    repair(connected)
    factory.connect(connected.org, signing_token=SIGNING_TOKEN)
    watch_hooks(connected)
    assert "are refused" in summary(told(connected, "hook_unproven"))

    assert repair(connected).tested
    connected.watch()
    assert connected.watched().hook_state == "ok"


def test_a_hook_that_points_to_where_the_service_was_is_set_right(connected):
    moved = connected.webhook_url.replace("127.0.0.1", "links.example.com")
    connected.gitlab.state.hooks.add(connected.project, moved, token="old")

    assert not repair(connected).created
    (hook,) = hooks(connected)
    assert hook.url == connected.webhook_url


def test_hooks_of_others_are_left_alone(connected):
    strange = connected.gitlab.state.hooks.add(
        connected.project, "http://127.0.0.1:9/api/orgs/other/webhook", token="theirs"
    )

    repair(connected)

    assert strange.token == "theirs"
    assert len(hooks(connected)) == 2


def test_a_hook_that_was_deleted_is_missed(connected):
    repair(connected)
    connected.work()
    (hook,) = hooks(connected)
    connected.gitlab.state.hooks.delete(hook)
    watch_hooks(connected)

    assert summary(told(connected, "hook_missing")) == (
        "ships/engine: there is no webhook that points here."
    )
    watch_hooks(connected)
    assert connected.watched().hook_state == "missing", "its last event is not another's"
    assert repair(connected).created


def test_a_group_hook_is_recognised_by_its_events(connected, factory):
    factory.connect(connected.org, webhook_secret="of-the-group")
    watch_hooks(connected)
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


@pytest.mark.parametrize("scopes", [["read_api"], ["api"]])
def test_without_rights_it_is_said_what_to_do_and_checked_that_it_was_done(
    connected, factory, scopes
):
    state = connected.gitlab.state
    reader = state.people.add_user("reader")
    state.projects.add_member(connected.project, reader, 30)
    token = state.people.add_token(reader, scopes=scopes).value
    factory.connect(connected.org, token=token, webhook_secret="typed-by-an-admin")

    with connected.app.app_context(), pytest.raises(HookNotAllowed) as refused:
        repair_now(connected.admin, connected.project_id)
    assert "maintainer" in refused.value.detail
    assert connected.webhook_url in refused.value.detail
    connected.watch()
    assert connected.watched().hook_state == "unreadable"
    assert connected.codes() == ["no_webhooks"]

    state.hooks.add(
        connected.project,
        connected.webhook_url,
        token="typed-by-an-admin",
        **dict.fromkeys(OUR_EVENTS, True),
    )
    retitle(connected, "Leak stopped")
    connected.work()
    connected.watch()
    assert connected.codes() == [], "an event has come: it was done"


def test_a_refused_repair_leaves_no_secret_behind(connected, factory):
    connected.watch()
    connected.gitlab.state.faults.answer("status", status=403, route="/hooks")
    with connected.app.app_context():
        with pytest.raises(HookNotAllowed):
            repair_now(connected.admin, connected.project_id)
        assert db.session.scalars(db.select(GitLabHookSecret)).all() == []


def test_a_gitlab_in_trouble_is_told_from_missing_rights(connected):
    connected.gitlab.state.faults.answer("status", status=502, route="/hooks")
    with connected.app.app_context(), pytest.raises(HookNotRepaired):
        repair_now(connected.admin, connected.project_id)


def test_a_project_of_another_org_is_not_found(connected, factory):
    from gitlab_links.accounts.roles import Role

    stranger = factory.principal(factory.org(), Role.ADMIN)
    project_id = connected.project_id
    for wanted, who in ((project_id, stranger), (unknown_id(), connected.admin)):
        with connected.app.app_context(), pytest.raises(NotFound):
            repair_now(who, wanted)


def test_lost_rights_are_noticed_at_the_next_look(connected, factory):
    repair(connected)
    state = connected.gitlab.state
    reader = state.people.add_user("reader")
    state.projects.add_member(connected.project, reader, 40)
    token = state.people.add_token(reader, scopes=["api"]).value
    factory.connect(connected.org, token=token)
    watch_hooks(connected)
    assert connected.watched().hook_state == "ok"

    state.projects.remove_member(connected.project, reader)
    watch_hooks(connected)

    found = connected.watched()
    assert (found.hook_state, found.error_code) == ("unreadable", "not_found")


def test_hooks_are_not_looked_at_while_gitlab_wants_a_pause(connected):
    from datetime import timedelta

    from gitlab_links.clock import utcnow

    connected.change(
        paused_until=utcnow() + timedelta(minutes=5),
        token_check_due_at=utcnow() + timedelta(days=1),
    )
    connected.gitlab.state.calls.reset()
    connected.watch()

    assert connected.gitlab.state.calls.total() == 0


def test_the_token_in_use_is_in_no_audit_event(connected):
    repair(connected)
    (hook,) = hooks(connected)
    text = str(connected.audited("hook.created"))
    assert hook.token not in text
    assert GITLAB_TOKEN not in text
