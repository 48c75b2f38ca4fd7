"""Failures that pause the whole connection."""

from datetime import UTC, datetime, timedelta

import pytest

from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.sync.pausing import note_failure, note_success

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def integration():
    return OrgGitLabIntegration(failures=0)


def fail(integration, code, **details):
    note_failure(integration, GitLabFailure(code, "in words", **details), NOON)


def pause(integration):
    return (integration.paused_until - NOON).total_seconds()


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(None, 60), (7.0, 7), (0.0, 1), (600.0, 600), (86_400.0, 3600), (1e300, 3600)],
)
def test_a_rate_limit_pauses_for_as_long_as_it_says_within_bounds(
    integration, retry_after, seconds
):
    fail(integration, "rate_limited", retry_after=retry_after)
    assert pause(integration) == seconds
    assert (integration.error_code, integration.error_at) == ("rate_limited", NOON)


@pytest.mark.parametrize("code", ["network_error", "http_500", "http_502", "http_503"])
def test_the_breaker_opens_at_the_third_failure_in_a_row(integration, code):
    fail(integration, code)
    fail(integration, code)
    assert (integration.paused_until, integration.error_code) == (None, None)
    fail(integration, code)
    assert 16 <= pause(integration) <= 20
    assert integration.error_code == code


def test_the_breaker_stays_open_ever_longer_up_to_an_hour(integration):
    for _ in range(30):
        fail(integration, "network_error")
    assert 2880 <= pause(integration) <= 3600


@pytest.mark.parametrize("code", ["auth_error", "http_403", "http_200", "http_302"])
def test_a_refusal_is_retried_at_once_and_then_less_and_less_often(integration, code):
    pauses = []
    for _ in range(25):
        integration.paused_until = None
        fail(integration, code, reason="Your account has been blocked.")
        pauses.append(pause(integration))
    assert 4 <= pauses[0] <= 5
    assert 8 <= pauses[1] <= 10
    assert all(240 <= seconds <= 300 for seconds in pauses[8:19])
    assert all(2880 <= seconds <= 3600 for seconds in pauses[19:])
    assert integration.error_code == code
    assert integration.error_reason == "Your account has been blocked."
    assert integration.token_check_due_at is not None


@pytest.mark.parametrize("code", ["not_found", "http_409", "internal_error"])
def test_a_failure_of_one_project_leaves_the_connection_alone(integration, code):
    for _ in range(5):
        fail(integration, code)
    assert (integration.failures, integration.paused_until) == (0, None)


@pytest.mark.parametrize(
    "code", ["insufficient_scope", "encryption_key_missing", "blocked_address"]
)
def test_a_failure_that_a_person_must_fix_is_stored_at_once(integration, code):
    fail(integration, code)
    assert pause(integration) == 300
    assert integration.error_code == code


def test_the_time_of_an_error_is_that_of_its_first_occurrence(integration):
    fail(integration, "rate_limited")
    note_failure(integration, GitLabFailure("rate_limited", ""), NOON + timedelta(minutes=2))
    assert integration.error_at == NOON


def test_a_shorter_pause_does_not_cut_a_longer_one(integration):
    fail(integration, "rate_limited", retry_after=600.0)
    fail(integration, "rate_limited", retry_after=5.0)
    assert pause(integration) == 600


def test_success_ends_it_all(integration):
    for _ in range(4):
        fail(integration, "network_error")
    note_success(integration, NOON)
    assert (integration.failures, integration.error_code, integration.paused_until) == (
        0,
        None,
        None,
    )
    assert integration.last_synced_at == NOON
