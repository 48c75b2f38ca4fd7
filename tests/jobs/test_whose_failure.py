"""One broken project is charged to itself; the connection's is what no call fares better with."""

from datetime import timedelta

import pytest

from gitlab_links.clock import utcnow
from tests.conftest import GITLAB_TOKEN
from tests.jobs.misbehaving import DRIP, fetch, misbehave

BLOCKED = "Your account has been blocked."
FAULTS = [
    {"status": 500},
    pytest.param({"status": 502}, marks=pytest.mark.slow),
    {"status": 401},
    pytest.param({"status": 403}, marks=pytest.mark.slow),
    pytest.param({"kind": "html"}, marks=pytest.mark.slow),
    {"kind": "close"},
    pytest.param(DRIP, marks=pytest.mark.slow),
    {"kind": "redirect", "location": "http://127.0.0.1:9/users/sign_in"},
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_project_keeps_no_other_waiting(connected, bearable, clock, fault):
    """Its issues are switched off, say; a new link into another project is read at once."""
    broken = connected.project("acme/broken")
    misbehave(connected, project_id=broken.id, **fault)
    bad = connected.link(connected.issue(broken))
    for _ in range(6):
        fetch(connected)
        assert connected.integration().paused_until is None
        assert connected.integration().failures == 0
        clock.advance(30)
    assert connected.view(bad).sync.status == "error"

    good = connected.link(connected.issue(connected.project("acme/healthy")))
    fetch(connected)
    assert connected.view(good).sync.status == "ok"
    assert connected.integration().error_code is None


def test_two_broken_projects_keep_the_third_from_nothing(connected, clock):
    bad = []
    for path in ("acme/one", "acme/two"):
        broken = connected.project(path)
        misbehave(connected, project_id=broken.id, status=500)
        bad.append(connected.link(connected.issue(broken)))
    for _ in range(6):
        fetch(connected)
        clock.advance(30)
    integration = connected.integration()
    assert (integration.error_code, integration.paused_until) == ("http_500", None)

    good = connected.link(connected.issue(connected.project("acme/healthy")))
    fetch(connected)
    assert connected.view(good).sync.status == "ok"
    assert connected.integration().error_code is None
    assert {connected.view(link).sync.error_code for link in bad} == {"http_500"}


@pytest.mark.slow
def test_a_broken_project_is_asked_ever_more_seldom(connected, clock):
    broken = connected.project("acme/broken")
    misbehave(connected, project_id=broken.id, status=500)
    connected.link(connected.issue(broken))
    for _ in range(60):
        fetch(connected)
        clock.advance(60)
    assert connected.calls() <= 2 * 13  # each with one about the account


def block(connected, state="blocked"):
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].user.state = state


def test_an_account_that_is_blocked_is_the_connections_with_gitlabs_reason(connected, clock):
    links = [connected.link(connected.issue(connected.project(f"acme/p{n}"))) for n in range(3)]
    fetch(connected)
    block(connected)
    clock.advance(400)
    fetch(connected)
    integration = connected.integration()
    assert (integration.error_code, integration.error_reason) == ("http_403", BLOCKED)
    assert integration.paused_until <= utcnow() + timedelta(seconds=5)
    assert [connected.item(link).error_code for link in links] == [None] * 3
    assert {connected.view(link).sync.error_code for link in links} == {"http_403"}
    for _ in range(12):
        clock.advance(300)
        fetch(connected)
    assert connected.integration().error_code == "http_403"

    block(connected, "active")
    clock.advance(3600)
    fetch(connected)
    assert {connected.view(link).sync.status for link in links} == {"ok"}
    integration = connected.integration()
    assert (integration.error_code, integration.error_reason) == (None, None)


@pytest.mark.slow
def test_what_failed_by_itself_meanwhile_is_read_at_once_when_the_refusal_ends(connected, clock):
    links = [connected.link(connected.issue(connected.project(f"acme/p{n}"))) for n in range(6)]
    fetch(connected)
    misbehave(connected, status=403, route="/projects")
    connected.make_due()
    for _ in range(10):
        clock.advance(60)
        fetch(connected)
    assert connected.integration().error_code == "http_403"
    connected.gitlab.state.faults.clear()
    clock.advance(3600)
    fetch(connected)
    assert {connected.view(link).sync.status for link in links} == {"ok"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "redirect", "location": "http://127.0.0.1:9/users/sign_in"}, "http_302"),
        ({"kind": "html"}, "http_200"),
        ({"status": 403}, "http_403"),
    ],
)
def test_what_every_call_comes_to_is_the_connections(connected, link, clock, fault, code):
    misbehave(connected, **fault)
    for _ in range(5):
        fetch(connected)
        clock.advance(60)
    assert connected.integration().error_code == code
    assert connected.view(link).sync.error_code == code
    connected.gitlab.state.faults.clear()
    clock.advance(300)
    fetch(connected)
    assert connected.view(link).sync.status == "ok"
    assert connected.integration().error_code is None
