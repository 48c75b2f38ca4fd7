"""The content written to an item, and the bodies that need a fetch as well."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, Label, Milestone, Person, Snapshot
from gitlab_links.links.models import GitLabItem
from gitlab_links.sync.applying import REPEAT_AFTER, apply_body, apply_fetched, mark_failed

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TTL = 300
SECOND = timedelta(seconds=1)

BUG = Label("bug", "#ff0000", "#ffffff")
ANN = Person("ann", "Ann")
NEXT = Milestone(5, "Next")


def item(**values):
    return GitLabItem(type="issue", iid=1, failures=0, refresh_requested_at=None, **values)


def body(updated_at=NOON, **values):
    """An issue from a webhook body: without the author and the milestone's title."""
    known = {
        "title": "Title",
        "state": ItemState.OPENED,
        "draft": False,
        "confidential": False,
        "labels": (BUG,),
        "assignees": (ANN,),
        "reviewers": (),
        "milestone_id": None,
        "milestone": None,
        "due_date": date(2026, 6, 1),
        "merge_status": None,
        "pipeline_status": None,
        "moved_to_id": None,
        "created_at": NOON - timedelta(days=9),
        "closed_at": None,
        "merged_at": None,
    }
    return Snapshot(ItemType.ISSUE, 1, 7, "acme/press", updated_at=updated_at, **known | values)


def answer(updated_at=NOON, **values):
    return body(updated_at, **{"author": ANN, **values})


def fetched_item(**values):
    """An item that was fetched a minute ago."""
    found = item()
    moment = NOON - timedelta(minutes=1)
    apply_fetched(found, answer(moment, **values), started_at=moment, now=moment, ttl=TTL)
    return found


def receive(found, snapshot, received_at=NOON, now=NOON):
    apply_body(found, snapshot, received_at=received_at, now=now, ttl=TTL)


def test_a_fetch_writes_everything_that_is_shown():
    found = item()
    snapshot = answer(
        state=ItemState.CLOSED, closed_at=NOON, milestone=NEXT, milestone_id=5, confidential=True
    )
    apply_fetched(found, snapshot, started_at=NOON, now=NOON + SECOND, ttl=TTL)
    assert (found.title, found.state, found.confidential) == ("Title", "closed", True)
    assert found.labels == [{"name": "bug", "color": "#ff0000", "text_color": "#ffffff"}]
    assert found.assignees == [{"username": "ann", "name": "Ann"}]
    assert found.author == {"username": "ann", "name": "Ann"}
    assert (found.milestone_id, found.milestone) == (5, "Next")
    assert (found.due_date, found.closed_at) == (date(2026, 6, 1), NOON)
    assert found.gitlab_created_at == NOON - timedelta(days=9)
    assert (found.source_updated_at, found.fetched_at, found.last_synced_at) == (NOON,) * 3
    assert (found.error_code, found.refresh_requested_at) == (None, None)
    assert NOON + timedelta(seconds=TTL) < found.next_sync_at < NOON + timedelta(days=1)
    assert found.changed_at == NOON + SECOND


def test_a_newer_complete_body_is_applied_and_requests_nothing():
    found = fetched_item()
    receive(found, body(title="New"))
    assert (found.title, found.webhook_applied_at, found.last_synced_at) == ("New", NOON, NOON)
    assert found.refresh_requested_at is None
    assert found.next_sync_at > NOON + SECOND


@pytest.mark.parametrize(
    "left_out", ["title", "state", "labels", "assignees", "confidential", "due_date", "reviewers"]
)
def test_a_body_with_a_missing_field_is_applied_and_requests_a_fetch(left_out):
    found = fetched_item()
    receive(found, body(**{"draft": True, left_out: UNKNOWN}))
    assert found.draft is True
    assert found.refresh_requested_at == found.next_sync_at == NOON


def test_a_complete_body_leaves_an_open_request_due():
    """If the trigger is lost, the sweep finds the request by its time, not after the TTL."""
    found = fetched_item()
    receive(found, body(NOON, title=UNKNOWN))
    receive(found, body(NOON + SECOND, title="New"), received_at=NOON + SECOND, now=NOON + SECOND)
    assert found.title == "New"
    assert found.refresh_requested_at == found.next_sync_at == NOON


def test_an_item_that_was_never_fetched_requests_a_fetch_for_its_author():
    found = item()
    receive(found, body())
    assert found.title == "Title"
    assert found.refresh_requested_at == NOON


def test_a_new_milestone_requests_its_title_and_shows_no_wrong_one_until_then():
    found = fetched_item(milestone=NEXT, milestone_id=5)
    receive(found, body(milestone_id=6, milestone=UNKNOWN))
    assert (found.milestone_id, found.milestone) == (6, None)
    assert found.refresh_requested_at == NOON


def test_a_known_milestone_requests_nothing():
    found = fetched_item(milestone=NEXT, milestone_id=5)
    receive(found, body(milestone_id=5, milestone=UNKNOWN))
    assert (found.milestone_id, found.milestone) == (5, "Next")
    assert found.refresh_requested_at is None


def test_a_removed_milestone_requests_nothing():
    found = fetched_item(milestone=NEXT, milestone_id=5)
    receive(found, body())
    assert (found.milestone_id, found.milestone) == (None, None)
    assert found.refresh_requested_at is None


@pytest.mark.parametrize(
    ("state", "moment"), [(ItemState.MERGED, "merged_at"), (ItemState.CLOSED, "closed_at")]
)
def test_a_missing_closing_time_is_requested_once_and_not_by_later_bodies(state, moment):
    found = fetched_item()
    receive(found, body(state=state, **{moment: UNKNOWN}))
    assert found.state == state.value
    assert found.refresh_requested_at == NOON
    apply_fetched(
        found,
        answer(state=state, **{moment: NOON}),
        started_at=NOON + SECOND,
        now=NOON + SECOND,
        ttl=TTL,
    )
    later = NOON + timedelta(seconds=20)
    receive(found, body(later, state=state, title="After", **{moment: UNKNOWN}), later, later)
    assert (found.title, getattr(found, moment)) == ("After", NOON)
    assert found.refresh_requested_at is None


