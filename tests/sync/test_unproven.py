"""What only an unproven webhook says of an item is marked until something proves it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitlab_links.gitlab.items import ItemState, ItemType
from gitlab_links.gitlab.snapshot import UNKNOWN, Snapshot
from gitlab_links.links.models import GitLabItem
from gitlab_links.rules.marking import BODY_FIELDS, body_fields
from gitlab_links.sync.applying import apply_body, apply_fetched, mark_failed, postpone
from gitlab_links.sync.ordering import BodyVerdict, Trust
from tests.examples import examples

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TTL = 300

contents = st.fixed_dictionaries(
    {
        "state": st.sampled_from(ItemState),
        "draft": st.booleans(),
        "target_branch": st.sampled_from(["main", "topic"]),
        "source_project_id": st.sampled_from([7, 8]),
    }
)
# How long after the one before it arrives, and how old its content is then by GitLab's clock.
times = st.tuples(st.sampled_from([0, 0.5, 1, 4, 30]), st.sampled_from([-60, -1, 0, 1, 3, 40]))
bodies = st.tuples(
    st.just("body"), times, contents, st.sampled_from(Trust), st.sets(st.sampled_from(BODY_FIELDS))
)
fetches = st.tuples(st.just("fetch"), times, contents)
failures = st.tuples(st.sampled_from(["missing", "postponed"]), times)


@dataclass
class Row:
    """A cached merge request, and what proven readings alone have made of what the rules see."""

    item: GitLabItem = field(
        default_factory=lambda: GitLabItem(
            type="merge_request", iid=1, draft=False, failures=0, refresh_requested_at=None
        )
    )
    now: datetime = NOON
    proven: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        self.proven = body_fields(self.item)

    def body(self, age: float, content: dict[str, Any], trust: Trust, missing: set[str]) -> None:
        shown = {name: UNKNOWN if name in missing else one for name, one in content.items()}
        verdict = apply_body(
            self.item,
            self._snapshot(age, **shown),
            received_at=self.now,
            now=self.now,
            ttl=TTL,
            trust=trust,
        )
        if verdict is BodyVerdict.APPLY and trust is Trust.PROVEN:
            self._note()

    def fetch(self, age: float, content: dict[str, Any]) -> None:
        """An answer whose fetch began ``age`` seconds ago, or now."""
        started_at = self.now - timedelta(seconds=max(age, 0))
        answer = self._snapshot(age, **content)
        apply_fetched(self.item, answer, started_at=started_at, now=self.now, ttl=TTL)
        if self.item.fetched_at == started_at:
            self._note()

    def missing(self, _age: float) -> None:
        mark_failed(self.item, "not_found", started_at=self.now, now=self.now)

    def postponed(self, _age: float) -> None:
        postpone(self.item, started_at=self.now, now=self.now)

    def _note(self) -> None:
        if self.item.unproven_since is None:
            self.proven = body_fields(self.item)

    def _snapshot(self, age: float, **content: Any) -> Snapshot:
        known = replace(Snapshot(ItemType.MERGE_REQUEST, 1, 7, "acme/press"), **content)
        return replace(known, updated_at=self.now - timedelta(seconds=age))


FORGED = {"state": ItemState.MERGED, "draft": False, "target_branch": "main"}
TRUE = FORGED | {"state": ItemState.OPENED, "source_project_id": 7}
BY_SECRET = ("body", (1, 0), FORGED | {"source_project_id": 7}, Trust.UNTIL_CONFIRMED, set())
BY_HOOK = ("body", (1, 0), TRUE, Trust.PROVEN, set())


@settings(max_examples=examples(600))
@given(st.lists(st.one_of(bodies, bodies, fetches, failures), max_size=12))
@example([("fetch", (0, 0), TRUE), BY_SECRET, (*BY_HOOK[:4], {"target_branch"})])
@example([BY_SECRET, ("missing", (1, 0))])
def test_what_counts_as_proven_is_what_proven_readings_say(readings):
    row = Row()
    for kind, (pause, age), *rest in readings:
        row.now += timedelta(seconds=pause)
        getattr(row, kind)(age, *rest)
        item = row.item
        if item.unproven_since is None:
            assert body_fields(item) == row.proven
        else:
            assert item.unproven_since <= row.now
            asked = item.refresh_requested_at or item.failures
            assert asked, "GitLab is asked, or was and is asked again"


@settings(max_examples=examples(200))
@given(st.lists(bodies, min_size=1, max_size=8), contents)
def test_gitlabs_answer_proves_everything(sent, truth):
    row = Row()
    for _kind, (pause, age), *rest in sent:
        row.now += timedelta(seconds=pause)
        row.body(age, *rest)
    row.now += timedelta(minutes=2)
    row.fetch(0, truth)
    assert row.item.unproven_since is None
    assert body_fields(row.item) == tuple(truth[name] for name in BODY_FIELDS)


def test_a_body_of_the_own_hook_proves_what_an_unproven_one_said():
    row = Row()
    row.fetch(0, TRUE)
    for kind, (pause, age), *rest in (BY_SECRET, BY_HOOK):
        row.now += timedelta(seconds=pause)
        getattr(row, kind)(age, *rest)
        assert (row.item.unproven_since is None) is (kind == "body" and rest[1] is Trust.PROVEN)
    assert row.item.state == "opened"


def test_an_unproven_body_that_changes_nothing_the_rules_see_is_not_waited_for():
    row = Row()
    row.fetch(0, TRUE)
    row.now += timedelta(seconds=20)
    row.body(0, TRUE, Trust.UNTIL_CONFIRMED, set())
    assert row.item.webhook_applied_at == row.now
    assert row.item.unproven_since is None
