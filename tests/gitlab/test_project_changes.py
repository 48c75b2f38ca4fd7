"""What changed in many projects, read from GraphQL's answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.fields import MAX_IID
from gitlab_links.gitlab.project_changes import read_changes, read_statuses

IIDS = st.one_of(
    st.none(),
    st.integers(),
    st.text(),
    st.from_regex(r"[0-9]{1,20}", fullmatch=True),
    st.just("9" * 5_000),  # int() refuses so many digits
    st.just("\u0661\u0662"),  # digits of another script
)


def changes(iid: object) -> object:
    node = {"iid": iid, "updatedAt": "2026-11-30T10:00:00Z"}
    issues = {"nodes": [node], "pageInfo": {"hasNextPage": False}}
    project = {"id": "gid://gitlab/Project/7", "issues": issues}
    return {"data": {"projects": {"nodes": [project]}}}


def statuses(iid: object) -> object:
    return {"data": {"a0": {"mergeRequests": {"nodes": [{"iid": iid, "state": "opened"}]}}}}


@given(IIDS)
def test_an_item_without_a_usable_number_makes_the_list_one_to_read(iid: object) -> None:
    found = read_changes(changes(iid))
    assert found is not None
    times = found[7].issues
    assert times is None or all(0 < one <= MAX_IID for one in times)
    read = read_statuses(statuses(iid), 1)
    assert read is not None
    assert (times is None) == (read == [{}])


@pytest.mark.parametrize(("iid", "known"), [("12", True), ("9" * 5_000, False), ("0", False)])
def test_a_number_counts_up_to_the_largest_that_gitlab_has(iid: str, known: bool) -> None:
    found = read_changes(changes(iid))
    assert found is not None
    assert (found[7].issues is not None) is known
