"""A list is read from any address, and its canonical form reads as the same list."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.finding.list_query import (
    FILTERS,
    LinkStateFilter,
    ListOrder,
    ListQuery,
)
from gitlab_links.rollup.needs import Need
from gitlab_links.sought_texts import MAX_LENGTH
from gitlab_links.tasks.models import TaskStatus

NAMES = (*FILTERS, "sort", "page", "nonsense")
VALUES = st.one_of(
    st.text(max_size=MAX_LENGTH + 5),
    st.sampled_from([*Need, *TaskStatus, *LinkStateFilter, *ListOrder, "me", "none"]).map(str),
    st.uuids().map(str),
)
ARGUMENTS = st.dictionaries(st.sampled_from(NAMES), VALUES)


@given(ARGUMENTS, st.booleans())
def test_the_canonical_form_reads_as_the_same_list(
    arguments: dict[str, str], sees_links: bool
) -> None:
    query = ListQuery.read(arguments, sees_links=sees_links)
    assert ListQuery.parse(query.canonical, sees_links=sees_links) == query
    assert ListQuery.parse(query.canonical, sees_links=True) == query
    query.filters(uuid.uuid4())  # every list that is read can be found


@given(st.dictionaries(st.sampled_from(FILTERS), VALUES))
def test_the_order_of_the_arguments_makes_no_other_list(
    arguments: dict[str, str],
) -> None:
    names = sorted(arguments, reverse=True)
    other = {name: arguments[name] for name in names}
    read = [ListQuery.read(one, sees_links=True).canonical for one in (arguments, other)]
    assert read[0] == read[1]


def test_who_sees_no_links_filters_by_none() -> None:
    given_all = {"links": "draft", "type": "issue", "label": "bug", "need": "failing", "q": "x"}
    assert ListQuery.read(given_all, sees_links=False) == ListQuery(q="x")
