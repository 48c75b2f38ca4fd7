"""What changed in many projects, read from GraphQL's answer."""

from typing import Any

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


def statuses(iid: object) -> dict[str, Any]:
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


def failed(answer: dict[str, Any], *paths: object) -> dict[str, Any]:
    errors = [{"message": "Timeout on Project.issues", "path": path} for path in paths]
    return {**answer, "errors": errors}


def two_projects() -> dict[str, object]:
    nodes = [{"id": f"gid://gitlab/Project/{number}", "issues": None} for number in (7, 8)]
    return {"data": {"projects": {"nodes": nodes}}}


def test_of_an_answer_with_errors_what_has_none_is_used() -> None:
    found = read_changes(failed(two_projects(), ["projects", "nodes", 0, "issues"]))
    assert found is not None
    assert list(found) == [8]
    answer = {"data": {**statuses("12")["data"], "a1": {"mergeRequests": None}}}
    read = read_statuses(failed(answer, ["a1", "mergeRequests"]), 2)
    assert read is not None
    assert [list(one) for one in read] == [[12], []]


@pytest.mark.parametrize(
    "paths",
    [
        [["projects", "nodes", 0, "issues"], ["projects", "nodes", 1, "issues"]],
        [["projects"]],
        [["projects", "nodes"], ["projects", "nodes", 0]],
        [None],
        ["projects"],
        [["projects", "nodes", [0]]],
    ],
)
def test_an_error_that_leaves_nothing_to_use_refuses_the_answer(paths: list[object]) -> None:
    assert read_changes(failed(two_projects(), *paths)) is None


@pytest.mark.parametrize("paths", [[["a0"]], [["a0", "mergeRequests"]], [[]], [None], [[{}]]])
def test_an_error_about_all_statuses_refuses_the_answer(paths: list[object]) -> None:
    assert read_statuses(failed(statuses("12"), *paths), 1) is None


@pytest.mark.parametrize("errors", ["no", {"path": ["a0"]}, 7, True])
def test_errors_that_are_no_list_refuse_the_answer(errors: object) -> None:
    assert read_changes({**two_projects(), "errors": errors}) is None
    assert read_statuses({**statuses("12"), "errors": errors}, 1) is None
