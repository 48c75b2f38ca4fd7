"""Looking back: shown first, then linked, list by list, stopped and resumed at any point."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.task_keys import change_task_key
from gitlab_links.backfills import changes
from gitlab_links.backfills.changes import BackfillRunning, NothingToDo
from gitlab_links.backfills.joined_projects import follow_joined_projects
from gitlab_links.backfills.models import Backfill
from gitlab_links.backfills.queries import find_backfill, found_items
from gitlab_links.clock import utcnow
from gitlab_links.errors import NotFound
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.gitlab.items import ItemRef, ItemType
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.jobs import backfills
from gitlab_links.jobs.backfills import backfill_slice
from gitlab_links.jobs.rule_slices import rules_slice
from gitlab_links.jobs.sweeps import sweep
from gitlab_links.links.changes import detach
from gitlab_links.links.items import cached_item
from gitlab_links.links.models import GitLabItem, GitLabProject
from gitlab_links.links.queries import connection_of
from gitlab_links.rule_states.models import OrgRules, RulesMode, TaskRuleState
from gitlab_links.sync.address_moves import carry_over
from gitlab_links.sync.project_successors import move_next_piece

ELSEWHERE = "https://gitlab.example.net"


@pytest.fixture
def admin(mentioning):
    return mentioning.connected.factory.principal(mentioning.org, Role.ADMIN)


@pytest.fixture
def project(mentioning):
    """A project that a link points into, so that its id is known."""
    project = mentioning.connected.project("acme/app")
    mentioning.connected.link(mentioning.connected.issue(project, "Known", notify=False))
    mentioning.fetch()
    return project


@pytest.fixture
def old(mentioning, key, project):
    """What GitLab has had for long: two mentions in texts, one in the branch of an open one."""
    for number in (1001, 1002):
        mentioning.task(number)
    add = mentioning.gitlab.items
    mentioning.connected.issue(project, f"See {key(1001)}", notify=False)
    merged = mentioning.connected.merge_request(
        project, "Old", description=f"Closes {key(1002)}", notify=False
    )
    add.merge(merged)
    add.add_merge_request(
        project, "Branch", author="root", source_branch=f"{key(1001).lower()}-x", notify=False
    )
    mentioning.connected.issue(project, f"No task: {key(9999)}", notify=False)
    mentioning.connected.issue(project, "Nothing", notify=False)
    return project


def looked(mentioning, admin):
    backfill = changes.start(admin)
    db.session.commit()
    run(mentioning)
    return backfill.id


def run(mentioning):
    for _ in range(500):
        backfill_slice(mentioning.org.id)
        if not changes.has_due(mentioning.org.id, utcnow() + timedelta(hours=1)):
            break
    db.session.rollback()


def shown_to(viewer, mentioning, backfill_id):
    """The items that a look back found, as a viewer of this role sees them."""
    connection = connection_of(mentioning.org.id)
    return found_items(mentioning.org.id, backfill_id, viewer, connection)


def view(mentioning, backfill_id):
    db.session.expire_all()
    found = find_backfill(mentioning.org.id, backfill_id)
    db.session.rollback()
    return found


@pytest.mark.differs_by_database
def test_what_would_be_linked_is_shown_first_and_then_linked(mentioning, key, old, admin):
    backfill_id = looked(mentioning, admin)
    shown = view(mentioning, backfill_id)
    assert (shown.stage, shown.items, shown.tasks, shown.links_made) == ("found", 3, 2, 0)
    listed = shown_to(Role.ADMIN, mentioning, backfill_id)
    assert [(one.reference, one.tasks) for one in listed] == [
        ("acme/app#2", [key(1001)]),
        ("acme/app!1", [key(1002)]),
        ("acme/app!2", [key(1001)]),
    ]
    assert {number for number in mentioning.linked() if number > 1000} == set()
    changes.link_found(admin, backfill_id)
    db.session.commit()
    run(mentioning)
    assert view(mentioning, backfill_id).stage == "done"
    found = mentioning.linked()
    assert (found[1001], found[1002]) == (["acme/app#2", "acme/app!2"], ["acme/app!1"])
    made = [link for link in mentioning.links() if not link.made_by_person]
    assert {(link.backfilled, link.made_by_person) for link in made} == {(True, False)}
    assert view(mentioning, backfill_id).links_made == 3
    causes = db.session.scalars(select(Event.cause).where(Event.type == "link.created")).all()
    assert causes.count({"kind": "backfill"}) == 3


def test_looking_again_finds_nothing_that_is_linked_or_was_removed(mentioning, old, admin):
    backfill_id = looked(mentioning, admin)
    changes.link_found(admin, backfill_id)
    db.session.commit()
    run(mentioning)
    removed = mentioning.links()[-1]
    detach(admin, removed.task_id, removed.id)
    db.session.commit()
    again = looked(mentioning, admin)
    assert view(mentioning, again).items == 0


def test_it_goes_on_after_its_worker_was_killed(mentioning, old, admin, monkeypatch):
    """A list is leased and not taken off: whoever comes next reads it."""
    backfill = changes.start(admin)
    db.session.commit()
    turn = changes.take(mentioning.org.id, utcnow())
    db.session.commit()
    backfill_slice(mentioning.org.id)
    assert view(mentioning, backfill.id).calls == 0
    db.session.execute(update(Backfill).values(due_at=utcnow()))
    db.session.commit()
    assert changes.held(turn) is None
    db.session.rollback()
    run(mentioning)
    assert view(mentioning, backfill.id).items == 3


def test_it_is_stopped_and_resumed_where_it_was(mentioning, old, admin, monkeypatch):
    backfill_id = changes.start(admin).id
    db.session.commit()
    turns = [None, changes.take(mentioning.org.id, utcnow())]
    db.session.commit()
    monkeypatch.setattr("gitlab_links.jobs.backfills.take", lambda *_: turns.pop())
    backfill_slice(mentioning.org.id)
    monkeypatch.undo()
    changes.stop(admin, backfill_id)
    db.session.commit()
    before = view(mentioning, backfill_id)
    assert (before.stage, before.calls) == ("stopped", 1)
    run(mentioning)
    assert view(mentioning, backfill_id).calls == 1
    changes.resume(admin, backfill_id)
    db.session.commit()
    run(mentioning)
    after = view(mentioning, backfill_id)
    assert (after.stage, after.calls, after.items) == ("found", after.lists, 3)


def test_it_waits_for_its_share_of_the_rate_limit(mentioning, old, admin):
    backfill_id = changes.start(admin).id
    until = utcnow() + timedelta(minutes=5)
    used = {
        "rate_limit": 100, "rate_limit_remaining": 50, "rate_limit_reset_at": until,
    }  # fmt: skip
    db.session.execute(update(OrgGitLabIntegration).values(**used))
    db.session.commit()
    backfill_slice(mentioning.org.id)
    assert view(mentioning, backfill_id).calls == 0
    assert db.session.scalar(select(Backfill.due_at)) == until
    db.session.rollback()


def test_a_project_that_cannot_be_read_is_skipped(mentioning, old, admin):
    old.merge_requests_access = "disabled"
    backfill_id = looked(mentioning, admin)
    shown = view(mentioning, backfill_id)
    assert (shown.stage, shown.items, shown.skipped, shown.error_code) == (
        "found",
        1,
        2,
        "http_403",
    )


def test_it_triggers_no_rule(mentioning, old, admin):
    db.session.add(OrgRules(org_id=mentioning.org.id, mode=RulesMode.ON.value))
    db.session.commit()
    backfill_id = looked(mentioning, admin)
    changes.link_found(admin, backfill_id)
    db.session.commit()
    run(mentioning)
    versions = set(db.session.scalars(select(TaskRuleState.version)))
    db.session.rollback()
    assert versions == {0}
    calls = mentioning.connected.calls()
    mentioning.fetch()
    assert mentioning.connected.calls() == calls  # the lists had the content


def test_what_it_reads_is_news_to_a_task_that_links_the_item_already(mentioning, old, admin):
    db.session.add(OrgRules(org_id=mentioning.org.id, mode=RulesMode.ON.value))
    db.session.commit()
    backfill_id = looked(mentioning, admin)
    db.session.rollback()  # SQLite would let nobody else write
    link = mentioning.connected.link(old.merge_requests[1])
    rules_slice(mentioning.org.id)
    state = TaskRuleState
    of_task = select(state.due_at, state.version).where(
        state.task_id == mentioning.connected.tasks[link]
    )
    assert tuple(db.session.execute(of_task).one()) == (None, 1), "it is not fetched yet"
    changes.link_found(admin, backfill_id)
    db.session.commit()
    run(mentioning)
    due_at, version = db.session.execute(of_task).one()
    db.session.rollback()
    assert (due_at is not None, version) == (True, 1)


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_list_writes_no_mention_over_a_newer_one(
    mentioning, key, project, admin, monkeypatch, overtaken
):
    mentioning.task(1001)
    issue = mentioning.gitlab.items.find(project, "issue", 1)
    edit, secret = mentioning.gitlab.items.edit, mentioning.own_secret("acme/app")
    edit(issue, title=f"See {key(1001)}", notify=False)
    backfill_id = looked(mentioning, admin)
    changes.link_found(admin, backfill_id)
    db.session.commit()

    def answered_late(*given):
        answer = call(*given)
        if overtaken and issue.title != "Nothing":
            edit(issue, title="Nothing", notify=False)
            mentioning.send(issue, secret)
        return answer

    call = backfills._call
    monkeypatch.setattr(backfills, "_call", answered_late)
    run(mentioning)
    assert (1001 in mentioning.linked()) is not overtaken
    requested = db.session.scalars(select(GitLabItem.refresh_requested_at)).all()
    db.session.rollback()
    assert [one is not None for one in requested] == [overtaken], "GitLab is asked who is right"


def test_a_list_answers_no_request_that_is_newer(mentioning, key, project, admin, monkeypatch):
    mentioning.task(1001)
    issue = mentioning.connected.issue(project, f"See {key(1001)}", notify=False)
    backfill_id, title = looked(mentioning, admin), f"{key(1001)}, edited"
    changes.link_found(admin, backfill_id)
    db.session.commit()

    def answered_late(*given):
        answer = call(*given)
        if issue.title != title and issue.title in {one.title for one in answer[0].items}:
            mentioning.gitlab.items.edit(issue, title=title, notify=False)
            mentioning.connected.link(issue)
        return answer

    call = backfills._call
    monkeypatch.setattr(backfills, "_call", answered_late)
    run(mentioning)
    assert mentioning.linked()[1001] == ["acme/app#2"]
    mentioning.fetch()
    titles = db.session.scalars(select(GitLabItem.title)).all()
    db.session.rollback()
    assert title in titles


def test_former_keys_are_looked_for_too(mentioning, key, old, admin):
    change_task_key(db.session.get_one(Org, mentioning.org.id), "FRESH")
    db.session.commit()
    assert view(mentioning, looked(mentioning, admin)).items == 3


def test_one_at_a_time_and_each_step_in_its_turn(mentioning, old, admin):
    backfill_id = changes.start(admin).id
    db.session.commit()
    with pytest.raises(BackfillRunning):
        changes.start(admin)
    for refused in (changes.link_found, changes.resume):
        with pytest.raises(NothingToDo):
            refused(admin, backfill_id)
    run(mentioning)
    with pytest.raises(NothingToDo):
        changes.stop(admin, backfill_id)
    db.session.rollback()
    other = mentioning.connected.factory.org()
    stranger = Principal(other.id, admin.user_id, Role.ADMIN)
    with pytest.raises(NotFound):
        changes.link_found(stranger, backfill_id)
    db.session.rollback()
    changes.start(admin)
    with pytest.raises(BackfillRunning):
        changes.link_found(admin, backfill_id)
    db.session.rollback()


def test_who_may_not_see_confidential_items_reads_no_title(mentioning, key, project, admin):
    mentioning.task(1001)
    mentioning.connected.issue(project, f"Secret {key(1001)}", confidential=True, notify=False)
    backfill_id = looked(mentioning, admin)
    assert [i.title for i in shown_to(Role.MEMBER, mentioning, backfill_id)] == [None]
    [seen] = shown_to(Role.ADMIN, mentioning, backfill_id)
    assert seen.title == f"Secret {key(1001)}"
    assert db.session.query(GitLabItem).count() == 1
    db.session.rollback()


def test_what_was_found_is_shown_under_the_row_that_stays(mentioning, old, admin):
    """The same GitLab under two addresses, each with a row of the project."""
    backfill_id = looked(mentioning, admin)
    before = [one.reference for one in shown_to(Role.ADMIN, mentioning, backfill_id)]
    cached_item(mentioning.org.id, ELSEWHERE, ItemRef("acme/app", ItemType.ISSUE, 1))
    carry_over(mentioning.org.id, mentioning.connected.gitlab.url, ELSEWHERE)
    follow_joined_projects(mentioning.org.id)
    db.session.commit()
    while move_next_piece(mentioning.org.id):
        db.session.commit()
    db.session.expire_all()
    assert [p.base_url for p in db.session.scalars(select(GitLabProject))] == [ELSEWHERE]
    assert len(before) == 3
    assert [one.reference for one in shown_to(Role.ADMIN, mentioning, backfill_id)] == before


@pytest.mark.usefixtures("redis")
def test_one_whose_worker_died_before_the_clock_was_set_back_goes_on(mentioning, old, admin, clock):
    backfill = changes.start(admin)
    db.session.commit()
    assert changes.take(mentioning.org.id, utcnow()) is not None
    db.session.commit()
    clock.advance(-timedelta(days=1).total_seconds())
    sweep()
    backfill_slice(mentioning.org.id)
    found = db.session.get_one(Backfill, backfill.id, populate_existing=True)
    assert found.stage == "found"


def test_a_429_pauses_the_connection_and_costs_no_attempt(mentioning, old, admin, clock):
    backfill = changes.start(admin)
    db.session.commit()
    faults, calls = mentioning.gitlab.faults, mentioning.gitlab.calls
    faults.answer("status", status=429, retry_after="1800", times=None)
    calls.reset()
    for _ in range(3):
        backfill_slice(mentioning.org.id)
        clock.advance(300)
    assert sum(calls.counts().values()) == 1
    integration = mentioning.connected.integration()
    assert integration.error_code == "rate_limited"
    assert integration.paused_until == utcnow() + timedelta(seconds=1800 - 900)
    shown = view(mentioning, backfill.id)
    assert (shown.stage, shown.error_code) == ("looking", None)

    faults.clear()
    clock.advance(901)
    run(mentioning)
    assert view(mentioning, backfill.id).stage == "found"
