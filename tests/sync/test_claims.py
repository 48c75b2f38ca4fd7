"""What an answer says of bodies that nothing has confirmed, and how long they count as unproven:
the functions of the ordering rule, each at its bounds.
"""

from datetime import UTC, datetime, timedelta

from gitlab_links.sync.ordering import (
    BodyVerdict,
    Claim,
    FetchVerdict,
    Known,
    Trust,
    confirms,
    contradicts,
    decide_on_body,
    decide_on_fetched,
    is_same_version,
    missed_a_body,
    unproven_after,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def wrong(rule, cases):
    """The cases that the rule decides differently, with what it says."""
    return [(*given, rule(*given)) for *given, expected in cases if rule(*given) != expected]


def test_a_body_that_is_not_trusted_causes_a_fetch_unless_one_began_since():
    def rule(fetched_at, updated_at):
        return decide_on_body(Known(at(-5), fetched_at, None), updated_at, NOON, trusted=False)

    drop, fetch = BodyVerdict.DROP, BodyVerdict.FETCH
    assert not wrong(
        rule,
        [
            (None, at(-1), fetch),
            (NOON - A_MOMENT, at(-1), fetch),
            (NOON, at(-1), drop),
            (at(1), at(-1), drop),  # newer than what the fetch has read, and dropped nevertheless
            (at(1), at(-9), drop),
            (at(-1), None, fetch),
        ],
    )


def test_what_is_not_proven_stays_so_until_a_proven_body_has_all_of_it():
    def rule(since, trust, changes, complete):
        return unproven_after(since, trust, NOON, changes=changes, complete=complete)

    proven, other = Trust.PROVEN, Trust.UNTIL_CONFIRMED
    assert not wrong(
        rule,
        [
            (at(-9), proven, True, True, None),
            (at(-9), proven, False, True, None),
            (at(-9), proven, True, False, at(-9)),
            (None, proven, True, False, None),
            (None, other, True, True, NOON),
            (None, other, False, True, None),
            (at(-9), other, True, True, at(-9)),  # the first of them counts
            (at(-9), other, False, False, at(-9)),
        ],
    )


def test_an_answer_contradicts_what_was_older_than_a_body_when_no_replica_lags_any_more():
    def rule(source, applied, claim, updated_at):
        return contradicts(Known(source, None, applied, claim), updated_at, started_at=NOON)

    old, young = Claim(at(-10), at(-10)), Claim(at(-10) + A_MOMENT, at(-10))
    assert not wrong(
        rule,
        [
            (at(-10), at(-10), None, at(-60), False),
            (at(-10), at(-10), old, None, False),
            (at(-10), at(-10), old, at(-60), True),
            (at(-10), at(-10), young, at(-60), False),  # a replica may lag
            (at(-10), at(-10), old, at(-11), True),  # a second is not one moment
            (at(-10), at(-10), old, at(-11) + A_MOMENT, False),
            (None, at(-10), old, at(-11), True),
            (at(-60), at(-10), old, at(-11), True),  # the newest body is the oldest
            # Newer bodies came since: as new as the oldest counts from the newest.
            (at(-5), at(-5), old, at(-11), True),
            (at(-5), at(-5), old, at(-10), False),
            (at(-8), at(-10), old, at(-10), True),
            # The clock was set back since: when the newest came is not known.
            (at(-5), None, old, at(-9), True),
        ],
    )


def test_an_answer_as_new_as_the_oldest_body_is_delayed_by_the_newest():
    known = Known(at(-1), None, at(-1), Claim(at(-30), at(-3)))
    assert decide_on_fetched(known, at(-3), started_at=NOON) is FetchVerdict.REPEAT


def test_an_answer_confirms_the_oldest_body_that_it_is_as_new_as():
    def rule(claim, updated_at):
        return confirms(Known(at(-5), None, at(-5), claim), updated_at)

    claim = Claim(at(-9), at(-10))
    assert not wrong(
        rule,
        [
            (None, at(-1), False),
            (None, None, False),
            (claim, None, True),
            (claim, at(-10) - A_MOMENT, False),
            (claim, at(-10), True),
            (claim, at(-1), True),
        ],
    )


def test_an_answer_has_missed_a_newer_body_that_came_after_its_fetch_began():
    def rule(source, applied, updated_at):
        return missed_a_body(Known(source, None, applied), updated_at, started_at=NOON)

    assert not wrong(
        rule,
        [
            (at(1), at(1), at(-1), True),
            (at(1), NOON + A_MOMENT, at(1) - A_MOMENT, True),
            (at(1), at(1), at(1), False),
            (at(1), NOON, at(-1), False),
            (None, at(1), at(-1), False),
            (at(1), None, at(-1), False),
            (at(1), at(1), None, False),
        ],
    )


def test_an_answer_has_the_same_version_within_a_second():
    def rule(source, updated_at):
        return is_same_version(Known(source, None, None), updated_at)

    assert not wrong(
        rule,
        [
            (NOON, NOON, True),
            (NOON, at(1) - A_MOMENT, True),
            (NOON, at(-1) + A_MOMENT, True),
            (NOON, at(1), False),
            (NOON, at(-1), False),
            (None, NOON, False),
            (NOON, None, False),
            (None, None, False),
        ],
    )
