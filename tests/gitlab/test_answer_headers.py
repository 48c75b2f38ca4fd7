"""Waits and rate limits in the headers of GitLab's answers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.answer_headers import (
    MAX_RETRY_AFTER_SECONDS,
    read_date,
    read_rate_limit,
    read_retry_after,
)
from gitlab_links.gitlab.answers import RateLimit
from gitlab_links.gitlab.times import EARLIEST, LATEST

NOW = datetime(2026, 5, 28, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 30 ", 30.0),
        ("0", 0.0),
        ("999999999999", MAX_RETRY_AFTER_SECONDS),
        ("Thu, 28 May 2026 06:01:00 GMT", 60.0),
        ("Thu, 28 May 2026 06:01:00 -0000", 60.0),
        ("Thu, 28 May 2026 05:00:00 GMT", 0.0),
        ("Fri, 28 May 2126 05:00:00 GMT", MAX_RETRY_AFTER_SECONDS),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("nan", None),
        ("٣٠", None),
        ("9" * 400, None),
        ("Thu, 99 May 2026 06:01:00 GMT", None),
    ],
)
def test_a_wait_is_read_as_seconds_or_as_a_date(value, seconds):
    assert read_retry_after({"Retry-After": value}, NOW) == seconds


def test_without_the_header_there_is_no_wait():
    assert read_retry_after({}, NOW) is None


@pytest.mark.usefixtures("far_east")
@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Thu, 28 May 2026 06:00:00 GMT", NOW),
        (" Thu, 28 May 2026 06:00:00 -0000 ", NOW),
        ("Thu, 28 May 2026 08:00:00 +0200", NOW),
        ("Mon, 01 Jan 0100 00:00:00 GMT", EARLIEST),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LATEST),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),  # in UTC it has no date
        ("Thu, 99 May 2026 06:00:00 GMT", None),
        ("", None),
        ("now", None),
    ],
)
def test_the_time_of_an_answer_is_read_in_utc(value, moment):
    assert read_date({"Date": value}) == moment
    assert moment is None or read_date({"Date": value}).tzinfo is UTC


def test_an_answer_without_a_date_has_no_time():
    assert read_date({}) is None


@given(st.text())
def test_no_header_makes_the_reader_fail(value):
    seconds = read_retry_after({"Retry-After": value}, NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_SECONDS


def test_the_rate_limit_is_read_as_far_as_gitlab_sends_it():
    headers = {
        "RateLimit-Limit": "2000",
        "RateLimit-Remaining": "1999",
        "RateLimit-Reset": "1780000000",
    }
    reset_at = datetime.fromtimestamp(1780000000, UTC)
    assert read_rate_limit(headers) == RateLimit(2000, 1999, reset_at)
    assert read_rate_limit({"RateLimit-Remaining": "0", "RateLimit-Reset": "x"}) == (
        RateLimit(None, 0, None)
    )
    assert read_rate_limit(headers | {"RateLimit-Reset": "9" * 12}).reset_at is None
    assert read_rate_limit({"RateLimit-Limit": "many"}) is None
    assert read_rate_limit({}) is None
