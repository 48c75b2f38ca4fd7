"""Answers of the REST API, of old GitLabs and new ones, into snapshots."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.gitlab.api_snapshot import NotAnItemError, snapshot_from_api
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, ItemText, Label, Milestone, Person, Snapshot

ISSUE, MERGE_REQUEST = ItemType.ISSUE, ItemType.MERGE_REQUEST
RAE = {"id": 9, "name": "Rae Actor", "username": "rae", "state": "active"}
LISTED_ISSUE = {
    "id": 7001,
    "iid": 17,
    "project_id": 42,
    "title": "Pump leaks",
    "description": "See ACME-12",
    "state": "closed",
    "created_at": "2026-05-01T08:00:00.000Z",
    "updated_at": "2026-05-28T05:58:40.456Z",
    "closed_at": "2026-05-28T05:58:40.400Z",
    "user_notes_count": 3,
    "labels": [{"id": 5, "name": "urgent", "color": "#D9534F", "text_color": "#FFFFFF"}],
    "milestone": {"id": 11, "iid": 3, "title": "v3.0"},
    "assignees": [RAE],
    "author": RAE,
    "assignee": RAE,
    "due_date": "2026-07-22",
    "confidential": True,
    "moved_to_id": 99,
    "issue_type": "incident",
    "references": {"short": "#17", "relative": "#17", "full": "ships/engine#17"},
}
LISTED_MERGE_REQUEST = {
    "id": 8001,
    "iid": 4,
    "project_id": 42,
    "title": "Replace the pump",
    "state": "merged",
    "created_at": "2026-05-01T08:00:00.000Z",
    "updated_at": "2026-05-28T05:58:40.456Z",
    "merged_at": "2026-05-28T05:58:40.000Z",
    "closed_at": None,
    "labels": [],
    "milestone": None,
    "assignees": [],
    "reviewers": [RAE],
    "author": RAE,
    "draft": False,
    "work_in_progress": False,
    "merge_status": "can_be_merged",
    "detailed_merge_status": "not_open",
    "references": {"full": "ships/engine!4"},
    "source_project_id": 43,
    "source_branch": "pump",
    "target_branch": "main",
    "description": "Closes ACME-12",
    "sha": "0a" * 20,
    "merge_user": RAE,
}


def test_an_issue_of_a_list_is_complete():
    assert snapshot_from_api(ISSUE, LISTED_ISSUE) == Snapshot(
        type=ISSUE,
        iid=17,
        project_id=42,
        project_path="ships/engine",
        title="Pump leaks",
        state=ItemState.CLOSED,
        draft=False,
        confidential=True,
        labels=(Label("urgent", "#d9534f", "#ffffff"),),
        assignees=(Person("rae", "Rae Actor"),),
        reviewers=(),
        reviews=(),
        author=Person("rae", "Rae Actor"),
        milestone_id=11,
        milestone=Milestone(11, "v3.0"),
        due_date=date(2026, 7, 22),
        merge_status=None,
        pipeline_status=None,
        pipeline_path=None,
        comments=3,
        moved_to_id=99,
        created_at=datetime(2026, 5, 1, 8, tzinfo=UTC),
        updated_at=datetime(2026, 5, 28, 5, 58, 40, 456000, tzinfo=UTC),
        closed_at=datetime(2026, 5, 28, 5, 58, 40, 400000, tzinfo=UTC),
        merged_at=None,
        source_project_id=None,
        source_branch=None,
        head_sha=None,
        target_branch=None,
        merged_by=None,
        text=ItemText("Pump leaks", "See ACME-12", None),
        gitlab_id=7001,
    )


def test_a_merge_request_of_a_list_has_no_pipeline_status():
    snapshot = snapshot_from_api(MERGE_REQUEST, LISTED_MERGE_REQUEST)
    assert snapshot.confidential is False
    unknown = {"pipeline_status", "pipeline_path", "comments", "reviews"}
    assert snapshot.unknown_fields() == unknown
    assert snapshot.project_path == "ships/engine"
    assert (snapshot.state, snapshot.merge_status) == (ItemState.MERGED, "not_open")
    assert snapshot.reviewers == (Person("rae", "Rae Actor"),)
    assert snapshot.merged_at == datetime(2026, 5, 28, 5, 58, 40, tzinfo=UTC)
    assert (snapshot.closed_at, snapshot.milestone_id, snapshot.due_date) == (None, None, None)
    source = (snapshot.source_project_id, snapshot.source_branch, snapshot.head_sha)
    assert source == (43, "pump", "0a" * 20)
    assert snapshot.target_branch == "main"
    assert snapshot.text == ItemText(LISTED_MERGE_REQUEST["title"], "Closes ACME-12", "pump")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source_branch", "b" * 256),
        ("source_branch", "a\nb"),
        ("source_branch", 7),
        ("sha", "0a" * 19),
        ("sha", "HEAD"),
        ("source_project_id", -1),
    ],
)
def test_a_source_that_cannot_be_one_is_unknown(field, value):
    snapshot = snapshot_from_api(MERGE_REQUEST, LISTED_MERGE_REQUEST | {field: value})
    assert getattr(snapshot, "head_sha" if field == "sha" else field) is UNKNOWN


def test_a_merge_request_whose_fork_is_gone_has_no_source_project():
    snapshot = snapshot_from_api(MERGE_REQUEST, LISTED_MERGE_REQUEST | {"source_project_id": None})
    assert snapshot.source_project_id is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"head_pipeline": {"status": "running"}}, "running"),
        ({"head_pipeline": None}, None),
        ({"head_pipeline": None, "pipeline": {"status": "failed"}}, None),
        ({"pipeline": {"status": "failed"}}, "failed"),
        ({"head_pipeline": "odd"}, None),
        ({}, UNKNOWN),
    ],
)
def test_the_full_form_of_a_merge_request_has_its_pipeline(fields, status):
    snapshot = snapshot_from_api(MERGE_REQUEST, LISTED_MERGE_REQUEST | fields)
    assert snapshot.pipeline_status == status


KIM = {"username": "kim", "name": "Kim"}


@pytest.mark.parametrize(
    ("fields", "merged_by"),
    [
        ({"merge_user": KIM}, Person("kim", "Kim")),
        ({"merge_user": KIM, "merged_by": RAE}, Person("kim", "Kim")),
        ({"merge_user": None, "merged_by": RAE}, None),
        ({"merged_by": KIM}, Person("kim", "Kim")),  # before GitLab 14.7
        ({"merged_by": None}, None),
        ({"merged_by": "kim"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
def test_who_merged_is_named_since_gitlab_14_by_another_field(fields, merged_by):
    assert snapshot_from_api(MERGE_REQUEST, {"iid": 4} | fields).merged_by == merged_by
    assert snapshot_from_api(ISSUE, {"iid": 4} | fields).merged_by is None


HOST = "https://gitlab.example.com"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{HOST}/ships/engine/-/pipelines/47", "/ships/engine/-/pipelines/47"),
        (
            f"{HOST}/under/a/path/ships/engine/pipelines/47",
            "/under/a/path/ships/engine/pipelines/47",
        ),
        ("/ships/engine/-/pipelines/47", "/ships/engine/-/pipelines/47"),
        (f"{HOST}/ships/engine/-/pipelines/47?x", None),
        ("//evil.example.com/ships/engine/-/pipelines/47", None),
        ("https://evil.example.com\\@a/ships/engine/-/pipelines/47", None),
        ("javascript:alert(1)//ships/engine/-/pipelines/47", None),
        (f"{HOST}/ships/../-/pipelines/47", None),
        (47, None),
    ],
)
def test_the_path_of_a_pipeline_is_read_and_never_its_host(url, path):
    fields = {"head_pipeline": {"status": "running", "web_url": url}}
    assert snapshot_from_api(MERGE_REQUEST, LISTED_MERGE_REQUEST | fields).pipeline_path == path


@pytest.mark.parametrize(
    ("value", "count"),
    [(0, 0), (3, 3), (10**12, 2**31 - 1), (-1, UNKNOWN), (True, UNKNOWN), ("3", UNKNOWN)],
)
def test_comments_are_counted(value, count):
    assert snapshot_from_api(ISSUE, {"iid": 1, "user_notes_count": value}).comments == count


def test_labels_without_details_are_names_without_colours():
    snapshot = snapshot_from_api(ISSUE, LISTED_ISSUE | {"labels": ["bug", "a & b", 7]})
    assert snapshot.labels == (
        Label("bug", None, None),
        Label("a & b", None, None),
    )


def test_an_old_gitlab_sends_one_assignee_and_work_in_progress():
    old = {
        "iid": 1,
        "title": "WIP: x",
        "assignee": RAE,
        "work_in_progress": True,
        "merge_status": "can_be_merged",
    }
    snapshot = snapshot_from_api(MERGE_REQUEST, old)
    assert snapshot.assignees == (Person("rae", "Rae Actor"),)
    assert (snapshot.draft, snapshot.merge_status) == (True, "can_be_merged")
    assert (snapshot.project_id, snapshot.project_path) == (None, None)
    assert snapshot_from_api(MERGE_REQUEST, old | {"assignee": None}).assignees == ()


def test_an_iid_alone_is_enough():
    snapshot = snapshot_from_api(ISSUE, {"iid": 1})
    assert set(snapshot.known()) == {
        "draft",
        "reviewers",
        "reviews",
        "merge_status",
        "pipeline_status",
        "pipeline_path",
        "merged_at",
        "source_project_id",
        "source_branch",
        "head_sha",
        "target_branch",
        "merged_by",
    }


@pytest.mark.parametrize("iid", [None, 0, -3, True, "x", 2**63, {}])
def test_without_an_iid_it_is_no_item(iid):
    with pytest.raises(NotAnItemError, match="not of type issue: it has no iid"):
        snapshot_from_api(ISSUE, LISTED_ISSUE | {"iid": iid})


WRONG = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.lists(st.integers())
    | (
        st.dictionaries(
            st.sampled_from(["id", "username", "full", "status", "title"]), st.integers()
        )
    )
)


@given(st.sampled_from(sorted({*LISTED_ISSUE, *LISTED_MERGE_REQUEST} - {"iid"})), WRONG)
def test_a_field_of_the_wrong_type_leaves_the_others_readable(field, value):
    for item_type, item in ((ISSUE, LISTED_ISSUE), (MERGE_REQUEST, LISTED_MERGE_REQUEST)):
        right = snapshot_from_api(item_type, item)
        read = snapshot_from_api(item_type, item | {field: value})
        touched = {field, "milestone_id"} if field == "milestone" else {field}
        touched |= {"merge_status"} if field == "detailed_merge_status" else set()
        touched |= {"draft"} if field in ("work_in_progress", "title") else set()
        touched |= {"assignees"} if field == "assignee" else set()
        touched |= {"head_sha"} if field == "sha" else set()
        touched |= {"comments"} if field == "user_notes_count" else set()
        touched |= {"merged_by"} if field == "merge_user" else set()
        for name in set(right.known()) - touched:
            assert getattr(read, name) == getattr(right, name)
