"""Mentions in GitLab make links of tasks, and links go with the last mention."""

import pytest

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.accounts.task_keys import change_task_key
from gitlab_links.audit.models import AuditEvent
from gitlab_links.events.models import Event
from gitlab_links.extensions import db
from gitlab_links.links.changes import detach
from gitlab_links.links.models import GitLabItem
from gitlab_links.links.provenance import keep
from gitlab_links.links.task_removal import remove_task
from gitlab_links.links.undoing import reattach
from gitlab_links.pasting.changes import attach


@pytest.fixture
def app_project(mentioning):
    return mentioning.connected.project("acme/app")


@pytest.fixture
def known(mentioning, app_project):
    """A project whose hook the service has created: a link points into it."""
    mentioning.connected.link(mentioning.connected.issue(app_project, "Known"))
    mentioning.fetch()
    return mentioning.own_secret("acme/app")


def request_of(mentioning, project, title="Rollers", **fields):
    return mentioning.connected.merge_request(project, title, notify=False, **fields)


def test_a_mention_in_an_event_of_the_projects_own_hook_links_at_once(
    mentioning, key, app_project, known
):
    mentioning.task(12)
    item = request_of(
        mentioning, app_project, f"{key(12)}: rollers", description=f"Fixes {key(12)}"
    )
    mentioning.send(item, known)
    assert mentioning.linked()[12] == ["acme/app!1"]
    link = mentioning.links()[-1]
    assert (link.made_by_person, link.created_by) == (False, None)
    assert (link.mentioned_in, link.closes) == (["title", "description"], True)
    mentioning.fetch()
    assert mentioning.linked()[12] == ["acme/app!1"]


@pytest.mark.differs_by_database
def test_an_edit_that_takes_the_mention_back_takes_the_link(mentioning, key, app_project, known):
    mentioning.task(12)
    item = request_of(mentioning, app_project, f"{key(12)}: rollers")
    mentioning.send(item, known)
    mentioning.fetch()
    before = mentioning.items()
    mentioning.gitlab.items.edit(item, title="Rollers", notify=False)
    mentioning.send(item, known)
    assert 12 not in mentioning.linked()
    assert mentioning.items() == before - 1
    by_mention = [
        one.type
        for one in db.session.scalars(db.select(Event).order_by(Event.id))
        if one.cause == {"kind": "mention"}
    ]
    assert by_mention == ["link.created", "link.removed"]


def test_what_the_shared_secret_proves_waits_for_gitlabs_api(mentioning, key, app_project):
    mentioning.task(12)
    true = request_of(mentioning, app_project, f"{key(12)}: rollers")
    forged = mentioning.body(mentioning.connected.issue(app_project, "Nothing", notify=False))
    forged["object_attributes"]["title"] = f"Forged {key(12)}"
    mentioning.receive(forged)
    mentioning.send(true)
    assert (mentioning.linked(), mentioning.items()) == ({}, 2)
    mentioning.fetch()
    assert (mentioning.linked(), mentioning.items()) == ({12: ["acme/app!1"]}, 1)


def test_an_event_of_what_gitlab_does_not_show_links_nothing(mentioning, key, app_project):
    mentioning.task(12)
    body = mentioning.body(mentioning.connected.issue(app_project, "Nothing", notify=False))
    body["object_attributes"] |= {"title": f"Forged {key(12)}", "iid": 99}
    mentioning.receive(body)
    body["project"] = {"id": 7, "path_with_namespace": "acme/secret"}
    mentioning.receive(body)
    mentioning.connected.drain()
    mentioning.fetch()
    assert (mentioning.linked(), mentioning.items()) == ({}, 0)


def test_an_event_of_another_instance_is_not_read(mentioning, key, app_project):
    mentioning.task(12)
    item = request_of(mentioning, app_project, key(12))
    body = mentioning.body(item)
    mentioning.receive(body, **{"X-Gitlab-Instance": "https://staging.example.com"})
    mentioning.connected.drain()
    assert mentioning.items() == 0


