"""The fields of an item that a webhook body has, and those that it lacks."""

from datetime import UTC, date, datetime

import pytest

from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, ItemText, Label, Person, Snapshot
from tests.gitlab import bodies

CREATED = datetime(2026, 5, 1, 8, tzinfo=UTC)
UPDATED = datetime(2026, 5, 28, 5, 58, 40, 456000, tzinfo=UTC)
RAE, KIM = Person("rae", "Rae Actor"), Person("kim", "Kim")


def event(body) -> Event:
    return Event.from_request({}, bodies.sent(body))


def snapshot(body) -> Snapshot:
    read = event(body).snapshot
    assert read is not None
    return read


def test_an_issue_is_complete_except_for_its_author():
    assert snapshot(bodies.issue(assignees=[bodies.ACTOR])) == Snapshot(
        type=ItemType.ISSUE,
        iid=17,
        project_id=42,
        project_path="ships/engine",
        title="Pump leaks",
        state=ItemState.OPENED,
        draft=False,
        confidential=False,
        labels=(Label("urgent", "#d9534f", "#ffffff"),),
        assignees=(RAE,),
        reviewers=(),
        reviews=(),
        author=UNKNOWN,
        milestone_id=None,
        milestone=None,
        due_date=date(2026, 12, 1),
        merge_status=None,
        pipeline_status=None,
        pipeline_path=None,
        moved_to_id=None,
        created_at=CREATED,
        updated_at=UPDATED,
        closed_at=None,
        merged_at=None,
        source_project_id=None,
        source_branch=None,
        head_sha=None,
        target_branch=None,
        merged_by=None,
        text=ItemText("Pump leaks", UNKNOWN, None),
        gitlab_id=7001,
    )
    assert snapshot(bodies.issue()).unknown_fields() == {"author", "comments"}


def test_a_merge_request_is_complete_except_for_author_and_pipeline():
    body = bodies.merge_request(reviewers=[{"username": "kim", "name": "Kim"}])
    assert snapshot(body) == Snapshot(
        type=ItemType.MERGE_REQUEST,
        iid=4,
        project_id=42,
        project_path="ships/engine",
        title="Replace the pump",
        state=ItemState.OPENED,
        draft=False,
        confidential=False,
        labels=(),
        assignees=(),
        reviewers=(KIM,),
        author=UNKNOWN,
        milestone_id=None,
        milestone=None,
        due_date=None,
        merge_status="mergeable",
        pipeline_status=UNKNOWN,
        moved_to_id=None,
        created_at=CREATED,
        updated_at=UPDATED,
        closed_at=None,
        merged_at=None,
        source_project_id=42,
        source_branch="pump",
        head_sha="0a" * 20,
        target_branch="main",
        merged_by=None,
        text=ItemText("Replace the pump", UNKNOWN, "pump"),
        gitlab_id=8001,
    )
    unknown = {"author", "comments", "pipeline_status", "pipeline_path", "reviews"}
    assert snapshot(body).unknown_fields() == unknown


@pytest.mark.parametrize(("oldrev", "pushed"), [("0b" * 20, True), (None, False), (7, False)])
def test_a_body_with_a_former_revision_reports_a_push(oldrev, pushed):
    assert snapshot(bodies.merge_request(attributes={"oldrev": oldrev})).pushed is pushed


@pytest.mark.parametrize(
    ("attributes", "top", "expected"),
    [
        ({}, {}, ()),
        ({}, {"assignees": []}, ()),
        ({}, {"assignees": [bodies.ACTOR, {"name": "no user name"}, None]}, (RAE,)),
        ({"assignee_id": 9}, {"assignee": bodies.ACTOR}, (RAE,)),
        ({"assignee": bodies.ACTOR}, {}, (RAE,)),
        ({"assignee_id": 9}, {}, UNKNOWN),
        ({"assignee_ids": [9]}, {}, UNKNOWN),
        ({"assignee_ids": [9]}, {"assignees": [bodies.ACTOR]}, (RAE,)),
    ],
)
@pytest.mark.parametrize("make", [bodies.issue, bodies.merge_request])
def test_assignees_are_absent_when_there_are_none(make, attributes, top, expected):
    body = make(attributes=attributes, **top)
    assert snapshot(body).assignees == expected


