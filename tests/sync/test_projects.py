"""Renames, transfers and reuse of paths: links follow the project, none is lost or doubled."""

from datetime import timedelta

import pytest
from sqlalchemy import null, select

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db
from gitlab_links.links.models import (
    DismissedMention,
    GitLabItem,
    GitLabProject,
    TaskGitLabLink,
)
from gitlab_links.links.queries import links_of_task
from gitlab_links.sync import project_successors
from gitlab_links.sync.project_successors import move_next_piece
from gitlab_links.sync.projects import hand_over_path, is_known, learn
from tests.statements import statements


def learned(project, gitlab_id, path):
    """Learn, commit, and return the project's row."""
    row = learn(db.session.get(GitLabProject, project.id), gitlab_id, path)
    db.session.commit()
    db.session.expire_all()
    return row


def projects():
    rows = db.session.scalars(select(GitLabProject).order_by(GitLabProject.id))
    return [(row.gitlab_id, row.path, row.path_key) for row in rows]


def linked(factory, task, project, iid=1):
    item = factory.gitlab_item(project, iid=iid, refresh_requested_at=null())
    factory.link(task, item)
    return item


def links():
    rows = db.session.execute(
        select(TaskGitLabLink.task_id, GitLabProject.gitlab_id, GitLabItem.iid)
        .join(GitLabItem, GitLabItem.id == TaskGitLabLink.item_id)
        .join(GitLabProject, GitLabProject.id == GitLabItem.project_id)
        .order_by(TaskGitLabLink.id)
    )
    return [tuple(row) for row in rows]


def test_the_id_is_learned_with_the_first_answer(factory, app_context):
    project = factory.gitlab_project(factory.org(), gitlab_id=None, path="acme/press")
    learned(project, 7, "acme/press")
    assert projects() == [(7, "acme/press", "acme/press")]


def test_a_rename_is_one_row_and_pages_that_show_it_are_out_of_date(factory, app_context):
    org = factory.org()
    project = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    task = factory.task(org)
    linked(factory, task, project)
    before = links_of_task(org.id, task.id, viewer=Role.ADMIN).version
    learned(project, 7, "Beta/Press")
    assert projects() == [(7, "Beta/Press", "beta/press")]
    assert links_of_task(org.id, task.id, viewer=Role.ADMIN).version != before


def test_a_change_of_case_keeps_the_key(factory, app_context):
    project = factory.gitlab_project(factory.org(), gitlab_id=7, path="acme/press")
    learned(project, 7, "Acme/Press")
    assert projects() == [(7, "Acme/Press", "acme/press")]


def test_nothing_is_learned_from_missing_or_known_facts(factory, app_context):
    project = factory.gitlab_project(factory.org(), gitlab_id=7, path="acme/press")
    for facts in [(None, None), (7, None), (7, "acme/press"), (None, "acme/press")]:
        assert is_known(project, *facts)
        learned(project, *facts)
    assert projects() == [(7, "acme/press", "acme/press")]


def test_the_path_of_another_project_is_not_taken_for_ours(factory, app_context):
    project = factory.gitlab_project(factory.org(), gitlab_id=7, path="acme/press")
    learned(project, 8, "acme/other")
    assert projects() == [(7, "acme/press", "acme/press")]


def test_a_row_made_for_a_former_path_is_merged_into_the_one_that_is_known(factory, app_context):
    org = factory.org()
    known = factory.gitlab_project(org, gitlab_id=7, path="acme/new")
    former = factory.gitlab_project(org, gitlab_id=None, path="acme/old")
    one, two = factory.task(org), factory.task(org)
    linked(factory, one, known, iid=1)
    linked(factory, two, former, iid=2)
    assert learned(former, 7, "acme/new").id == known.id
    assert projects() == [(7, "acme/new", "acme/new")]
    assert links() == [(one.id, 7, 1), (two.id, 7, 2)]


def test_the_same_item_under_two_paths_becomes_one_with_the_links_of_both(factory, app_context):
    org = factory.org()
    known = factory.gitlab_project(org, gitlab_id=7, path="acme/new")
    former = factory.gitlab_project(org, gitlab_id=None, path="acme/old")
    one, two = factory.task(org), factory.task(org)
    remaining = linked(factory, one, known)
    twin = linked(factory, two, former)
    learned(former, 7, "acme/new")
    assert links() == [(one.id, 7, 1), (two.id, 7, 1)]
    assert db.session.scalars(select(GitLabItem.id)).all() == [remaining.id]
    assert twin.id != remaining.id


