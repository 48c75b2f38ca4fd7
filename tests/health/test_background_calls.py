"""Whatever calls GitLab while nobody waits respects its wish for a pause, and stops calling."""

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from gitlab_links.accounts.principal import Principal
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.health.hook_check import check_now
from gitlab_links.health.hook_repair import ask_for_repair
from gitlab_links.health.issue_tracker import ask_for_all_trackers, ask_for_tracker
from gitlab_links.health.project_picks import ProjectsNotListed, choices, pick
from gitlab_links.health.token_check import validate_now
from gitlab_links.health.token_rotation import ask_for_rotation
from gitlab_links.health.watching import make_all_hooks, unwatch
from gitlab_links.jobs.health_checks import request_check
from gitlab_links.observations.watched_projects import watched_projects
from gitlab_links.operations.models import Operation
from gitlab_links.org_data.deleting import ask_to_delete
from gitlab_links.pasting.changes import attach_all
from tests.conftest import GITLAB_TOKEN
from tests.frozen_clock import FrozenClock
from tests.health.conftest import Connected
from tests.observations.conftest import repair

PAUSE = timedelta(minutes=30)


@pytest.fixture
def fleet(connected: Connected) -> Connected:
    """Twelve projects more, each with a linked issue, and everything was checked."""
    state = connected.gitlab.state
    projects = [state.projects.add(f"ships/p{number}") for number in range(12)]
    issues = [state.items.add_issue(project, "Leak", author="dana") for project in projects]
    with connected.app.app_context():
        task = connected.factory.task(connected.org)
        urls = [state.urls.item(issue) for issue in issues]
        attach_all(connected.admin, task.id, urls, all_or_none=True)
        db.session.commit()
    connected.work()
    connected.watch()
    return connected


def limit(connected: Connected, route: str | None = None) -> None:
    """From now on GitLab answers a 429."""
    state = connected.gitlab.state
    seconds = str(int(PAUSE.total_seconds()))
    state.faults.answer("status", status=429, retry_after=seconds, times=None, route=route)
    state.calls.reset()


def asked(connected: Connected) -> int:
    return sum(connected.gitlab.state.calls.counts().values())


def ask(connected: Connected, what: Callable[[], object]) -> None:
    with connected.app.app_context():
        what()
        db.session.commit()


def is_paused(connected: Connected) -> bool:
    found = connected.integration()
    return (found.error_code, found.paused_until) == ("rate_limited", utcnow() + PAUSE)


def test_a_check_of_webhooks_ends_with_the_first_429(fleet: Connected, clock: FrozenClock) -> None:
    clock.advance(86_400)
    ask(fleet, lambda: request_check(fleet.org.id))
    fleet.change(token_check_due_at=utcnow() + timedelta(days=1))
    limit(fleet, "hooks")
    fleet.watch()
    assert asked(fleet) == 1
    assert is_paused(fleet)
    until = utcnow() + PAUSE
    while utcnow() < until - timedelta(minutes=5):
        clock.advance(240)
        fleet.watch()
    assert asked(fleet) == 1

    fleet.gitlab.state.faults.clear()
    clock.advance(360)
    fleet.watch()
    assert fleet.gitlab.state.calls.total("hooks") == 1 + 13
    assert fleet.integration().paused_until is None or fleet.integration().paused_until < utcnow()


def test_a_check_of_the_token_ends_with_the_first_429(
    connected: Connected, clock: FrozenClock
) -> None:
    connected.watch()
    clock.advance(86_400)
    limit(connected)
    connected.watch()
    assert asked(connected) == 1
    assert is_paused(connected)


def test_a_repair_whose_test_meets_a_429_is_done_and_asks_nothing_more(
    connected: Connected, clock: FrozenClock
) -> None:
    connected.watch()
    limit(connected, "/test")
    done = repair(connected)
    assert (done.created, done.tested) == (True, False)
    assert connected.gitlab.state.calls.total("/test") == 1
    assert asked(connected) == 3  # after looking for the webhook and making it
    assert is_paused(connected)


