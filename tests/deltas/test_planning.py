"""The cheapest way to learn what changed, as a table."""

import pytest

from gitlab_links.deltas.planning import (
    Source,
    Way,
    choose_first,
    choose_for_group,
    choose_for_outdated,
)

QUIET, LIVELY, BUSY = Source(0), Source(3), Source(450)


@pytest.mark.parametrize(
    ("due", "way"),
    [
        ([QUIET], Way.LIST),
        ([LIVELY], Way.LIST),
        ([QUIET, QUIET], Way.MANY),
        ([QUIET, LIVELY], Way.LIST),
        ([QUIET, QUIET, LIVELY], Way.MANY),
        ([LIVELY] * 3, Way.LIST),
        ([QUIET] * 80, Way.MANY),
        ([BUSY, BUSY], Way.LIST),
        ([BUSY, QUIET, QUIET], Way.MANY),
    ],
)
def test_one_call_for_many_pays_if_enough_projects_are_quiet(due, way):
    assert choose_first(due, answers_many=True) is way


def test_a_gitlab_that_does_not_answer_about_many_is_read_by_lists():
    assert choose_first([QUIET] * 80, answers_many=False) is Way.LIST


@pytest.mark.parametrize(
    ("source", "outdated", "unlinked", "reads_unlinked", "way"),
    [
        (QUIET, 2, 0, True, Way.LIST),
        (QUIET, 2, 5, False, Way.LIST),
        (BUSY, 2, 0, True, Way.ITEMS),
        (BUSY, 2, 400, False, Way.ITEMS),
        (BUSY, 2, 400, True, Way.LIST),
        (QUIET, 2, 400, False, Way.ITEMS),
        (QUIET, 0, 5, True, Way.LIST),
    ],
)
def test_a_busy_project_with_two_linked_items_is_cheaper_by_item(
    source, outdated, unlinked, reads_unlinked, way
):
    chosen = choose_for_outdated(
        source, outdated=outdated, unlinked=unlinked, reads_unlinked=reads_unlinked
    )
    assert chosen is way


@pytest.mark.parametrize(
    ("wanting", "verified", "way"),
    [(1, True, Way.LIST), (2, True, Way.LIST), (3, True, Way.GROUP), (40, False, Way.LIST)],
)
def test_a_group_is_read_for_projects_that_gitlab_has_just_shown(wanting, verified, way):
    assert choose_for_group(wanting, verified=verified) is way