def test_a_task_that_linked_the_same_item_under_two_paths_keeps_one_link(factory, app_context):
    org, task = (org := factory.org()), factory.task(org)
    known = factory.gitlab_project(org, gitlab_id=7, path="acme/new")
    former = factory.gitlab_project(org, gitlab_id=None, path="acme/old")
    linked(factory, task, known)
    linked(factory, task, former)
    learned(former, 7, "acme/new")
    assert links() == [(task.id, 7, 1)]


def test_an_issue_and_a_merge_request_of_one_iid_stay_two(factory, app_context):
    org, task = (org := factory.org()), factory.task(org)
    known = factory.gitlab_project(org, gitlab_id=7, path="acme/new")
    former = factory.gitlab_project(org, gitlab_id=None, path="acme/old")
    linked(factory, task, known)
    factory.link(task, factory.gitlab_item(former, iid=1, type="merge_request"))
    learned(former, 7, "acme/new")
    assert links() == [(task.id, 7, 1), (task.id, 7, 1)]


def test_a_rename_to_a_path_that_was_linked_before_merges_both(factory, app_context):
    org, task = (org := factory.org()), factory.task(org)
    known = factory.gitlab_project(org, gitlab_id=7, path="acme/old")
    by_path = factory.gitlab_project(org, gitlab_id=None, path="acme/new")
    linked(factory, task, by_path, iid=3)
    learned(known, 7, "acme/new")
    assert projects() == [(7, "acme/new", "acme/new")]
    assert links() == [(task.id, 7, 3)]


def test_a_project_whose_path_was_taken_over_loses_the_path_and_is_fetched_by_id(
    factory, app_context
):
    org, task = (org := factory.org()), factory.task(org)
    before = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    now = factory.gitlab_project(org, gitlab_id=8, path="acme/tools")
    item = linked(factory, task, before)
    learned(now, 8, "acme/press")
    assert projects() == [(7, "acme/press", None), (8, "acme/press", "acme/press")]
    assert links() == [(task.id, 7, 1)]
    assert db.session.get(GitLabItem, item.id).refresh_requested_at is not None


def test_two_projects_that_swapped_paths_end_with_their_own(factory, app_context):
    org = factory.org()
    one = factory.gitlab_project(org, gitlab_id=1, path="acme/a")
    two = factory.gitlab_project(org, gitlab_id=2, path="acme/b")
    learned(one, 1, "acme/b")
    learned(two, 2, "acme/a")
    assert projects() == [(1, "acme/b", "acme/b"), (2, "acme/a", "acme/a")]


def test_a_path_that_was_lost_and_regained_is_current_again(factory, app_context):
    project = factory.gitlab_project(factory.org(), gitlab_id=7, path="acme/press", path_key=None)
    assert not is_known(project, 7, "acme/press")
    learned(project, 7, "acme/press")
    assert projects() == [(7, "acme/press", "acme/press")]


def test_what_one_org_learns_leaves_others_and_other_instances_alone(factory, app_context):
    org = factory.org()
    project = factory.gitlab_project(org, gitlab_id=None, path="acme/press")
    factory.gitlab_project(factory.org(), gitlab_id=7, path="acme/new")
    factory.gitlab_project(org, gitlab_id=7, path="acme/new", base_url="https://old.example.com")
    learned(project, 7, "acme/new")
    assert projects() == [
        (7, "acme/new", "acme/new"),
        (7, "acme/new", "acme/new"),
        (7, "acme/new", "acme/new"),
    ]


def handed_over(project, owner_id):
    hand_over_path(db.session.get(GitLabProject, project.id), owner_id)
    db.session.commit()
    db.session.expire_all()


def test_links_made_since_a_project_was_last_seen_mean_the_one_that_has_its_path(
    factory, app_context
):
    org = factory.org()
    gone = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    before, after = factory.task(org), factory.task(org)
    item = factory.gitlab_item(gone, iid=1, fetched_at=utcnow(), refresh_requested_at=null())
    factory.link(before, item, created_at=utcnow() - timedelta(days=1))
    factory.link(after, item, created_at=utcnow() + timedelta(seconds=1))

    handed_over(gone, 8)

    assert projects() == [(7, "acme/press", None), (8, "acme/press", "acme/press")]
    assert links() == [(before.id, 7, 1), (after.id, 8, 1)]


def test_of_a_project_never_seen_all_links_go_along_and_nothing_is_left_cached(
    factory, app_context
):
    org = factory.org()
    gone = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    one, two = factory.task(org), factory.task(org)
    linked(factory, one, gone, iid=1)
    linked(factory, two, gone, iid=2)

    handed_over(gone, 8)

    assert links() == [(one.id, 8, 1), (two.id, 8, 2)]
    assert db.session.query(GitLabItem).count() == 2


