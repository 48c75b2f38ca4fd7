"""One click makes a hook that works, or sets right the one that is there."""

import pytest

from gitlab_links.accounts.roles import Role
from gitlab_links.errors import NotFound
from gitlab_links.health import hook_repair
from gitlab_links.health.hook_check import check_now
from gitlab_links.health.hook_repair import HookNotAllowed, HookNotRepaired, repair_now
from gitlab_links.observations.hook_states import OUR_EVENTS
from tests.factories import unknown_id
from tests.observations.conftest import SIGNING_TOKEN, hooks, repair, retitle, titles


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


def test_where_webhooks_are_signed_a_new_hook_signs(connected, factory):
    factory.connect(connected.org, signing_token=SIGNING_TOKEN)

    done = repair(connected)

    assert done.tested, "the test event bore a good signature"
    (hook,) = hooks(connected)
    assert hook.signing_token == SIGNING_TOKEN


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


def test_events_somebody_else_wants_of_the_hook_stay_on(connected):
    repair(connected)
    (hook,) = hooks(connected)
    hook.enabled |= {"releases_events"}

    repair(connected)

    assert "releases_events" in hook.enabled


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


def test_a_gitlab_in_trouble_is_distinguished_from_missing_rights(connected):
    connected.gitlab.state.faults.answer("status", status=502, route="/hooks")
    with connected.app.app_context(), pytest.raises(HookNotRepaired):
        repair_now(connected.admin, connected.project_id)


def test_a_project_of_another_org_is_not_found(connected, factory):
    stranger = factory.principal(factory.org(), Role.ADMIN)
    project_id = connected.project_id
    for wanted, who in ((project_id, stranger), (unknown_id(), connected.admin)):
        with connected.app.app_context(), pytest.raises(NotFound):
            repair_now(who, wanted)


def test_a_project_of_the_gitlab_before_is_not_found(connected, factory):
    project_id = connected.project_id
    factory.connect(connected.org, base_url="https://gitlab.example.com", token="glpat-there")
    for act in (repair_now, check_now):
        with connected.app.app_context(), pytest.raises(NotFound):
            act(connected.admin, project_id)


def test_where_one_kind_of_event_cannot_be_tested_another_is(connected):
    state = connected.gitlab.state
    state.items.add_merge_request(connected.project, "Seal", author="dana", source_branch="seal")
    state.faults.answer("status", status=422, route="/test")

    assert repair(connected).tested
    assert connected.gitlab.state.calls.total("/test") == 2


def test_a_gitlab_that_cannot_resend_is_repaired_all_the_same(connected):
    repair(connected)
    connected.gitlab.state.faults.answer("status", status=404, route="/events")

    done = repair(connected)

    assert (done.created, done.tested, done.resent) == (False, True, 0)


def test_resending_ends_when_its_time_is_up(connected, monkeypatch):
    repair(connected)
    (hook,) = hooks(connected)
    hook.token = "no-longer-right"
    for number in range(3):
        retitle(connected, f"Told in vain {number}")
    connected.work()
    monkeypatch.setattr(hook_repair, "RESEND_SECONDS", -1.0)

    assert repair(connected).resent == 0


def test_hooks_whose_address_is_none_are_left_alone(connected):
    strange = connected.gitlab.state.hooks.add(connected.project, "http://[", token="theirs")

    assert repair(connected).created
    assert strange.token == "theirs"
