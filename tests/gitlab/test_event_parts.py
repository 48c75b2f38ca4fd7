"""What a webhook request says beside its item: comment, pipeline, reviews, default branch; and
the event of a request whose body was not stored.
"""

from datetime import UTC, datetime

import pytest

from gitlab_links.gitlab.comments import Comment
from gitlab_links.gitlab.events import Event
from gitlab_links.gitlab.item_text import MAX_DESCRIPTION_LENGTH
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.pipelines import BranchPipeline, ReportedPipeline
from gitlab_links.gitlab.snapshot import UNKNOWN, ItemText, Review
from tests.gitlab import bodies

SHA = "0a" * 20
SIX, SEVEN = datetime(2026, 5, 28, 6, tzinfo=UTC), datetime(2026, 5, 28, 7, tzinfo=UTC)


def event(body) -> Event:
    return Event.from_request({}, bodies.sent(body))


def commented(**attributes) -> Event:
    body = bodies.note("Issue", issue={"iid": 17})
    body["object_attributes"] |= {"created_at": "2026-05-28 06:00:00 UTC", **attributes}
    return event(body)


@pytest.mark.parametrize(
    ("attributes", "comment"),
    [
        ({}, Comment(1, "Looks right.", SIX, False)),
        ({"updated_at": "2026-05-28 07:00:00 UTC"}, Comment(1, "Looks right.", SEVEN, True)),
        ({"updated_at": None}, Comment(1, "Looks right.", SIX, False)),
        ({"created_at": None}, Comment(1, "Looks right.", SIX, True)),
        ({"note": "x" * (MAX_DESCRIPTION_LENGTH + 1)}, Comment(1, "x" * 2**20, SIX)),
        ({"system": True}, None),
        ({"id": None}, None),
        ({"note": None}, None),
        ({"created_at": None, "updated_at": None}, None),
    ],
)
def test_a_comment_is_read_with_its_time_and_not_what_gitlab_notes_itself(attributes, comment):
    assert commented(**attributes).comment == comment


def test_only_a_comment_on_an_item_is_one():
    on_commit = bodies.note("Commit", commit={"id": SHA})
    elsewhere = bodies.issue(attributes={"note": "Looks right."})
    assert [event(body).comment for body in (on_commit, elsewhere)] == [None, None]


def test_a_comment_on_a_merge_request_that_is_not_named_is_of_no_interest():
    assert not event(bodies.note("MergeRequest", merge_request={"title": "x"})).relevant


def reported(project=bodies.PROJECT, **attributes) -> Event:
    body = bodies.pipeline({"iid": 4}, project=project)
    body["object_attributes"] |= {"sha": SHA, **attributes}
    return event(body)


def test_a_pipeline_is_reported_whole_or_not_at_all():
    assert reported().pipeline == ReportedPipeline(31, 42, SHA, "success")
    without = [{"id": None}, {"sha": None}, {"status": None}, {"project": {"name": "Engine"}}]
    assert [reported(**missing).pipeline for missing in without] == [None] * 4
    build = bodies.branch_pipeline() | {"object_kind": "build"}
    assert event(build).pipeline is None


def test_a_pipeline_of_a_branch_needs_no_commit_but_a_project():
    assert event(bodies.branch_pipeline(sha=None)).branch_pipeline == BranchPipeline(
        42, "pump", None
    )
    assert not event(bodies.branch_pipeline() | {"project": None}).relevant


@pytest.mark.parametrize(("given", "read"), [("trunk", "trunk"), (None, None), (7, None)])
def test_the_default_branch_is_that_of_the_project(given, read):
    project = bodies.PROJECT | {"default_branch": given}
    assert event(bodies.merge_request(project=project)).default_branch == read


@pytest.mark.parametrize(
    ("action", "reviewers", "reviews"),
    [
        ("update", None, UNKNOWN),
        (
            "update",
            [{"username": "kim", "state": "unreviewed"}],
            (Review("kim", "unreviewed", False),),
        ),
        ("approved", None, (Review("rae", "approved", False),)),
        ("approval", [], (Review("rae", "approved", False),)),
        ("unapproved", None, (Review("rae", "unapproved", False),)),
        ("unapproval", None, (Review("rae", "unapproved", False),)),
        # GitLab's own word of a reviewer counts more than what was just done.
        (
            "approved",
            [{"username": "Rae", "state": "reviewed"}],
            (Review("Rae", "reviewed", False),),
        ),
        (
            "approved",
            [{"username": "kim", "state": "reviewed", "re_requested": True}],
            (Review("kim", "reviewed", True), Review("rae", "approved", False)),
        ),
        (
            "approved",
            [{"username": "kim"}],
            (Review("rae", "approved", False),),
        ),  # before GitLab 17
    ],
)
def test_reviews_are_those_listed_and_what_the_account_of_the_event_did(action, reviewers, reviews):
    body = bodies.merge_request(attributes={"action": action}, reviewers=reviewers)
    assert event(body).snapshot.reviews == reviews


def test_an_approval_of_no_account_is_nobodys():
    body = bodies.merge_request(attributes={"action": "approved"}, user=None)
    assert event(body).snapshot.reviews is UNKNOWN


def test_who_comments_on_a_merge_request_has_commented_whatever_it_lists():
    item = bodies.merge_request()["object_attributes"] | {"reviewers": [{"username": "kim"}]}
    body = bodies.note("MergeRequest", merge_request=item)
    assert event(body).snapshot.reviews == (Review("rae", "commented", False),)
    assert event(body | {"user": None}).snapshot.reviews is UNKNOWN
    assert event(bodies.note("Issue", issue=item)).snapshot.reviews == ()


def test_the_texts_are_read_without_the_item():
    attributes = {"description": "For ACME-12"}
    read = event(bodies.merge_request(attributes=attributes))
    assert read.text == read.snapshot.text == ItemText("Replace the pump", "For ACME-12", "pump")
    assert event(bodies.pipeline({"iid": 4})).text is None
    assert event({"object_kind": "push"}).text is None


def test_a_body_that_is_not_stored_still_names_its_item():
    named = Event.naming("merge_request", 4, "ships/engine")
    assert (named.item_type, named.iid, named.project_path, named.relevant) == (
        ItemType.MERGE_REQUEST,
        4,
        "ships/engine",
        True,
    )
    rest = (named.name, named.object_kind, named.action, named.project_id, named.dedupe_key)
    more = (named.branch_pipeline, named.default_branch, named.snapshot, named.comment)
    assert set(rest) | set(more) == {None}


@pytest.mark.parametrize(
    "named", [(None, 4, "ships/engine"), ("issue", None, "ships/engine"), ("issue", 4, None)]
)
def test_a_body_that_is_not_stored_and_was_of_no_item_is_not_relevant(named):
    read = Event.naming(*named)
    assert (read.relevant, read.item_type, read.iid, read.project_path) == (
        False,
        None,
        None,
        named[2],
    )
