"""Single values as GitLab, or somebody's template, may send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.fields import (
    MAX_BRANCH_LENGTH,
    MAX_LABELS,
    MAX_PATH_LENGTH,
    MAX_PEOPLE,
    read_branch,
    read_id,
    read_labels,
    read_merge_status,
    read_milestone,
    read_person,
    read_pipeline_path,
    read_project_path,
    read_reviews,
    read_text,
)
from gitlab_links.gitlab.items import MAX_IID
from gitlab_links.gitlab.snapshot import UNKNOWN, Label, Milestone, Person, Review


@pytest.mark.parametrize("value", [1, MAX_IID, "1", str(MAX_IID)])
def test_an_id_is_a_positive_bigint(value):
    assert read_id(value) == int(value)


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        MAX_IID + 1,
        10**30,
        1.5,
        True,
        None,
        "",
        "01",
        "+1",
        "1 ",
        "١",
        "1١",
        "9" * 5_000,
        [],
        {},
    ],
)
def test_anything_else_is_no_id(value):
    assert read_id(value) is None


@pytest.mark.parametrize(
    "path",
    ["a/b", "a/b/c", "1/2", ".x/_y", "A-b.c/d_e", "a.git/b", "a/" + "b" * (MAX_PATH_LENGTH - 2)],
)
def test_a_project_path_is_unchanged(path):
    assert read_project_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("a", "", "/a/b", "a/b/", "a//b", "../b", "a/..", "a/./b", "a/-b", "a b/c", "a/b\n"),
        *("a/b\x00", "é/b", "a/%2e", "a/" + "b" * (MAX_PATH_LENGTH - 1), None, 7, ["a/b"]),
    ],
)
def test_what_is_no_project_path_is_none(path):
    assert read_project_path(path) is None


def test_a_branch_is_unchanged_or_none():
    for name in ("b", "feature/ACME-12 ü", "b" * MAX_BRANCH_LENGTH):
        assert read_branch(name) == name
    for name in ("", "a\nb", "b" * (MAX_BRANCH_LENGTH + 1), None, 7, ["main"]):
        assert read_branch(name) is None


def test_the_bounds_on_the_path_of_a_pipeline_are_exact():
    end = "/g/-/pipelines/47"
    path = "/" + "p" * (MAX_PATH_LENGTH - len(end) - 1) + end
    host = "https://" + "h" * (MAX_PATH_LENGTH - 8)
    assert read_pipeline_path(path) == path
    assert read_pipeline_path(host + path) == path
    assert read_pipeline_path(path.replace("p", "pp", 1)) is None
    assert read_pipeline_path(host + "h" + path) is None


@given(st.text(), st.integers(1, 300))
def test_text_is_one_printable_line_within_its_limit(value, limit):
    line = read_text(value, limit)
    if line is not None:
        assert 0 < len(line) <= limit
        assert not set(line) & set("\0\n\r\t\x7f\x85\u2028\u202e\u2066")
        line.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("abcde", "abcde"),
        ("abcdef", "abcd…"),
        ("abcde\u202ef", "abcd…"),
        ("\u202eabcdef", "abcd…"),
        ("ab\n\n\nc", "ab…"),
        ("a\n\n\nb", "a b"),
        (" \n ", None),
        ("\n" * 300, None),
    ],
)
def test_cut_text_ends_with_an_ellipsis(value, line):
    assert read_text(value, 5) == line


def test_line_breaks_and_direction_overrides_are_removed():
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029):
        assert read_text(f"a{chr(code)}b", 9) == "a b"
    for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A)):
        assert read_text(f"a{chr(code)}b", 9) == "ab"
    for code in (0xD800, 0xDBFF, 0xDC00, 0xDFFF):
        assert read_text(f"a{chr(code)}b", 9) == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("text", ["a\xa0b", "👩\u200d💻", "می\u200cخواهم", "\u200fא", "\ue000"])
def test_joiners_and_marks_that_scripts_need_stay(text):
    assert read_text(text, 9) == text


def test_a_person_needs_a_user_name():
    assert read_person({"username": "rae"}) == Person("rae", "rae")
    assert read_person({"username": "a" * 255}) == Person("a" * 255, "a" * 255)
    assert read_person({"username": "rae", "name": "a" * 256}).name == "a" * 254 + "…"
    for value in (None, "rae", 7, [], {"name": "Rae"}, {"username": 7}, {"username": "\n"}):
        assert read_person(value) is None


def test_a_review_is_of_a_reviewer_with_a_state():
    rae = {"username": "rae", "state": "reviewed"}
    again = rae | {"re_requested": True}
    listed = [rae, {"username": "kim"}, {"state": "reviewed"}, again, rae | {"re_requested": "1"}]
    once, asked = Review("rae", "reviewed", False), Review("rae", "reviewed", True)
    assert read_reviews([None, 7, *listed]) == (once, asked, once)
    assert len(read_reviews([rae] * (MAX_PEOPLE + 1))) == MAX_PEOPLE


def test_a_milestone_without_a_title_shows_its_number():
    assert read_milestone({"id": 3, "title": "v1"}) == Milestone(3, "v1")
    assert read_milestone({"id": 3, "iid": 2}) == Milestone(3, "%2")
    assert read_milestone({"title": "v1"}) is None


def test_a_merge_status_is_the_detailed_one_if_gitlab_sends_it():
    assert read_merge_status({"detailed_merge_status": "a", "merge_status": "b"}) == "a"
    assert read_merge_status({"detailed_merge_status": None, "merge_status": "b"}) == "b"
    assert read_merge_status({}) is UNKNOWN


def test_labels_are_bounded_in_number():
    assert len(read_labels([{"title": str(n)} for n in range(5_000)])) == MAX_LABELS
    assert read_labels([None, 7, {}, {"title": None}]) == ()


def test_a_text_colour_from_gitlab_is_used():
    label = {"name": "a", "color": "#ffffff", "text_color": "#C00"}
    assert read_labels([label]) == (Label("a", "#ffffff", "#cc0000"),)
