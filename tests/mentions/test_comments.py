"""Comments mention tasks where the org has chosen that, each by its own newest text."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_links.accounts.orgs import update_org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.gitlab.comments import read_comment
from gitlab_links.gitlab.snapshot import ItemText
from gitlab_links.links.changes import detach
from gitlab_links.links.models import GitLabItem
from gitlab_links.mentions.comments import MOST_KEPT, store_comment
from gitlab_links.mentions.pattern import pattern_of
from gitlab_links.mentions.reading import mentions_of, read_mentions
from gitlab_links.pasting.changes import attach

URL = "https://tasks.example.com/orgs/x/tasks/"
ACME = pattern_of(("ACME",), URL, reads_comments=True)
DEAF = pattern_of(("ACME",), URL)


def comment(number, text, second=0, **fields):
    at = f"2026-11-29T12:00:{second:02}Z"
    return read_comment({"id": number, "note": text, "updated_at": at, "system": False, **fields})


def stored(*comments, pattern=ACME, before=None):
    item = GitLabItem(mentions=before)
    for one in comments:
        store_comment(item, one, pattern)
    return item.mentions


def tasks(mentions):
    found = mentions_of(mentions or {}, {number: number for number in range(1, 200)})
    return {task: (one.fields, one.closes) for task, one in found.items()}


def test_a_comment_mentions_and_never_closes():
    assert tasks(stored(comment(1, "Closes ACME-1"))) == {1: (("comment",), False)}
    assert stored(comment(1, "Closes ACME-1"), pattern=DEAF) is None


def test_what_gitlab_notes_itself_and_what_is_malformed_is_no_comment():
    assert comment(1, "ACME-1", system=True) is None
    assert (comment(None, "ACME-1"), comment(1, None)) == (None, None)
    assert comment(1, "ACME-1", updated_at="x", created_at=None) is None


def test_an_older_text_of_a_comment_changes_nothing():
    edits = [comment(1, "ACME-1", 1), comment(1, "ACME-2", 2), comment(1, "nobody", 3)]
    for seed in range(20):
        shuffled = random.Random(seed).sample(edits, 3)
        assert tasks(stored(*shuffled)) == {}
    assert tasks(stored(*edits[:2], comment(2, "ACME-1", 0))).keys() == {1, 2}


def test_the_texts_of_the_item_leave_its_comments_as_they_are():
    known = stored(comment(1, "ACME-1"))
    both = read_mentions(ItemText("ACME-2", None, None), ACME, known)
    assert tasks(both).keys() == {1, 2}
    assert tasks(read_mentions(ItemText(None, None, None), ACME, both)).keys() == {1}
    many = read_mentions(ItemText(" ".join(f"ACME-{n}" for n in range(1, 30))), ACME, both)
    assert tasks(many) == {}
    assert tasks(read_mentions(ItemText("x", None, None), ACME, many)).keys() == {1}


@given(st.lists(st.tuples(st.integers(1, 150), st.integers(0, 59)), max_size=160))
def test_no_more_than_a_hundred_are_kept(comments):
    found = stored(*(comment(number, "ACME-1", second) for number, second in comments))
    assert len((found or {}).get("comment", {}).get("comments", {})) <= MOST_KEPT


@pytest.fixture
def listening(mentioning):
    admin = mentioning.connected.factory.principal(mentioning.org, Role.ADMIN)
    update_org(admin, comments_mention=True)
    db.session.commit()


@pytest.mark.differs_by_database
def test_a_comment_by_the_projects_own_hook_links_the_item(mentioning, key, listening):
    mentioning.task(12)
    project = mentioning.connected.project("acme/app")
    mentioning.connected.link(mentioning.connected.issue(project, "Known", notify=False))
    mentioning.fetch()
    item = mentioning.connected.issue(project, "Other", notify=False)
    note = mentioning.gitlab.items.comment(item, f"Like {key(12)}")
    body = mentioning.gitlab.publisher.bodies.note(note, item)
    mentioning.receive(body)  # by the shared secret
    mentioning.connected.drain()
    mentioning.fetch()
    assert 12 not in mentioning.linked()
    mentioning.receive(body, mentioning.own_secret("acme/app"))
    mentioning.connected.drain()
    mentioning.fetch()
    assert mentioning.linked()[12] == ["acme/app#2"]
    assert mentioning.links()[-1].mentioned_in == ["comment"]


def test_linking_by_hand_what_was_dismissed_remembers_the_comments(mentioning, key, listening):
    task = mentioning.task(12)
    project = mentioning.connected.project("acme/app")
    mentioning.connected.link(mentioning.connected.issue(project, "Known", notify=False))
    mentioning.fetch()
    item = mentioning.connected.issue(project, f"About {key(12)}", notify=False)
    note = mentioning.gitlab.items.comment(item, f"Like {key(12)}")
    secret = mentioning.own_secret("acme/app")
    mentioning.receive(mentioning.gitlab.publisher.bodies.note(note, item), secret)
    mentioning.connected.drain()
    mentioning.fetch()
    link = mentioning.links()[-1]
    assert link.mentioned_in == ["title", "comment"]
    detach(mentioning.connected.principal, task.id, link.id)
    db.session.commit()
    attach(mentioning.connected.principal, task.id, mentioning.gitlab.urls.item(item))
    db.session.commit()
    mentioning.fetch()
    again = mentioning.links()[-1]
    assert (again.made_by_person, again.mentioned_in) == (True, ["title", "comment"])


def test_without_the_choice_comments_link_nothing(mentioning, key):
    mentioning.task(12)
    project = mentioning.connected.project("acme/app")
    mentioning.connected.link(mentioning.connected.issue(project, "Known", notify=False))
    mentioning.fetch()
    item = mentioning.connected.issue(project, "Other", notify=False)
    note = mentioning.gitlab.items.comment(item, key(12))
    body = mentioning.gitlab.publisher.bodies.note(note, item)
    mentioning.receive(body, mentioning.own_secret("acme/app"))
    mentioning.connected.drain()
    assert 12 not in mentioning.linked()
