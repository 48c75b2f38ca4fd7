"""The ways GitLab writes a moment, and the ways others do not."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.times import clamp_time, parse_date, parse_time, query_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2013-12-03T17:15:43Z", datetime(2013, 12, 3, 17, 15, 43, tzinfo=UTC)),
        ("2026-05-28T05:58:40.456Z", datetime(2026, 5, 28, 5, 58, 40, 456000, tzinfo=UTC)),
        ("2018-09-15 19:08:43 UTC", datetime(2018, 9, 15, 19, 8, 43, tzinfo=UTC)),
        ("2026-05-28T05:58:40.4Z", datetime(2026, 5, 28, 5, 58, 40, 400000, tzinfo=UTC)),
        ("2026-05-28T05:58:40.456789012Z", datetime(2026, 5, 28, 5, 58, 40, 456789, tzinfo=UTC)),
        ("2019-01-01T10:00:00+02:00", datetime(2019, 1, 1, 8, tzinfo=UTC)),
        ("2021-04-28 21:50:00 +0200", datetime(2021, 4, 28, 19, 50, tzinfo=UTC)),
        ("2021-04-28 21:50:00.250 -0530", datetime(2021, 4, 29, 3, 20, 0, 250000, tzinfo=UTC)),
    ],
)
def test_every_form_gitlab_uses_is_read_into_utc(text, moment):
    assert parse_time(text) == moment
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        None,
        1700000000,
        True,
        [],
        {},
        "",
        "now",
        "2021-04-28",
        "2021-04-28T21:50:00",
        "2021-04-28 21:50:00",
        "2021-04-28 21:50:00 CEST",
        "2021-13-28T21:50:00Z",
        "2021-04-31T21:50:00Z",
        "2021-04-28T25:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "٢٠٢١-٠٤-٢٨T21:50:00Z",
        "2021-04-28é21:50:00Z",
        "2021-04-28x21:50:00Z",
        "2021-04-28T21:50:00x-0530",
        "2021-04-28T21:50:00  Z",
        "2021-04-28T21:50Z",
        "2021-04-28T21:50:00.Z",
        "2021-04-28T21:50:00.0000000000Z",
        "2021-04-28T21:50:00+02:00:30",
        "2021-W17-3T21:50:00Z",
        "20210428T215000Z",
        "2021-04-28 21:50:00 2020",
        "2021-04-28T21:50:00z",
        "2021-04-28T21:50:00Z" + "0" * 100,
        "2021-04-28T21:50:00Z\n",
    ],
)
def test_anything_else_is_no_time(text):
    assert parse_time(text) is None


ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(
    min_value=datetime(1000, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=ZONES,
)


@given(MOMENTS)
def test_a_moment_in_any_zone_is_the_same_moment(moment):
    assert parse_time(moment.isoformat()) == moment
    assert parse_time(moment.strftime("%Y-%m-%d %H:%M:%S.%f %z")) == moment


@given(st.text() | st.from_regex(r"[0-9TZ:. +-]{10,30}", fullmatch=True))
def test_no_text_makes_the_parsers_fail(text):
    moment = parse_time(text)
    assert moment is None or moment.utcoffset() == timedelta(0)
    assert parse_date(text) is None or isinstance(parse_date(text), date)


def test_a_date_is_a_day_and_nothing_more():
    assert parse_date("2016-07-22") == date(2016, 7, 22)
    for text in (
        None,
        20160722,
        "2016-07-32",
        "20160722",
        "٢٠١٦-٠٧-٢٢",
        "2016-07-22T00:00:00Z",
        "2016-W29-5",
    ):
        assert parse_date(text) is None


@pytest.mark.usefixtures("far_east")
def test_a_time_in_a_query_is_rounded_down_to_the_millisecond_in_utc():
    east = timezone(timedelta(hours=2))
    assert query_time(datetime(2026, 5, 28, 7, 58, 40, 456999, east)) == "2026-05-28T05:58:40.456Z"
    assert query_time(datetime(2026, 5, 28, tzinfo=UTC)) == "2026-05-28T00:00:00.000Z"


@given(MOMENTS)
def test_a_time_in_a_query_is_read_back_less_what_was_cut(moment):
    sent = parse_time(query_time(clamp_time(moment)))
    assert timedelta(0) <= clamp_time(moment) - sent < timedelta(milliseconds=1)
