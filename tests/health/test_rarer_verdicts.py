"""The same verdict everywhere, of states that come about by several steps.

Each is made as in ``test_verdicts``: by GitLab's answers, webhooks through the route, the jobs
and what an admin saves.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from cryptography.fernet import Fernet

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.config.setting_values import MEGABYTE
from gitlab_links.deliveries.claims import LEASE, claim
from gitlab_links.deliveries.refusals import flush_refused
from gitlab_links.deliveries.retries import MAX_ATTEMPTS
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.health.hook_repair import repair_now
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.integrations.policy import PolicyChange
from gitlab_links.local.services import free_port
from gitlab_links.observations.hook_states import OUR_EVENTS
from gitlab_links.outgoing.alerts import update_policy
from tests.api.callers import browser
from tests.conftest import GITLAB_TOKEN
from tests.hanging import HANGS
from tests.health.test_unreadable import another_project, one_called, pass_time
from tests.health.test_verdicts import Five, change_without_event, five, the_token

pytestmark = pytest.mark.slow
__all__ = ["five"]

SHARED = "every-maintainer-can-read-it"
SIGNING_TOKEN = "whsec_VGhpcyBpcyBub3QgYSByZWFsIHNpZ25pbmcga2V5ISE="


@pytest.fixture(scope="session")
def second_port():
    return free_port()


@pytest.fixture
def at_another_address(gitlab, second_port, service):
    """The same GitLab, which the service may call there."""
    server = SimulatedGitLab(gitlab.state, port=second_port)
    server._thread.start()
    settings = service.extensions["settings"]
    hosts = [url.partition("://")[2] for url in (gitlab.url, server.url)]
    service.extensions["settings"] = replace(
        settings, gitlab_allowed_hosts=AllowedHosts.parse(hosts)
    )
    yield server.url
    server._server.shutdown()
    server._server.server_close()


def save(connected, **change):
    """What an admin saves on the page."""
    with connected.app.app_context():
        configure(connected.admin, IntegrationChange(**change, may_forget=True))
        db.session.commit()


def send(connected, secret, *, instance=None, **attributes):
    """An event of the first issue, by whoever knows the secret."""
    issue, publisher = connected.issues[0], connected.gitlab.state.publisher
    body = publisher.bodies.item(issue, action="update", by=issue.author, changes={})
    body["object_attributes"] |= {"updated_at": utcnow().isoformat(), **attributes}
    return requests.post(
        connected.webhook_url,
        json=body,
        headers={
            "X-Gitlab-Token": secret,
            "X-Gitlab-Event": "Issue Hook",
            **({"X-Gitlab-Instance": instance} if instance else {}),
        },
        timeout=HANGS,
    ).status_code


def secret_of_the_hook(connected):
    (hook,) = connected.gitlab.state.hooks.of(connected.project)
    return hook.token


def check_the_hook(five):
    path = f"/orgs/{five.connected.org.id}/gitlab/projects/{five.connected.project_id}/hook/check"
    assert five.browser.post(path).status_code == 302


def the_project_answers_500(five, clock):
    five.connected.gitlab.state.faults.answer(
        "status", status=500, times=None, project_id=five.connected.project.id, route="issues"
    )
    pass_time(five.connected, clock)


def the_account_is_blocked(five, clock):
    the_token(five.connected).user.state = "blocked"
    pass_time(five.connected, clock)


def webhooks_come_with_another_secret(five, clock):
    for _ in range(2):
        assert send(five.connected, "mistyped") == 403
    with five.connected.app.app_context():
        flush_refused()


def gitlab_contradicts_a_webhook(five, clock):
    save(five.connected, webhook_secret=SHARED)
    assert send(five.connected, SHARED, title="Forged") == 202
    five.connected.work()
    pass_time(five.connected, clock, 2)


def webhooks_come_from_a_copy(five, clock):
    secret = secret_of_the_hook(five.connected)
    assert send(five.connected, secret, instance="https://staging.example.com") == 202
    five.connected.work()


def a_proxy_decodes_slashes(five, clock):
    connected = five.connected
    connected.gitlab.state.decodes_slashes = True
    another_project(connected)
    with connected.app.app_context():
        repair_now(connected.admin, one_called(connected, "ships/hull").id)
    pass_time(connected, clock, 1)


def deliveries_kill_their_workers(five, clock):
    """Each time a worker dies with the delivery that it has claimed."""
    connected = five.connected
    assert send(connected, secret_of_the_hook(connected)) == 202
    for _ in range(MAX_ATTEMPTS + 1):
        with connected.app.app_context():
            claim(connected.org.id, utcnow())
            db.session.commit()
        clock.advance(LEASE.total_seconds() + 1)


def more_comes_than_may_be_stored(five, clock):
    app = five.connected.app
    app.extensions["settings"] = replace(app.extensions["settings"], webhook_body_quota=MEGABYTE)
    app.extensions.pop("webhook_quota", None)
    for _ in range(4):
        secret = secret_of_the_hook(five.connected)
        assert send(five.connected, secret, description="x" * 400_000) == 202
    five.connected.work()


def the_project_is_hidden(five, clock):
    connected = five.connected
    state = connected.gitlab.state
    sam = state.people.add_user("sam")
    state.projects.add_member(connected.project, sam, 40)
    save(connected, token=state.people.add_token(sam, scopes=["api"]).value)
    pass_time(connected, clock)
    state.projects.remove_member(connected.project, sam)
    pass_time(connected, clock)


def the_hook_does_not_sign(five, clock):
    save(five.connected, signing_token=SIGNING_TOKEN)
    check_the_hook(five)
    five.connected.watch()


def the_hook_fails_for_a_while(five, clock):
    (hook,) = five.connected.gitlab.state.hooks.of(five.connected.project)
    five.connected.gitlab.state.hooks.fail(hook, 4)
    check_the_hook(five)
    five.connected.watch()


def events_of_the_hook_are_switched_off(five, clock):
    (hook,) = five.connected.gitlab.state.hooks.of(five.connected.project)
    hook.enabled -= {"note_events"}
    check_the_hook(five)
    five.connected.watch()


def a_login_page_is_before_gitlab(five, clock):
    five.connected.gitlab.state.faults.answer("html", times=None)
    pass_time(five.connected, clock)


def gitlab_redirects_to_a_login(five, clock):
    five.connected.gitlab.state.faults.answer(
        "redirect", location="http://127.0.0.1:9/sso", times=None
    )
    pass_time(five.connected, clock)


def the_token_ends_tomorrow(five, clock):
    the_token(five.connected).expires_at = (utcnow() + timedelta(days=2)).date()
    clock.advance(86_400)
    five.connected.watch()


def the_token_ends_in_a_month(five, clock):
    the_token(five.connected).expires_at = (utcnow() + timedelta(days=25)).date()
    clock.advance(90_000)
    five.connected.watch()


def no_event_arrives_any_more(five, clock):
    clock.advance(7_200)
    five.connected.gitlab.state.faults.webhooks.drop_every = 1
    change_without_event(five.connected, clock)


def another_project_has_a_hook_that_nobody_can_see(five, clock):
    """A token that reads both, and sees the hooks of one."""
    connected, state = five.connected, five.connected.gitlab.state
    sam = state.people.add_user("sam")
    state.projects.add_member(connected.project, sam, 40)
    save(connected, token=state.people.add_token(sam, scopes=["api"]).value)
    state.projects.add_member(another_project(connected), sam, 20)
    pass_time(connected, clock, 3)


@pytest.mark.parametrize(
    ("come_about", "status", "code"),
    [
        (the_project_answers_500, "red", "project_unreadable"),
        (the_account_is_blocked, "red", "http_403"),
        (webhooks_come_with_another_secret, "amber", "webhooks_refused"),
        (gitlab_contradicts_a_webhook, "amber", "webhook_contradicted"),
        (webhooks_come_from_a_copy, "amber", "webhook_other_instance"),
        (a_proxy_decodes_slashes, "amber", "slashes_decoded"),
        (deliveries_kill_their_workers, "amber", "deliveries_failed"),
        (more_comes_than_may_be_stored, "amber", "webhook_bodies_over_quota"),
        (the_project_is_hidden, "red", "project_hidden"),
        (the_hook_does_not_sign, "red", "hook_unproven"),
        (the_hook_fails_for_a_while, "red", "hook_temporarily_disabled"),
        (events_of_the_hook_are_switched_off, "amber", "hook_events_missing"),
        (another_project_has_a_hook_that_nobody_can_see, "amber", "hook_unreadable"),
        (no_event_arrives_any_more, "red", "changes_only_by_sweep"),
        (a_login_page_is_before_gitlab, "red", "http_200"),
        (gitlab_redirects_to_a_login, "red", "http_302"),
        (the_token_ends_tomorrow, "red", "token_expires_1d"),
        (the_token_ends_in_a_month, "amber", "token_expires_30d"),
    ],
)
def test_page_api_settings_notices_doctor_and_metrics_agree(five, clock, come_about, status, code):
    come_about(five, clock)
    five.agree_on(status, code)


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ((), "encryption_key_missing"),
        (("no key at all",), "encryption_key_invalid"),
        ((Fernet.generate_key().decode(),), "invalid_token_ciphertext"),
    ],
)
def test_the_operator_starts_the_service_without_the_right_key(five, clock, keys, code):
    app = five.connected.app
    app.extensions["settings"] = replace(app.extensions["settings"], encryption_keys=keys)
    five.connected.sweep()
    clock.advance(90_000)
    five.connected.watch()
    five.agree_on("red", code, sent=False)


def test_a_webhook_of_which_nothing_has_come_yet(connected, receiver):
    """An admin has added it in GitLab by hand, and nothing has happened there since."""
    save(connected, webhook_secret=SHARED)
    hooks, events = connected.gitlab.state.hooks, dict.fromkeys(OUR_EVENTS, True)
    hooks.add(connected.project, connected.webhook_url, token=SHARED, **events)
    with connected.app.app_context():
        update_policy(connected.admin, PolicyChange(), receiver.url)
        db.session.commit()
    connected.watch()
    user = connected.factory.membership(connected.org, Role.ADMIN).user_id
    key = connected.factory.api_key(connected.org)
    found = Five(connected, receiver, key, browser(connected.app, user))
    found.agree_on("amber", "no_events")


def test_links_that_lead_to_where_gitlab_was_are_shown_everywhere(five, clock, at_another_address):
    save(five.connected, base_url=at_another_address, token=GITLAB_TOKEN)
    pass_time(five.connected, clock, 2)
    five.agree_on("amber", "links_at_former_address", "no_webhook_secret")


def test_a_hook_that_the_token_may_no_longer_see_goes_on_working(five, clock):
    """Its events come, by a secret of its own: nothing is called not set up."""
    connected, state = five.connected, five.connected.gitlab.state
    reader = state.people.add_user("reader")
    state.projects.add_member(connected.project, reader, 20)
    save(connected, token=state.people.add_token(reader, scopes=["read_api"]).value)
    check_the_hook(five)
    state.items.edit(connected.issues[0], title="Told by its hook")
    pass_time(connected, clock, 2)
    five.agree_on("green")