@pytest.mark.parametrize("kind", ["repair", "remove", "rotate", "delete"])
def test_an_operation_that_meets_a_429_says_so_and_pauses_the_connection(
    connected: Connected, clock: FrozenClock, kind: str
) -> None:
    repair(connected)
    if kind == "remove":
        pick_without_links(connected)
    limit(connected)
    ask(connected, lambda: REQUESTS[kind](connected))
    connected.operate()
    (status, code, detail) = newest_operation(connected)
    assert (status, "rate limit is used up" in detail) == ("failed", True), (code, detail)
    assert asked(connected) == 1
    assert is_paused(connected)


def pick_without_links(connected: Connected) -> None:
    """A second watched project, with a webhook and nothing linked."""
    state = connected.gitlab.state
    owner = state.people.tokens[GITLAB_TOKEN].user
    state.projects.add_member(state.projects.add("ships/sails"), owner, 40)
    with connected.app.app_context():
        (sails,) = choices(connected.admin, "sails").choices
    ask(connected, lambda: pick(connected.admin, [sails.text]))
    connected.operate()


def unwatch_sails(connected: Connected) -> None:
    (sails,) = (
        one for one in watched_projects(connected.org.id, utcnow()) if one.path == "ships/sails"
    )
    unwatch(connected.admin, sails.id)


REQUESTS: dict[str, Callable[[Connected], object]] = {
    "repair": lambda connected: ask_for_repair(connected.admin, only_project(connected)),
    "remove": unwatch_sails,
    "rotate": lambda connected: ask_for_rotation(connected.admin),
    "delete": lambda connected: ask_to_delete(connected.admin, connected.org.name, with_hooks=True),
}


def only_project(connected: Connected) -> uuid.UUID:
    (found,) = watched_projects(connected.org.id, utcnow())
    return found.id


def newest_operation(connected: Connected) -> tuple[str, str | None, str]:
    with connected.app.app_context():
        found = db.session.scalars(select(Operation).order_by(Operation.id.desc())).first()
        assert found is not None
        return found.status, found.error_code, found.error_detail or ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "request_all", [lambda admin: make_all_hooks(admin, utcnow()), ask_for_all_trackers]
)
def test_what_was_requested_for_many_projects_waits_for_the_end_of_the_pause(
    fleet: Connected, clock: FrozenClock, request_all: Callable[[Principal], object]
) -> None:
    limit(fleet)
    ask(fleet, lambda: request_all(fleet.admin))
    for _ in range(3):
        fleet.operate()
    assert asked(fleet) == 1
    assert is_paused(fleet)
    assert statuses(fleet) == {"queued": 13}

    fleet.gitlab.state.faults.clear()
    clock.advance(PAUSE.total_seconds() + 1)
    for _ in range(13):
        fleet.watch()
    assert statuses(fleet) == {"done": 13}


def test_a_tracker_that_meets_a_429_pauses_the_connection_and_is_set_after_the_pause(
    connected: Connected, clock: FrozenClock
) -> None:
    repair(connected)
    before = statuses(connected)
    limit(connected)
    ask(connected, lambda: ask_for_tracker(connected.admin, only_project(connected)))
    connected.operate()
    connected.operate()
    assert asked(connected) == 1
    assert is_paused(connected)
    assert newest_operation(connected) == ("queued", None, "")

    connected.gitlab.state.faults.clear()
    clock.advance(PAUSE.total_seconds() + 1)
    connected.watch()
    assert Counter(statuses(connected)) - Counter(before) == {"done": 1}


def statuses(connected: Connected) -> dict[str, int]:
    with connected.app.app_context():
        return dict(Counter(db.session.scalars(select(Operation.status))))


def test_whoever_waits_is_told_that_gitlab_wants_a_pause(
    connected: Connected, clock: FrozenClock
) -> None:
    connected.watch()
    limit(connected)
    with connected.app.app_context():
        seen = check_now(connected.admin, only_project(connected))
        assert seen.failure is not None
        assert seen.failure.code == "rate_limited"
        with pytest.raises(ProjectsNotListed, match="rate limit is used up"):
            choices(connected.admin, "")
        assert validate_now(connected.admin).error_code == "rate_limited"
        db.session.rollback()
    assert asked(connected) == 3
