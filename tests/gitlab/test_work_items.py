"""GraphQL answers about work items, read into snapshots; odd ones are no answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.item_client import ItemClient
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import Label, Milestone, Person
from gitlab_links.gitlab.work_items import project_of_answer, read_work_items, says_no_project
from tests.gitlab.servers import reply_json

NODE = {
    "id": "gid://gitlab/WorkItem/179785913",
    "iid": "756",
    "title": "Print more",
    "state": "CLOSED",
    "confidential": True,
    "createdAt": "2026-01-06T15:09:24Z",
    "updatedAt": "2026-01-09T13:06:08Z",
    "closedAt": "2026-01-09T13:06:08Z",
    "author": {"username": "rae", "name": "Rae Actor"},
    "widgets": [
        {"assignees": {"nodes": [{"username": "kim", "name": "Kim"}]}},
        {"labels": {"nodes": [{"title": "goal", "color": "#6699cc", "textColor": "#FFFFFF"}]}},
        {"milestone": {"id": "gid://gitlab/Milestone/5", "title": "Spring"}},
        {},
    ],
}


def answer(*nodes, project=42, path="ships/engine", **more):
    found = {"id": f"gid://gitlab/Project/{project}", "fullPath": path}
    return {"data": {"project": found | {"workItems": {"nodes": list(nodes)}}}} | more


def read(*nodes):
    project = project_of_answer(answer(*nodes))
    assert project is not None
    return read_work_items(project)


def test_a_work_item_is_read_like_an_issue():
    found = read(NODE)[756]
    assert (found.type, found.iid, found.gitlab_id) == (ItemType.ISSUE, 756, 179785913)
    assert (found.project_id, found.project_path) == (42, "ships/engine")
    assert (found.title, found.state, found.confidential) == (
        "Print more", ItemState.CLOSED, True,
    )  # fmt: skip
    assert found.assignees == (Person("kim", "Kim"),)
    assert found.labels == (Label("goal", "#6699cc", "#ffffff"),)
    assert (found.milestone_id, found.milestone) == (5, Milestone(5, "Spring"))
    assert found.updated_at.isoformat() == "2026-01-09T13:06:08+00:00"
    # A type without dates has no such widget, and the query does not ask for comments.
    assert found.unknown_fields() == {"comments", "due_date", "moved_to_id"}


@pytest.mark.parametrize(
    "answered",
    [
        None,
        [],
        {"data": None},
        {"data": {"project": None}},
        {"errors": [{"message": "Field 'workItems' doesn't exist on type 'Project'"}]},
        answer(NODE, errors=[{"message": "Timeout"}]),
    ],
)
def test_an_answer_with_errors_or_without_a_project_is_none(answered):
    assert project_of_answer(answered) is None


ODD = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())


@given(st.sampled_from(sorted(NODE.keys() - {"iid"})), ODD)
def test_a_field_of_the_wrong_type_leaves_the_others_readable(field, value):
    touched = {"id": {"gitlab_id"}, "createdAt": {"created_at"}, "updatedAt": {"updated_at"}}
    touched |= {"closedAt": {"closed_at"}}
    touched |= {"widgets": {"assignees", "labels", "milestone", "milestone_id"}}
    right, found = read(NODE)[756], read(NODE | {field: value})[756]
    for name in set(right.known()) - touched.get(field, {field}):
        assert getattr(found, name) == getattr(right, name)


@pytest.mark.parametrize("iid", [None, "x", 0, -1, {}, 2**63])
def test_a_work_item_without_a_number_is_skipped(iid):
    assert read(NODE | {"iid": iid}) == {}


@pytest.mark.parametrize(
    ("project", "answered", "expected"),
    [
        (42, answer(NODE), {756}),
        ("ships/engine", answer(NODE), {756}),
        (42, answer(NODE | {"iid": "9"}), set()),
        (42, answer(), set()),
        (43, answer(NODE), None),
        (42, {"data": {"project": None}}, None),
        (42, "odd", None),
    ],
)
def test_only_requested_items_are_taken(server, make_client, project, answered, expected):
    server.answer = lambda _: reply_json(answered)
    client = make_client(kind=ItemClient)
    found = client.fetch_work_items(project, "ships/engine", [756])
    assert (None if found is None else set(found)) == expected
    assert (server.last.method, server.last.path) == ("POST", "/api/graphql")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"data": {"project": None}}, True),
        ({"data": {"project": {"id": "gid://gitlab/Project/42"}}}, False),
        ({"data": {"project": None}, "errors": [{"message": "Timeout"}]}, False),
        ({"data": {}}, False),
        ({"data": None}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_only_a_project_that_is_null_without_errors_does_not_exist(answer, says):
    assert says_no_project(answer) is says


@pytest.mark.parametrize("listed", [None, {}, {"nodes": None}, {"nodes": {}}, [], "text"])
def test_an_answer_without_a_list_has_no_work_items(listed):
    assert read_work_items({"workItems": listed}) is None
    assert read_work_items({"workItems": {"nodes": [None, {"iid": "0"}]}}) == {}