def test_a_shared_secret_changes_no_link_of_a_linked_item_before_gitlab_confirms_it(
    mentioning, key, app_project
):
    mentioning.task(12)
    item = request_of(mentioning, app_project, key(12))
    mentioning.send(item)
    mentioning.fetch()
    mentioning.gitlab.items.edit(item, title="Rollers", description=key(13), notify=False)
    mentioning.task(13)
    mentioning.send(item)
    assert mentioning.linked() == {12: ["acme/app!1"]}
    mentioning.fetch()
    assert mentioning.linked() == {13: ["acme/app!1"]}


def test_a_fetch_finds_mentions_too(mentioning, key, app_project):
    """A lost hook is made up for wherever the item is read."""
    mentioning.task(12)
    item = mentioning.connected.issue(app_project, "Known", notify=False)
    mentioning.connected.link(item)
    mentioning.gitlab.items.edit(item, description=f"See {key(12)}", notify=False)
    mentioning.fetch()
    assert mentioning.linked()[12] == ["acme/app#1"]


def test_only_tasks_that_exist_are_linked_and_only_of_this_org(mentioning, key, app_project):
    other = mentioning.connected.factory.org(task_key="OTHER")
    mentioning.connected.factory.task(other, number=12)
    mentioning.send(request_of(mentioning, app_project, f"{key(12)} OTHER-12 UTF-8"))
    assert mentioning.items() == 0


def test_a_former_key_still_mentions(mentioning, key, app_project):
    mentioning.task(12)
    former = key(12)
    org = db.session.get_one(Org, mentioning.org.id)
    change_task_key(org, "FRESH")
    db.session.commit()
    mentioning.send(request_of(mentioning, app_project, former))
    mentioning.fetch()
    assert mentioning.linked() == {12: ["acme/app!1"]}


def test_the_address_of_a_task_mentions_it(mentioning, app_project):
    task = mentioning.task(12)
    address = f"http://localhost/orgs/{mentioning.org.id}/tasks/{task.id}"
    item = request_of(mentioning, app_project, description=f"Closes {address}")
    mentioning.send(item)
    mentioning.fetch()
    assert [link.closes for link in mentioning.links()] == [True]


def test_a_branch_mentions(mentioning, key, app_project):
    mentioning.task(12)
    mentioning.gitlab.items.add_merge_request(
        app_project, "x", author="root", source_branch=f"{key(12).lower()}-x", notify=False
    )
    mentioning.send(app_project.merge_requests[1])
    mentioning.fetch()
    assert [link.mentioned_in for link in mentioning.links()] == [["source_branch"]]


def test_more_than_20_tasks_are_not_linked(mentioning, key, app_project):
    for number in range(1, 23):
        mentioning.task(number)
    few = request_of(mentioning, app_project, description=" ".join(map(key, range(1, 21))))
    many = request_of(mentioning, app_project, description=" ".join(map(key, range(1, 22))))
    mentioning.send(few)
    mentioning.send(many)
    mentioning.fetch()
    assert {tuple(found) for found in mentioning.linked().values()} == {("acme/app!1",)}
    assert (len(mentioning.linked()), mentioning.items()) == (20, 1)


def test_a_person_keeps_a_link_and_it_outlives_its_mention(mentioning, key, app_project):
    task = mentioning.task(12)
    item = request_of(mentioning, app_project, key(12))
    mentioning.send(item)
    mentioning.fetch()
    principal = mentioning.connected.principal
    [link] = mentioning.links()
    keep(principal, task.id, link.id)
    keep(principal, task.id, link.id)
    db.session.commit()
    mentioning.gitlab.items.edit(item, title="Rollers", notify=False)
    mentioning.send(item)
    mentioning.fetch()
    [link] = mentioning.links()
    assert (link.made_by_person, link.created_by) == (True, principal.user_id)
    assert (link.mentioned_in, link.closes) == (None, False)
    kept = db.session.scalars(db.select(AuditEvent).where(AuditEvent.action == "link.kept"))
    assert len(kept.all()) == 1


