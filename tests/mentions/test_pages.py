"""What the row of a mentioned item says, and its buttons; the same in the API."""

import pytest

from gitlab_links.extensions import db
from tests.api.callers import browser
from tests.pages.markup import words

IN_PLACE = {"X-Fragment": "links"}


@pytest.fixture
def member(app, mentioning):
    return browser(app, mentioning.connected.principal.user_id)


@pytest.fixture
def links(mentioning, key):
    """The address of the links of a task that a merge request mentions and closes."""
    mentioning.task(12)
    project = mentioning.connected.project("acme/app")
    fork = mentioning.connected.project("sam/app")
    for home in (None, fork):
        item = mentioning.gitlab.items.add_merge_request(
            project, f"Fixes {key(12)}", author="root", source_branch="x", fork=home, notify=False
        )
        mentioning.send(item)
    mentioning.fetch()
    return f"/orgs/{mentioning.org.id}/tasks/{key(12)}/links"


def test_a_row_says_what_made_the_link_and_offers_to_keep_it(mentioning, member, links):
    text = words(member.get(links, headers=IN_PLACE).text)
    assert "Mentioned in the title of !1, which closes this task" in text
    assert text.count("From a fork") == 1
    assert text.count('aria-label="Keep acme/app!') == 2
    assert text.count('aria-label="Remove acme/app!') == 2


def test_keeping_is_undone_by_the_button_in_its_message(mentioning, member, links):
    link = mentioning.links()[0]
    kept = member.post(f"{links}/{link.id}/keep", headers=IN_PLACE)
    text = words(kept.text)
    assert "Kept acme/app!1. It stays when the mention goes." in text
    assert "Linked by User" in text
    assert mentioning.links()[0].made_by_person is True
    member.post(f"{links}/{link.id}/leave", headers=IN_PLACE)
    assert mentioning.links()[0].made_by_person is False


def test_removing_says_for_how_long(mentioning, member, links):
    link = mentioning.links()[0]
    answer = member.post(f"{links}/{link.id}/unlink", headers=IN_PLACE)
    assert "It stays away for as long as the item mentions this task." in words(answer.text)
    assert len(mentioning.links()) == 1
    assert mentioning.dismissed() == 1


def test_a_link_that_nothing_mentions_cannot_be_left_to_mentions(mentioning, member):
    issue = mentioning.connected.issue(mentioning.connected.project("acme/app"))
    link_id = mentioning.connected.link(issue)
    task_id = mentioning.connected.tasks[link_id]
    address = f"/api/orgs/{mentioning.org.id}/tasks/{task_id}/gitlab-links/{link_id}"
    refused = member.patch(address, json={"made_by_person": False})
    assert (refused.status_code, refused.json["code"]) == (409, "not_mentioned")
    page = f"/orgs/{mentioning.org.id}/tasks/{task_id}/links/{link_id}/leave"
    assert "Nothing in the item mentions this task" in words(
        member.post(page, headers=IN_PLACE).text
    )


def test_the_api_says_what_made_a_link_and_keeps_it(mentioning, member, links):
    link = mentioning.links()[0]
    address = f"/api/orgs/{mentioning.org.id}/tasks/{link.task_id}/gitlab-links/{link.id}"
    assert member.get(address).json["link"]["provenance"] == {
        "made_by_person": False,
        "created_by": None,
        "created_by_name": None,
        "mentioned_in": ["title"],
        "closes": True,
        "from_fork": False,
        "names_too_many": False,
        "backfilled": False,
    }
    kept = member.patch(address, json={"made_by_person": True}).json["link"]["provenance"]
    assert (kept["made_by_person"], kept["mentioned_in"]) == (True, ["title"])
    left = member.patch(address, json={"made_by_person": False}).json["link"]["provenance"]
    assert (left["made_by_person"], left["created_by"]) == (False, None)


def test_who_may_not_see_an_item_reads_nothing_of_its_texts(mentioning, key, member):
    task = mentioning.task(12)
    project = mentioning.connected.project("acme/app")
    issue = mentioning.connected.issue(
        project, f"Secret, fixes {key(12)}", confidential=True, notify=False
    )
    mentioning.send(issue)
    mentioning.fetch()
    address = f"/api/orgs/{mentioning.org.id}/tasks/{task.id}/gitlab-links"
    [link] = member.get(address).json["links"]
    assert (link["title"], link["provenance"]["mentioned_in"]) == (None, [])
    assert link["provenance"]["closes"] is False
    text = words(member.get(f"/orgs/{mentioning.org.id}/tasks/{key(12)}").text)
    assert ("Linked by a mention" in text, "Secret" in text) == (True, False)


def test_an_item_that_names_too_many_tasks_says_so(mentioning, key, member):
    task = mentioning.task(12)
    project = mentioning.connected.project("acme/app")
    names = " ".join(f"{mentioning.org.task_key}-{number}" for number in range(1, 23))
    issue = mentioning.connected.issue(project, "Many", description=names, notify=False)
    link_id = mentioning.connected.link(issue)
    mentioning.fetch()
    linked_task = mentioning.connected.tasks[link_id]
    text = words(member.get(f"/orgs/{mentioning.org.id}/tasks/{linked_task}").text)
    assert "#1 names more than 20 tasks, so its mentions link none" in text
    assert task.id != linked_task
    db.session.rollback()
