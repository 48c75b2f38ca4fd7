"""What concerns the whole connection pauses it: for how long, and how that ends."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange
from gitlab_links.jobs.health_checks import run_checks
from gitlab_links.links.changes import refresh_links_of_task
from gitlab_links.links.models import GitLabItem
from tests.conftest import GITLAB_TOKEN
from tests.hanging import HANGS
from tests.jobs.misbehaving import DRIP, end_pause, fetch, misbehave

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"status": 500}, "http_500"),
        ({"status": 502}, "http_502"),
        ({"kind": "close"}, "network_error"),
        (DRIP, "network_error"),
    ],
)
def test_trouble_opens_the_breaker_at_the_third_time_and_is_over_with_one_answer(
    connected, bearable, link, fault, code
):
    misbehave(connected, **fault)
    for attempt in range(1, 4):
        connected.make_due()
        run = fetch(connected)
        assert run.seconds < HANGS
        assert connected.view(link).sync.error_code == code
        assert connected.integration().failures == attempt
    integration = connected.integration()
    assert integration.error_code == code
    assert run.comes_before(integration.paused_until, 16, 20)
    assert run.comes_before(connected.view(link).sync.next_sync_at, 16, 20)
    before = connected.calls()
    connected.make_due()
    fetch(connected)
    assert connected.calls() == before  # the breaker is open

    connected.gitlab.state.faults.clear()
    end_pause()
    fetch(connected)
    assert connected.view(link).sync.status == "ok"
    assert (connected.integration().error_code, connected.integration().failures) == (None, 0)


def test_while_the_breaker_is_half_open_one_call_finds_out(connected):
    for number in range(4):
        connected.link(connected.issue(connected.project(f"acme/p{number}")))
    misbehave(connected, status=503)
    fetch(connected)
    assert connected.calls() == 4 + 1  # the last is about the token's account
    assert connected.integration().failures == 4
    end_pause()
    connected.make_due()
    fetch(connected)
    assert connected.calls() == 5 + 2


def test_what_failed_while_gitlab_was_away_is_fetched_at_once_when_it_is_back(connected):
    links = [connected.link(connected.issue(connected.project(f"acme/p{n}"))) for n in range(6)]
    misbehave(connected, status=503)
    for _ in range(3):
        connected.make_due()
        end_pause()
        fetch(connected)
    assert {connected.view(link).sync.error_code for link in links} >= {"http_503"}
    connected.gitlab.state.faults.clear()
    end_pause()
    connected.make_due()
    fetch(connected)
    assert {connected.view(link).sync.status for link in links} == {"ok"}


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(None, 60), ("7", 7), ("0", 1), ("99999", 3600), ("soon", 60), ("date", 90), ("past", 1)],
)
def test_a_rate_limit_pauses_the_whole_connection_for_as_long_as_it_says(
    connected, link, retry_after, seconds
):
    if retry_after in ("date", "past"):
        ahead = 90 if retry_after == "date" else -90
        retry_after = format_datetime(utcnow() + timedelta(seconds=ahead), usegmt=True)
    misbehave(connected, status=429, retry_after=retry_after)
    run = fetch(connected)
    integration = connected.integration()
    assert integration.error_code == "rate_limited"
    given_as_date = retry_after is not None and "GMT" in retry_after
    # A date knows no fractions, and time has passed since it was written.
    least = seconds - 2 - run.seconds if given_as_date else seconds
    assert run.comes_before(integration.paused_until, least, seconds)
    view = connected.view(link)
    assert view.sync.status == "never"  # late, and no error
    assert view.sync.error_code == "rate_limited"
    if seconds > 1:
        assert view.sync.paused_until == integration.paused_until
        before = connected.calls()
        fetch(connected)
        assert connected.calls() == before


def test_after_a_rate_limit_what_was_asked_for_is_still_asked_for(connected, link):
    misbehave(connected, status=429, retry_after="30", times=1)
    fetch(connected)
    assert connected.item(link).refresh_requested_at is not None
    end_pause()
    fetch(connected)
    assert connected.view(link).sync.status == "ok"


def test_one_401_costs_one_more_call_and_nothing_else(connected, link):
    misbehave(connected, status=401, times=1)
    fetch(connected)
    assert connected.view(link).sync.status == "ok"
    assert connected.integration().error_code is None


@pytest.mark.parametrize("seconds", [1, 30, 900, 7200])
def test_a_refused_token_is_tried_again_by_itself_ever_more_seldom(connected, link, clock, seconds):
    """Nobody tells when a deploy is over, or a proxy mended; and nobody has to."""
    misbehave(connected, status=401)
    ends_at, calls = utcnow() + timedelta(seconds=seconds), 0
    while utcnow() < ends_at:
        before = connected.calls()
        fetch(connected)
        assert connected.integration().error_code == "auth_error"
        assert connected.view(link).sync.error_code == "auth_error"
        calls += connected.calls() > before
        clock.advance(5)
    assert calls <= 12 + seconds / 200
    connected.gitlab.state.faults.clear()
    clock.advance(300 if seconds < 3600 else 3600)
    fetch(connected)
    assert connected.view(link).sync.status == "ok"
    assert connected.integration().error_code is None


def test_a_refused_token_is_checked_again_though_no_item_is_due(connected, link, clock):
    fetch(connected)
    misbehave(connected, status=401)
    connected.make_due()
    fetch(connected)
    db.session.execute(
        GitLabItem.__table__.update().values(next_sync_at=utcnow() + timedelta(days=1))
    )
    db.session.commit()
    connected.gitlab.state.faults.clear()
    clock.advance(10)
    run_checks(connected.org.id)
    assert connected.integration().error_code is None


def test_a_refresh_by_hand_tries_at_once(connected, link, clock):
    misbehave(connected, status=401)
    for _ in range(8):
        end_pause()
        fetch(connected)
    assert connected.integration().paused_until > utcnow() + timedelta(minutes=3)
    clock.advance(20)
    connected.gitlab.state.faults.clear()
    refresh_links_of_task(connected.org.id, connected.tasks[link])
    db.session.commit()
    fetch(connected)
    assert connected.view(link).sync.status == "ok"


def test_refreshes_by_hand_make_no_more_than_one_try_in_five_seconds(connected, link, clock):
    misbehave(connected, status=401)
    fetch(connected)
    clock.advance(3)
    before = connected.calls()
    for _ in range(10):
        refresh_links_of_task(connected.org.id, connected.tasks[link])
        db.session.commit()
        fetch(connected)
    assert connected.calls() == before


def test_a_refresh_by_hand_does_not_cut_short_what_gitlab_asked_for(connected, link, clock):
    misbehave(connected, status=429, retry_after="600")
    fetch(connected)
    clock.advance(20)
    before = connected.calls()
    refresh_links_of_task(connected.org.id, connected.tasks[link])
    db.session.commit()
    fetch(connected)
    assert connected.calls() == before


def test_a_new_token_is_tried_at_once(connected, link):
    token = connected.gitlab.state.people.tokens[GITLAB_TOKEN]
    token.revoked = True
    fetch(connected)
    assert connected.integration().error_code == "auth_error"
    token.revoked = False
    configure(connected.principal, IntegrationChange(token=GITLAB_TOKEN))
    db.session.commit()
    fetch(connected)
    assert connected.view(link).sync.status == "ok"
    assert connected.integration().error_code is None


def test_a_token_of_too_small_a_scope_is_shown_and_checked_again_seldom(connected, link):
    connected.gitlab.state.people.tokens[GITLAB_TOKEN].scopes = ["read_user"]
    run = fetch(connected)
    integration = connected.integration()
    assert integration.error_code == "insufficient_scope"
    assert run.comes_before(integration.paused_until, 300, 300)
    assert connected.view(link).sync.error_code == "insufficient_scope"


def test_a_429_to_a_call_beside_the_list_pauses_as_well(connected, link, clock):
    """What the list had is shown, and the question for the project's former path waits."""
    fetch(connected)
    projects = connected.gitlab.state.projects
    projects.rename(projects.get("acme/press"), "acme/renamed")
    connected.make_due()
    misbehave(connected, status=429, retry_after="600", after=1)
    before = connected.calls()
    for _ in range(3):
        fetch(connected)
    assert connected.calls() == before + 2
    assert connected.integration().paused_until == utcnow() + timedelta(seconds=600)