def test_a_removed_link_stays_away_until_the_mention_is_gone_and_comes_back(
    mentioning, key, app_project
):
    task = mentioning.task(12)
    item = request_of(mentioning, app_project, key(12))
    mentioning.send(item)
    mentioning.fetch()
    [link] = mentioning.links()
    detach(mentioning.connected.principal, task.id, link.id)
    db.session.commit()

    def edit(title):
        mentioning.gitlab.items.edit(item, title=title, notify=False)
        mentioning.send(item)
        mentioning.fetch()
        return mentioning.linked()

    assert edit(f"Still {key(12)}") == {}
    assert edit("Gone") == {}
    assert (mentioning.items(), mentioning.dismissed()) == (0, 0)
    assert edit(f"Again {key(12)}") == {12: ["acme/app!1"]}


def test_undoing_the_removal_restores_what_made_the_link(mentioning, key, app_project):
    task = mentioning.task(12)
    item = request_of(mentioning, app_project, f"Fixes {key(12)}")
    mentioning.send(item)
    mentioning.fetch()
    [link] = mentioning.links()
    removed = detach(mentioning.connected.principal, task.id, link.id)
    db.session.commit()
    reattach(mentioning.connected.principal, task.id, removed)
    db.session.commit()
    mentioning.fetch()
    [again] = mentioning.links()
    assert (again.id, again.made_by_person, again.closes) == (link.id, False, True)
    mentioning.gitlab.items.edit(item, title="Rollers", notify=False)
    mentioning.send(item)
    mentioning.fetch()
    assert mentioning.linked() == {}


def test_linking_a_dismissed_item_makes_it_a_persons(mentioning, key, app_project):
    task = mentioning.task(12)
    item = request_of(mentioning, app_project, f"Fixes {key(12)}")
    mentioning.send(item)
    mentioning.fetch()
    detach(mentioning.connected.principal, task.id, mentioning.links()[0].id)
    db.session.commit()
    attach(mentioning.connected.principal, task.id, mentioning.gitlab.urls.item(item))
    db.session.commit()
    mentioning.fetch()
    [link] = mentioning.links()
    assert (link.made_by_person, link.mentioned_in, link.closes) == (True, ["title"], True)
    assert mentioning.dismissed() == 0


def test_pasting_what_a_mention_links_already_keeps_it(mentioning, key, app_project):
    task = mentioning.task(12)
    item = request_of(mentioning, app_project, key(12))
    mentioning.send(item)
    mentioning.fetch()
    attach(mentioning.connected.principal, task.id, mentioning.gitlab.urls.item(item))
    db.session.commit()
    assert [link.made_by_person for link in mentioning.links()] == [True]


def test_removing_a_task_forgets_what_was_dismissed_for_it(mentioning, key, app_project):
    task = mentioning.task(12)
    mentioning.send(request_of(mentioning, app_project, key(12)))
    mentioning.fetch()
    detach(mentioning.connected.principal, task.id, mentioning.links()[0].id)
    db.session.commit()
    assert mentioning.items() == 1
    remove_task(mentioning.connected.principal, task.id)
    db.session.commit()
    assert (mentioning.items(), mentioning.dismissed()) == (0, 0)


def test_a_confidential_issue_that_mentions_a_task_is_withheld(mentioning, key, app_project):
    mentioning.task(12)
    issue = mentioning.connected.issue(
        app_project, f"Secret {key(12)}", confidential=True, notify=False
    )
    mentioning.send(issue)
    mentioning.fetch()
    assert mentioning.linked(Role.MEMBER) == {12: ["acme/app#1"]}
    item = db.session.scalars(db.select(GitLabItem)).one()
    assert (item.confidential, item.mentions) == (True, {"title": {"mentions": [12]}})