def test_an_owner_that_is_known_takes_the_path_and_keeps_its_items(factory, app_context):
    org = factory.org()
    gone = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    owner = factory.gitlab_project(org, gitlab_id=8, path="acme/print")
    one, two = factory.task(org), factory.task(org)
    linked(factory, one, gone)
    remaining = linked(factory, two, owner)

    handed_over(gone, 8)

    assert projects() == [(7, "acme/press", None), (8, "acme/press", "acme/press")]
    assert links() == [(one.id, 8, 1), (two.id, 8, 1)]
    assert db.session.scalars(select(GitLabItem.id)).all() == [remaining.id]


def test_what_was_dismissed_of_a_project_that_lost_its_path_stays(factory, app_context):
    org = factory.org()
    gone = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    one, two = factory.task(org), factory.task(org)
    item = linked(factory, one, gone)
    factory.add(DismissedMention(org_id=org.id, task_id=two.id, item_id=item.id))

    handed_over(gone, 8)

    assert links() == [(one.id, 8, 1)]
    assert db.session.scalars(select(DismissedMention.item_id)).all() == [item.id]


def test_links_older_than_the_last_fetch_stay(factory, app_context):
    org, task = (org := factory.org()), factory.task(org)
    gone = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    item = factory.gitlab_item(gone, fetched_at=utcnow(), refresh_requested_at=null())
    factory.link(task, item, created_at=utcnow() - timedelta(days=1))

    handed_over(gone, 8)

    assert links() == [(task.id, 7, item.iid)]


@pytest.fixture
def pieces_of_two(monkeypatch):
    monkeypatch.setattr(project_successors, "PIECE", 2)


def moved_on(org):
    """The number of pieces that were left to move."""
    count = 0
    while move_next_piece(org.id):
        db.session.commit()
        count += 1
    db.session.commit()
    return count


@pytest.mark.usefixtures("pieces_of_two")
def test_what_is_too_much_for_a_piece_is_merged_by_committed_pieces(factory, app_context):
    org = factory.org()
    known = factory.gitlab_project(org, gitlab_id=7, path="acme/new")
    former = factory.gitlab_project(org, gitlab_id=None, path="acme/old")
    tasks = [factory.task(org) for _ in range(5)]
    for iid, task in enumerate(tasks, 1):
        linked(factory, task, former, iid=iid)
    linked(factory, tasks[0], known, iid=1)

    learned(former, 7, "acme/new")

    assert len(projects()) == 2, "the row stays until its last item has moved"
    assert not is_known(db.session.get(GitLabProject, former.id), 7, "acme/new")
    assert moved_on(org) == 2
    assert projects() == [(7, "acme/new", "acme/new")]
    assert sorted(links(), key=lambda link: link[2]) == [
        (task.id, 7, iid) for iid, task in enumerate(tasks, 1)
    ]


@pytest.mark.usefixtures("pieces_of_two")
def test_what_is_too_much_for_a_piece_is_handed_over_by_committed_pieces(factory, app_context):
    org = factory.org()
    gone = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    tasks = [factory.task(org) for _ in range(5)]
    for iid, task in enumerate(tasks, 1):
        linked(factory, task, gone, iid=iid)

    handed_over(gone, 8)

    assert projects() == [(7, "acme/press", None), (8, "acme/press", "acme/press")]
    assert [link[1] for link in links()].count(8) == 2
    assert moved_on(org) == 2
    assert links() == [(task.id, 8, iid) for iid, task in enumerate(tasks, 1)]
    assert moved_on(org) == 0


@pytest.mark.usefixtures("pieces_of_two")
def test_a_project_that_answers_again_keeps_what_was_not_moved_yet(factory, app_context):
    org = factory.org()
    away = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    for iid in range(1, 6):
        linked(factory, factory.task(org), away, iid=iid)
    handed_over(away, 8)

    learned(away, 7, "acme/moved")

    assert moved_on(org) == 0
    assert [link[1] for link in links()].count(7) == 3


@pytest.mark.parametrize("count", [10, 400])
def test_the_statements_of_a_change_of_path_do_not_grow_with_the_items(
    app, factory, org, items, app_context, count
):
    project = factory.gitlab_project(org, gitlab_id=7, path="acme/press")
    holder = factory.gitlab_project(org, gitlab_id=8, path="acme/tools")
    former = factory.gitlab_project(org, gitlab_id=None, path="acme/old")
    for row in (project, holder, former):
        items(row, range(1, count + 1))
    with statements(app) as renamed:
        learned(project, 7, "acme/tools")
    with statements(app) as merged:
        learned(former, 7, "acme/tools")
    with statements(app) as handed:
        handed_over(project, 9)
    assert max(len(sent) for sent in (renamed, merged, handed)) < 15
