"""The rule: whom a merge request waits on, by the fields of the cached item."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.snapshot import Review
from gitlab_links.links.waits import accounts_waited_on, is_approved, waits_of
from gitlab_links.sync.reviews import merged_reviews

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 5, 2, 12, tzinfo=UTC)


def person(username: str) -> dict[str, str]:
    return {"username": username, "name": username.title()}


def review(username: str, state: str, **more: Any) -> dict[str, Any]:
    fact = {"username": username, "state": state, "re_requested": False}
    return {**fact, "since": LATER.isoformat(), **more}


def merge_request(**fields: Any) -> Any:
    """Ann's, to be reviewed by Kim, and not to be merged yet."""
    facts = {
        "type": "merge_request",
        "state": "opened",
        "draft": False,
        "assignees": [],
        "reviewers": [person("Kim")],
        "reviews": None,
        "author": person("ann"),
        "merge_status": "not_approved",
        "pipeline_status": "success",
        "gitlab_created_at": NOON,
        "source_updated_at": LATER,
    }
    return SimpleNamespace(**{**facts, **fields})


def waited(**fields: Any) -> dict[str, str]:
    return {wait.username: wait.reason.value for wait in waits_of(merge_request(**fields))}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"kim": "review"}),
        ({"reviews": [review("kim", "unreviewed")]}, {"kim": "review"}),
        ({"reviews": [review("KIM", "review_started")]}, {"kim": "review"}),
        ({"reviews": [review("kim", "unapproved")]}, {"kim": "review"}),
        ({"reviews": [review("kim", "reviewed")]}, {}),
        ({"reviews": [review("kim", "approved")]}, {}),
        ({"reviews": [review("kim", "commented")]}, {}),
        ({"reviews": [review("kim", "approved", re_requested=True)]}, {"kim": "review"}),
        ({"reviews": [review("kim", "requested_changes")]}, {"ann": "changes_requested"}),
        ({"reviews": [review("gone", "requested_changes")]}, {"kim": "review"}),
        (
            {"merge_status": "requested_changes", "assignees": [person("bo")]},
            {"bo": "changes_requested", "ann": "changes_requested", "kim": "review"},
        ),
        ({"pipeline_status": "failed"}, {"ann": "pipeline_failed", "kim": "review"}),
        ({"merge_status": "mergeable", "reviewers": []}, {"ann": "ready_to_merge"}),
        ({"merge_status": "can_be_merged", "reviewers": []}, {"ann": "ready_to_merge"}),
        (
            {"merge_status": "can_be_merged", "pipeline_status": "running", "reviewers": []},
            {},
        ),
        ({"reviewers": [person("ann")]}, {}),
        ({"draft": True, "merge_status": "mergeable", "pipeline_status": "failed"}, {}),
        (
            {"draft": True, "reviews": [review("kim", "requested_changes")]},
            {"ann": "changes_requested"},
        ),
        ({"state": "merged"}, {}),
        ({"state": None}, {}),
        ({"type": "issue"}, {}),
        ({"author": None, "pipeline_status": "failed", "reviewers": None}, {}),
    ],
)
def test_who_is_waited_on(fields: dict[str, Any], expected: dict[str, str]) -> None:
    assert waited(**fields) == expected


def test_since_when_is_the_best_time_known() -> None:
    [unknown] = waits_of(merge_request())
    [known] = waits_of(merge_request(reviews=[review("kim", "unreviewed")]))
    assert (unknown.since, known.since) == (NOON, LATER)


def test_the_accounts_are_separated_so_that_no_name_is_part_of_another() -> None:
    found = accounts_waited_on(merge_request(reviewers=[person("kim"), person("k")]))
    assert found == "|k|kim|"
    assert accounts_waited_on(merge_request(reviewers=[])) is None


NAMES = st.sampled_from(["ann", "Kim", "bo"])
STATES = st.sampled_from(
    ["unreviewed", "reviewed", "requested_changes", "approved", "unapproved", "commented"]
)
REVIEWS = st.lists(st.builds(Review, NAMES, STATES, st.booleans()), max_size=4)


@given(st.lists(REVIEWS, max_size=4))
def test_reviews_are_one_for_each_account_the_last_of_gitlabs_own(
    bodies: list[list[Review]],
) -> None:
    known: list[dict[str, Any]] = []
    for body in bodies:
        known = merged_reviews(known, body, NOON)
    said = [one for body in bodies for one in body]
    assert [one["username"].lower() for one in known] == sorted(
        {one.username.lower() for one in said}
    )
    for one in known:
        own = [r for r in said if r.username == one["username"] and r.state != "commented"]
        expected = own[-1].state if own else "commented"
        assert one["state"] == expected


@given(REVIEWS)
def test_nobody_who_has_acted_is_waited_on_for_a_review(reviews: list[Review]) -> None:
    stored = merged_reviews([], reviews, NOON)
    everybody = [person("Kim"), person("bo")]
    found = waits_of(merge_request(reviewers=everybody, reviews=stored))
    acted = {
        one["username"].lower()
        for one in stored
        if one["state"] in {"reviewed", "approved", "commented", "requested_changes"}
        and not one["re_requested"]
    }
    assert not acted & {wait.username for wait in found if wait.reason == "review"}


def test_the_same_state_keeps_its_time() -> None:
    first = merged_reviews([], [Review("kim", "unreviewed", False)], NOON)
    again = merged_reviews(first, [Review("kim", "unreviewed", False)], LATER)
    asked = merged_reviews(again, [Review("kim", "unreviewed", True)], LATER)
    times = [one[0]["since"] for one in (first, again, asked)]
    assert times == [NOON.isoformat(), NOON.isoformat(), LATER.isoformat()]


APPROVED = [review("kim", "approved")]


@pytest.mark.parametrize(
    ("fields", "approved"),
    [
        ({}, True),
        ({"reviewers": []}, True),  # by somebody who was not asked
        ({"reviewers": [person("kim"), person("lea")]}, False),
        ({"reviews": None}, False),
        ({"reviews": [review("kim", "approved", re_requested=True)]}, False),
        ({"reviews": [review("kim", "reviewed")]}, False),
        ({"merge_status": "not_approved"}, False),
        ({"merge_status": "requested_changes"}, False),
        ({"draft": True}, False),
        ({"state": "merged"}, False),
        ({"type": "issue"}, False),
    ],
)
def test_approved_is_what_waits_for_no_other_review(fields: Any, approved: bool) -> None:
    facts = {"merge_status": "ci_still_running", "reviews": APPROVED, **fields}
    assert is_approved(merge_request(**facts)) is approved
