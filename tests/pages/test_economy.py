"""The GitLab page says what the calls are for, and why a project is read as it is."""

import uuid

import pytest

from gitlab_links.deltas.economy import ProjectReading
from gitlab_links.observations.call_counts import CallKind, calls_since, count_calls
from gitlab_links.pages.economy_words import _sentences
from tests.sync.conftest import at

READ = at(0)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (ProjectReading(False, False, None, None, 0, 0), "Each item is fetched every 5 minutes"),
        (ProjectReading(True, False, None, READ, 1, 0), "read every 4 minutes, together"),
        (ProjectReading(True, True, None, READ, 1, 0), "proven to arrive; checked every 60 min"),
        (ProjectReading(True, False, "http_403", READ, 1, 0), "(http_403), so each item"),
    ],
)
def test_a_project_says_how_it_is_read_and_why(reading, words):
    assert words in " ".join(_sentences(reading, 300, one_by_one=False))


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