@pytest.mark.parametrize(
    ("attributes", "top", "expected"),
    [
        ({}, {}, ()),
        ({"reviewer_ids": [1]}, {}, UNKNOWN),
        ({"reviewer_ids": [1]}, {"reviewers": [bodies.ACTOR]}, (RAE,)),
    ],
)
def test_reviewers_are_absent_when_there_are_none(attributes, top, expected):
    assert snapshot(bodies.merge_request(attributes=attributes, **top)).reviewers == expected


@pytest.mark.parametrize(
    ("attributes", "draft"),
    [
        ({"draft": True, "work_in_progress": False}, True),
        ({"draft": False, "title": "Draft: x"}, False),
        ({"draft": None, "work_in_progress": True}, True),
        ({"draft": None, "work_in_progress": None, "title": None}, UNKNOWN),
    ],
)
def test_a_draft_is_known_by_flag_and_by_title_only_without_one(attributes, draft):
    assert snapshot(bodies.merge_request(attributes=attributes)).draft is draft


@pytest.mark.parametrize(
    ("title", "draft"),
    [
        *(
            (f"{mark} x", True)
            for mark in ("Draft:", "[Draft]", "(draft)", "WIP:", "[WIP]", " draft:")
        ),
        *((title, False) for title in ("Drafty: x", "Draft x", "Wipe: x", "WIP x", "x draft: y")),
    ],
)
def test_a_title_marks_a_draft(title, draft):
    attributes = {"draft": None, "work_in_progress": None, "title": title}
    assert snapshot(bodies.merge_request(attributes=attributes)).draft is draft


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"state": "closed"}, ItemState.CLOSED),
        ({"state": "reopened"}, ItemState.OPENED),
        ({"state": "Merged "}, ItemState.MERGED),
        ({"state": None, "state_id": 1}, ItemState.OPENED),
        ({"state": None, "state_id": 2}, ItemState.CLOSED),
        ({"state": None, "state_id": 3}, ItemState.MERGED),
        ({"state": "odd", "state_id": 4}, ItemState.LOCKED),
        ({"state": "odd", "state_id": 9}, UNKNOWN),
        ({"state": {}, "state_id": []}, UNKNOWN),
    ],
)
def test_a_state_is_read_by_name_or_number(given, state):
    assert snapshot(bodies.merge_request(attributes=given)).state is state


def test_times_that_a_body_leaves_out_are_unknown():
    merged = event(bodies.merge_request(attributes={"state": "merged", "action": "merge"}))
    assert (merged.snapshot.merged_at, merged.snapshot.closed_at) == (UNKNOWN, None)
    closed = event(bodies.merge_request(attributes={"state": "closed", "action": "close"}))
    assert (closed.snapshot.merged_at, closed.snapshot.closed_at) == (None, UNKNOWN)


def test_the_merge_time_in_a_body_is_used():
    attributes = {"state": "merged", "action": "merge", "merged_at": "2026-05-02 08:00:00 UTC"}
    read = snapshot(bodies.merge_request(attributes=attributes))
    assert read.merged_at == datetime(2026, 5, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attributes", "by", "merged_by"),
    [
        ({"state": "merged", "action": "merge"}, {"username": "kim", "name": "Kim"}, KIM),
        ({"state": "merged", "action": "merge"}, None, UNKNOWN),
        ({"state": "merged", "action": "update"}, {"username": "rae"}, UNKNOWN),
        ({"state": "opened", "action": "merge"}, {"username": "rae"}, None),
    ],
)
def test_only_the_merge_itself_says_who_merged(attributes, by, merged_by):
    body = bodies.merge_request(attributes=attributes, user=by)
    assert snapshot(body).merged_by == merged_by


@pytest.mark.parametrize(("given", "moved_to"), [(99, 99), (None, None), ("here", UNKNOWN)])
def test_a_body_says_where_an_issue_was_moved_and_a_merge_request_never_is(given, moved_to):
    attributes = {"moved_to_id": given}
    assert snapshot(bodies.issue(attributes=attributes)).moved_to_id == moved_to
    assert snapshot(bodies.merge_request(attributes=attributes)).moved_to_id is None


