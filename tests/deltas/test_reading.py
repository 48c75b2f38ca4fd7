"""A list that changes while it is read: nothing is skipped, and it comes to an end."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.deltas.marks import Delta
from gitlab_links.deltas.reading import MOST_PAGES, read
from gitlab_links.gitlab.answers import GitLabFailure
from gitlab_links.gitlab.delta_client import ChangedPage, Place
from gitlab_links.gitlab.items import ItemType
from gitlab_links.gitlab.snapshot import Snapshot
from gitlab_links.storage.database import new_id

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)
DELTA = Delta(new_id(), new_id(), 7, ItemType.ISSUE, NOON, None)


def floor(moment):
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass
class ChangingList:
    """GitLab's list of changes with pages of ``most``. ``touched`` has, for each call, the items
    that change right after it.
    """

    times: dict[int, datetime]
    most: int = 3
    touched: list[list[int]] = field(default_factory=list)
    fails_at: int | None = None
    calls: int = 0
    at_last_call: dict[int, datetime] = field(default_factory=dict)
    rate_limit = None

    def changed_items(self, _project: int, _type: ItemType, place: Place) -> ChangedPage:
        self.calls += 1
        self.at_last_call = dict(self.times)
        if self.calls == self.fails_at:
            raise GitLabFailure("network_error", "It was cut short.")
        since, until = floor(place.since), place.until and floor(place.until)
        found = sorted(
            (moment, iid)
            for iid, moment in self.times.items()
            if moment >= since and (until is None or moment <= until)
        )
        start = (place.page - 1) * self.most
        page = found[start : start + self.most]
        answer = ChangedPage(
            items=tuple(
                Snapshot(ItemType.ISSUE, iid, 7, None, updated_at=floor(moment))
                for moment, iid in page
            ),
            started_at=NOON + timedelta(hours=1, seconds=self.calls),
            gitlab_time=NOON + timedelta(hours=2),
            more=len(found) > start + self.most,
            total=len(found),
            size=100,
        )
        for iid in self.touched.pop(0) if self.touched else []:
            if iid in self.times:
                self.times[iid] = max(self.times.values()) + 2 * MS
        return answer


def read_all(changing, delta=DELTA, rounds=60):
    """Read on until the end, as the job does in later rounds."""
    found = {}
    for _ in range(rounds):
        answer = read(changing, delta, lambda: True)
        found |= {iid: one.snapshot.updated_at for iid, one in answer.listed.items()}
        if answer.reached is None:
            return found
        delta = Delta(delta.mark_id, delta.project_row, 7, ItemType.ISSUE, answer.reached, None)
    raise AssertionError("it does not come to an end")


times = st.dictionaries(
    st.integers(1, 40),
    st.integers(0, 9_000).map(lambda us: NOON + timedelta(microseconds=us)),
    max_size=40,
)


@given(times=times, touched=st.lists(st.lists(st.integers(1, 40), max_size=3), max_size=12))
def test_no_change_is_skipped_however_the_list_changes_meanwhile(times, touched):
    changing = ChangingList(dict(times), touched=touched)
    found = read_all(changing)
    assert found == {iid: floor(moment) for iid, moment in changing.at_last_call.items()}


@given(times=times, fails_at=st.integers(1, 20))
def test_what_was_cut_short_goes_on_where_it_stopped(times, fails_at):
    changing = ChangingList(dict(times), fails_at=fails_at)
    assert read_all(changing).keys() == times.keys()


def test_equal_times_on_both_sides_of_a_page_are_all_read():
    changing = ChangingList(dict.fromkeys(range(1, 12), NOON + MS))
    assert len(read_all(changing)) == 11


def test_a_reading_ends_after_so_many_pages_and_says_where_it_goes_on():
    changing = ChangingList({iid: NOON + iid * MS for iid in range(1, 100)})
    answer = read(changing, DELTA, lambda: True)
    assert answer.calls == MOST_PAGES
    assert answer.reached == max(one.snapshot.updated_at for one in answer.listed.values())


def test_too_little_time_ends_a_reading_after_its_first_page():
    changing = ChangingList({iid: NOON + iid * MS for iid in range(1, 9)})
    answer = read(changing, DELTA, lambda: False)
    assert (answer.calls, sorted(answer.listed)) == (1, [1, 2, 3])


def test_thousands_of_changes_at_one_moment_leave_a_gap_rather_than_no_end():
    changing = ChangingList(dict.fromkeys(range(1, 400), NOON + MS))
    first = read(changing, DELTA, lambda: True)
    assert first.has_gap
    assert first.reached > NOON + MS


def test_the_answer_is_as_new_as_its_last_page():
    changing = ChangingList({iid: NOON + iid * MS for iid in range(1, 9)})
    answer = read(changing, DELTA, lambda: True)
    assert answer.started_at == NOON + timedelta(hours=1, seconds=answer.calls)
    assert answer.listed[1].started_at < answer.started_at