def test_a_reopened_item_forgets_when_it_was_closed():
    found = fetched_item(state=ItemState.CLOSED, closed_at=NOON - timedelta(days=1))
    receive(found, body(closed_at=UNKNOWN))
    assert (found.state, found.closed_at) == ("opened", None)
    assert found.refresh_requested_at is None


def test_a_body_that_is_not_newer_changes_nothing_and_requests_a_fetch():
    found = fetched_item()
    receive(found, body(NOON - timedelta(minutes=1), title="Tie"))
    assert found.title == "Title"
    assert found.webhook_applied_at is None
    assert found.refresh_requested_at == NOON


def test_a_request_made_while_a_fetch_was_under_way_stays_open():
    found = fetched_item()
    found.refresh_requested_at = found.next_sync_at = NOON + SECOND
    apply_fetched(found, answer(), started_at=NOON, now=NOON + 2 * SECOND, ttl=TTL)
    assert found.refresh_requested_at == found.next_sync_at == NOON + SECOND


def test_a_fetch_answers_the_requests_made_before_it_began():
    found = fetched_item()
    found.refresh_requested_at = found.next_sync_at = NOON - SECOND
    apply_fetched(found, answer(), started_at=NOON, now=NOON, ttl=TTL)
    assert found.refresh_requested_at is None
    assert found.next_sync_at > NOON + SECOND


def test_an_answer_older_than_a_body_just_received_is_fetched_again():
    found = fetched_item()
    receive(found, body(title="New"))
    before = answer(NOON - timedelta(minutes=1))
    apply_fetched(found, before, started_at=NOON + SECOND, now=NOON + SECOND, ttl=TTL)
    assert found.title == "New"
    assert found.refresh_requested_at == NOON + SECOND + REPEAT_AFTER


def test_a_late_answer_does_not_undo_that_of_a_later_fetch():
    found = fetched_item()
    apply_fetched(found, answer(title="Later"), started_at=NOON, now=NOON, ttl=TTL)
    apply_fetched(found, answer(title="Earlier"), started_at=NOON - SECOND, now=NOON, ttl=TTL)
    assert found.title == "Later"


def test_a_dropped_answer_still_ends_its_request():
    """Otherwise the item would stay due and be fetched again and again."""
    for answered in (
        lambda found, at: apply_fetched(found, answer(), started_at=at, now=NOON, ttl=TTL),
        lambda found, at: mark_failed(found, "http_500", started_at=at, now=NOON),
    ):
        found = fetched_item()
        found.fetched_at = NOON
        found.refresh_requested_at = found.next_sync_at = NOON - 5 * SECOND
        answered(found, NOON - 2 * SECOND)
        assert found.refresh_requested_at is None
        assert found.next_sync_at > NOON
        assert found.error_code is None


def test_times_in_the_future_are_not_trusted():
    """The clock was set back by an hour since."""
    found = fetched_item()
    hour = timedelta(hours=1)
    found.fetched_at = found.webhook_applied_at = found.last_synced_at = NOON + hour
    found.refresh_requested_at = NOON + hour
    apply_fetched(found, answer(title="New"), started_at=NOON, now=NOON, ttl=TTL)
    assert (found.title, found.refresh_requested_at) == ("New", None)
    assert found.fetched_at == found.last_synced_at == NOON
    assert NOON < found.next_sync_at <= NOON + timedelta(seconds=TTL)


def test_a_late_failure_does_not_undo_the_answer_of_a_later_fetch():
    found = fetched_item()
    apply_fetched(found, answer(), started_at=NOON, now=NOON, ttl=TTL)
    mark_failed(found, "not_found", started_at=NOON - SECOND, now=NOON)
    assert (found.error_code, found.failures) == (None, 0)


def test_a_failure_leaves_the_content_and_is_retried_less_and_less_often():
    found = fetched_item()
    waits = []
    for _ in range(14):
        mark_failed(found, "http_403", started_at=NOON, now=NOON)
        waits.append((found.next_sync_at - NOON).total_seconds())
    assert (found.title, found.error_code, found.failures) == ("Title", "http_403", 14)
    assert 4 <= waits[0] <= 5
    assert all(later > sooner for sooner, later in pairwise(waits[:10]))
    assert 2880 <= waits[-1] <= 3600


def test_success_after_failures_clears_them():
    found = fetched_item()
    mark_failed(found, "not_found", started_at=NOON, now=NOON)
    apply_fetched(found, answer(), started_at=NOON + SECOND, now=NOON + SECOND, ttl=TTL)
    assert (found.error_code, found.failures) == (None, 0)


@pytest.mark.parametrize(
    ("status", "wanted"), [("running", True), ("success", False), (None, False)]
)
def test_a_pipeline_is_polled_until_it_ends(status, wanted):
    found = item(detail_wanted=True)
    found.type = "merge_request"
    apply_fetched(found, answer(pipeline_status=status), started_at=NOON, now=NOON, ttl=TTL)
    assert (found.pipeline_status, found.detail_wanted) == (status, wanted)


def test_the_list_form_does_not_change_the_pipeline():
    found = item(detail_wanted=True, pipeline_status="running")
    found.type = "merge_request"
    apply_fetched(found, answer(pipeline_status=UNKNOWN), started_at=NOON, now=NOON, ttl=TTL)
    assert (found.pipeline_status, found.detail_wanted) == ("running", True)
