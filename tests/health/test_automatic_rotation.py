"""The service replaces a token before it ends, however long tokens live, and never in a loop."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.clock import utcnow
from gitlab_links.health.token_life import AHEAD, SHARE, SOON, checked_by, replaced_from
from gitlab_links.health.token_rotation import rotate_now
from gitlab_links.jobs.health_checks import run_checks
from tests.api.callers import browser
from tests.health.test_tokens import check, expire_in, token_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
lives = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=400))


@given(lives)
def test_a_new_token_is_not_due_and_every_token_is_due_before_it_ends(life):
    due_at = replaced_from(NOW, NOW + life)
    assert NOW + life * (1 - 1 / SHARE) - timedelta(seconds=1) <= due_at < NOW + life
    assert NOW + life - due_at <= AHEAD


@given(lives, st.floats(min_value=0, max_value=1))
def test_a_token_is_checked_when_it_is_due_and_again_while_it_works(life, lived):
    now, ends_at = NOW + life * lived, NOW + life
    due_at, by = replaced_from(NOW, ends_at), checked_by(NOW, ends_at, now)
    assert by == due_at if now < due_at else by - now >= SOON
    if ends_at - now > 2 * SOON:
        assert by < ends_at


def test_a_token_whose_beginning_nobody_knows_is_due_a_week_ahead():
    assert replaced_from(None, NOW) == NOW - AHEAD


def rotations(connected):
    return len(connected.audited("integration.token_rotated"))


@pytest.mark.parametrize("allowed", [60, 7, 2])
def test_a_token_that_was_rotated_is_not_rotated_again_at_once(connected, clock, allowed):
    connected.gitlab.state.people.longest_life = timedelta(days=allowed)
    expire_in(connected, 6)
    connected.change(token_auto_rotate=True)
    check(connected)
    assert rotations(connected) == 1

    for _ in range(4):
        clock.advance(11)
        check(connected)
    clock.advance(7 * 3600)
    check(connected)
    assert rotations(connected) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("allowed", "fewest", "most"), [(7, 2, 3), (2, 6, 10)])
def test_a_connection_outlives_its_short_lived_tokens(connected, clock, allowed, fewest, most):
    """Nothing but time passes: the checks are those of the schedule."""
    connected.gitlab.state.people.longest_life = timedelta(days=allowed)
    expire_in(connected, 6)
    connected.change(token_auto_rotate=True)
    check(connected)
    for _ in range(8 * 6):
        clock.advance(4 * 3600)
        connected.watch()
        assert connected.integration().error_code is None
    assert fewest <= rotations(connected) <= most


def test_a_refused_rotation_is_tried_again_after_hours_however_often_the_token_is_checked(
    connected, clock
):
    expire_in(connected, 6)
    connected.change(token_auto_rotate=True)
    connected.gitlab.state.faults.answer("status", status=403, route="rotate", times=None)
    connected.gitlab.state.calls.reset()
    for _ in range(5):
        check(connected)
        clock.advance(61)
    assert connected.gitlab.state.calls.total("rotate") == 1

    clock.advance(6 * 3600)
    check(connected)
    assert connected.gitlab.state.calls.total("rotate") == 2


def test_a_rotation_that_meets_a_429_is_made_after_the_pause(connected, clock):
    expire_in(connected, 6)
    connected.change(token_auto_rotate=True)
    faults = connected.gitlab.state.faults
    faults.answer("status", status=429, retry_after="90", times=None, route="rotate")
    check(connected)
    assert rotations(connected) == 0

    faults.clear()
    clock.advance(91)
    connected.watch()
    assert rotations(connected) == 1


def test_a_token_that_gitlab_refuses_is_not_rotated(connected, clock):
    """As after a rotation whose new token nobody could save."""
    expire_in(connected, 6)
    check(connected)
    connected.change(token_auto_rotate=True)
    token_of(connected).revoked = True
    connected.gitlab.state.calls.reset()
    check(connected)

    assert "auth_error" in connected.codes()
    assert connected.gitlab.state.calls.total("rotate") == 0


@pytest.mark.parametrize("how", ["by hand", "by GitLab"])
def test_a_token_that_was_set_while_its_rotation_waited_is_left_alone(connected, how):
    """Another worker has the org's operations while the rotation waits."""
    expire_in(connected, 6)
    connected.change(token_auto_rotate=True, token_check_due_at=utcnow())
    with connected.app.app_context():
        run_checks(connected.org.id)
        if how == "by hand":
            other = connected.gitlab.state.people.add_token("dana", scopes=["api"]).value
            connected.factory.connect(connected.org, token=other)
        else:
            rotate_now(connected.org.id, connected.admin.actor)
    connected.gitlab.state.calls.reset()
    connected.operate()

    assert connected.gitlab.state.calls.total("rotate") == 0
    page = browser(connected.app, connected.admin.user_id).get(f"/orgs/{connected.org.id}/gitlab")
    assert "somebody had set another token meanwhile" in page.text


def test_a_short_lived_token_is_checked_as_soon_as_it_is_due(connected, clock):
    ends_at = (utcnow() + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    token_of(connected).created_at, token_of(connected).expires_at = utcnow(), ends_at.date()
    check(connected)
    assert connected.integration().token_check_due_at <= replaced_from(
        token_of(connected).created_at, ends_at
    )
