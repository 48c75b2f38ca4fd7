"""The GitLab page says what the calls are for, and why a project is read as it is."""

import uuid

import pytest

from gitlab_links.deltas.call_costs import ProjectReading, ReadBy
from gitlab_links.deltas.probing import NOT_SHOWN
from gitlab_links.deltas.trust import Because
from gitlab_links.observations.call_counts import CallKind, calls_since, count_calls
from gitlab_links.pages.connection.call_cost_words import sentences
from tests.sync.conftest import at

PROJECT, PROVEN, MISSED = uuid.uuid4(), Because.PROVEN, Because.MISSED


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (
            ProjectReading(PROJECT, ReadBy.ITEMS, 300, Because.FEW),
            "Each item is fetched every 5 minutes, until GitLab has said what changed. "
            "0 calls for it alone yesterday, 0 today.",
        ),
        (
            ProjectReading(PROJECT, ReadBy.TOGETHER, 264, MISSED, calls_yesterday=1200),
            "What changed is read every 4 minutes, in one call for many projects, because a change "
            "came without an event within a week. 1,200 calls for it alone yesterday, 0 today.",
        ),
        (
            ProjectReading(PROJECT, ReadBy.LIST, 3600, PROVEN, calls_yesterday=1, calls_today=2),
            "What changed is read every hour, by its own list, because its webhook is proven to "
            "arrive. 1 call for it alone yesterday, 2 today.",
        ),
        (
            ProjectReading(PROJECT, ReadBy.ITEMS, 300, PROVEN, "network_error"),
            "GitLab does not say what changed, so each item is fetched every 5 minutes. GitLab "
            "cannot be reached. 0 calls for it alone yesterday, 0 today.",
        ),
        (
            ProjectReading(PROJECT, ReadBy.ITEMS, 300, PROVEN, NOT_SHOWN),
            "GitLab does not say what changed, so each item is fetched every 5 minutes. It does "
            "not show the project to the owner of the access token. "
            "0 calls for it alone yesterday, 0 today.",
        ),
    ],
)
def test_a_project_says_how_it_is_read_why_and_what_it_costs(reading, words):
    assert " ".join(sentences(reading)) == words


def test_calls_are_counted_by_hour_and_purpose(app_context, factory):
    org = factory.org()
    for calls in (2, 0, 3):
        count_calls(org.id, CallKind.LISTS, calls, at(60))
    count_calls(org.id, CallKind.ITEMS, 1, at(3700))
    assert calls_since(org.id, at(0))[CallKind.LISTS] == 5
    assert calls_since(org.id, at(3600)) == {
        **dict.fromkeys(CallKind, 0),
        CallKind.ITEMS: 1,
    }
    assert not any(calls_since(uuid.uuid4(), at(0)).values())
