"""Nothing that a confidential item shows leaves; a chat does not even get that it exists."""

import orjson
import pytest
from sqlalchemy import update

from gitlab_links.audit.changes import RULE, SERVICE
from gitlab_links.events.models import EventType
from gitlab_links.events.recording import LinkFacts, NewEvent, record
from gitlab_links.extensions import db
from gitlab_links.links.models import GitLabItem
from gitlab_links.outgoing.models import Format
from gitlab_links.outgoing.requests import BODY_BYTES

ITEM = "https://gitlab.example.com/acme/app/-/issues/7"


@pytest.fixture
def item(office, factory):
    project = factory.gitlab_project(office.org, path="acme/app")
    item = factory.gitlab_item(project, iid=7, title="The secret plan", state="opened")
    factory.link(factory.task(office.org), item)
    return item


def changed(office, item, *, confidential=False, changes=None, kind=EventType.LINK_CHANGED):
    link = LinkFacts(item.id, item.id, item.project_id, "issue", "acme/app#7", ITEM, confidential)
    changes = changes or {"title": ["The secret", "The secret plan"], "state": ["opened", "merged"]}
    record(office.org.id, SERVICE, NewEvent(kind, item.id, "ACME-1", link, changes))
    db.session.commit()


def test_what_an_item_shows_is_sent_to_programs_and_chats(office, receiver, item):
    office.endpoint("good")
    office.endpoint("chat", Format.CHAT)
    changed(office, item)
    office.work()
    (sent,) = receiver.at("good")
    assert sent.json["data"]["changes"]["state"] == ["opened", "merged"]
    (message,) = receiver.at("chat")
    assert message.json["text"].startswith(f"<{ITEM}|acme/app#7> The secret plan is merged (<http")
    assert "webhook-signature" not in message.headers


def test_of_a_confidential_item_programs_get_ids_and_chats_nothing(office, receiver, item):
    office.endpoint("good")
    office.endpoint("chat", Format.CHAT, highlights_only=False)
    changed(office, item, confidential=True)
    changed(office, item, confidential=True, kind=EventType.LINK_CREATED)
    office.work()
    first, second = receiver.at("good")
    assert (first.json["data"]["changes"], first.json["data"]["withheld"]) == ({}, True)
    assert first.json["data"]["link"]["reference"] == "acme/app#7"
    assert b"secret plan" not in first.body + second.body
    assert receiver.at("chat") == []


def test_what_became_confidential_before_it_was_sent_does_not_leave(office, receiver, item):
    office.endpoint("good")
    office.endpoint("chat", Format.CHAT, highlights_only=False)
    changed(office, item)
    office.publish()
    db.session.execute(update(GitLabItem).values(confidential=True))
    db.session.commit()
    office.send()
    (sent,) = receiver.at("good")
    assert b"secret plan" not in sent.body
    assert receiver.at("chat") == []
    assert sorted(one.status for one in office.sent()) == ["delivered", "dropped"]


def test_a_body_has_at_most_8_kb(office, receiver, item):
    office.endpoint("good")
    many = [f"label-{number}-" + "x" * 230 for number in range(60)]
    changed(office, item, changes={"labels": [[], many], "state": ["opened", "closed"]})
    office.work()
    (sent,) = receiver.at("good")
    assert len(sent.body) <= BODY_BYTES
    assert sent.json["data"]["detail"] == {"shortened": ["labels", "state"]}


def test_a_chat_gets_what_people_want_to_read(office, receiver, item):
    office.endpoint("chat", Format.CHAT)
    office.tasks("Noise")
    changed(office, item, changes={"labels": [[], ["a"]]})
    changed(office, item, changes={"pipeline_status": ["running", "success"]})
    changed(office, item, changes={"state": [None, "merged"]})  # as it was when it was linked
    changed(office, item, changes={"pipeline_status": ["running", "failed"]})
    done = NewEvent(
        EventType.TASK_STATUS_CHANGED,
        item.id,
        "ACME-1",
        changes={"status": ["in_progress", "done"]},
        cause={"kind": "rule"},
    )
    record(office.org.id, RULE, done)
    record(office.org.id, office.principal.actor, done)
    health = {"summary": "The token has expired.", "remedy": "Set a new one."}
    record(
        office.org.id,
        SERVICE,
        NewEvent(
            EventType.CONNECTION_HEALTH_CHANGED, changes={"open": [False, True]}, detail=health
        ),
    )
    db.session.commit()
    office.work()
    texts = [one.json["text"] for one in receiver.at("chat")]
    assert [text.partition("<")[0] for text in texts] == [
        "The pipeline of ",
        "A rule set ",
        f"Acme: The token has expired. Set a new one. http://localhost/orgs/{office.org.id}/gitlab",
    ]


def test_a_title_cannot_format_a_message_or_call_everybody(office, receiver, item):
    office.endpoint("chat", Format.CHAT, highlights_only=False)
    office.tasks("<!channel> <https://evil.test|click> & more\nline @here @Everyone me@all.test")
    office.work()
    (message,) = receiver.at("chat")
    text = orjson.loads(message.body)["text"]
    assert "&lt;!channel&gt; &lt;https://evil.test|click&gt; &amp; more line" in text
    assert not [name for name in ("@here", "@everyone", "@all", "@channel") if name in text.lower()]
    assert "@\u200bhere" in text


def test_every_type_has_a_sentence_for_chats(office, receiver):
    office.endpoint("chat", Format.CHAT, highlights_only=False)
    record(office.org.id, SERVICE, *(NewEvent(kind) for kind in EventType))
    db.session.commit()
    office.work()
    texts = [one.json["text"] for one in receiver.at("chat")]
    assert len(texts) == len(EventType)
    assert not [text for text in texts if any(kind.value in text for kind in EventType)]