def test_an_issue_is_never_a_draft_nor_merged_and_never_has_reviewers():
    attributes = {"title": "Draft: x", "state": "weird", "merged_at": "2026-05-02 08:00:00 UTC"}
    read = snapshot(bodies.issue(attributes=attributes, reviewers=[bodies.ACTOR]))
    assert (read.draft, read.reviewers, read.merged_at, read.merged_by) == (False, (), None, None)


def test_a_reopened_issue_has_no_closing_time_even_if_the_body_has_one():
    body = bodies.issue(attributes={"closed_at": "2026-05-02 08:00:00 UTC", "action": "reopen"})
    assert snapshot(body).closed_at is None


def test_a_closed_issue_has_its_closing_time():
    attributes = {"state": "closed", "closed_at": "2026-05-02 08:00:00 UTC", "action": "close"}
    read = event(bodies.issue(attributes=attributes))
    assert read.snapshot.closed_at == datetime(2026, 5, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(("given", "milestone"), [(None, None), (5, UNKNOWN)])
def test_a_body_has_a_milestones_id_and_never_its_title(given, milestone):
    read = snapshot(bodies.issue(attributes={"milestone_id": given}))
    assert (read.milestone_id, read.milestone) == (given, milestone)


@pytest.mark.parametrize("field", ["title", "state", "confidential", "updated_at", "due_date"])
def test_a_field_left_out_is_unknown(field):
    body = bodies.issue()
    del body["object_attributes"][field]
    read = event(body)
    assert getattr(read.snapshot, field) is UNKNOWN
    assert field not in read.snapshot.known()


def test_labels_that_are_null_are_unknown():
    body = bodies.merge_request(labels=None)
    assert snapshot(body).labels is UNKNOWN
    body = bodies.merge_request(labels=None, attributes={"labels": [bodies.URGENT]})
    assert [label.name for label in snapshot(body).labels] == ["urgent"]


@pytest.mark.parametrize(
    ("color", "shown", "text_color"),
    [
        ("#ffffff", "#ffffff", "#1f1e24"),
        ("#FFFF00", "#ffff00", "#1f1e24"),
        ("#fff", "#ffffff", "#1f1e24"),
        ("#a7a6a7", "#a7a6a7", "#ffffff"),  # 500 in all is still dark
        ("#a7a7a7", "#a7a7a7", "#1f1e24"),
        ("#000000", "#000000", "#ffffff"),
        ("red; background: url(x)", None, None),
        ("#abcde", None, None),
        ("#abcdeg", None, None),
        (None, None, None),
    ],
)
def test_the_text_colour_of_a_label_is_the_one_of_gitlab(color, shown, text_color):
    body = bodies.issue(labels=[{"title": "a", "color": color}])
    assert snapshot(body).labels == (Label("a", shown, text_color),)


def test_a_note_has_some_fields_of_its_item():
    body = bodies.note("Issue", issue=bodies.issue()["object_attributes"] | {"labels": []})
    read = event(body)
    assert (read.snapshot.title, read.snapshot.labels) == ("Pump leaks", ())
    assert (read.snapshot.assignees, read.snapshot.updated_at) == (UNKNOWN, UPDATED)


def test_a_pipeline_names_its_merge_request_only():
    read = event(bodies.pipeline({"iid": 4, "target_project_id": 42, "title": "x"}))
    assert read.snapshot is None


def test_an_over_long_title_is_cut_and_a_dirty_one_cleaned():
    assert snapshot(bodies.issue(attributes={"title": "é" * 5_000})).title == "é" * 254 + "…"
    dirty = "\x00 a\r\nb\x1b[31m\u202egnp.exe\u2066 \ud800 "
    title = snapshot(bodies.issue(attributes={"title": dirty})).title
    assert title.isprintable()
    assert "\u202e" not in title
    assert title.startswith("\N{REPLACEMENT CHARACTER} a b [31mgnp.exe")
    assert snapshot(bodies.issue(attributes={"title": " \n\t "})).title is UNKNOWN
