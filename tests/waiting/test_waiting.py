"""What waits on a member, from GitLab's events and answers to page and API."""

import contextvars
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.roles import Role
from gitlab_links.demo.gitlab.approvals import approve, revoke
from gitlab_links.extensions import db
from gitlab_links.links.changes import detach
from gitlab_links.sign_in.models import Identity
from gitlab_links.tasks.models import Task
from tests.api.callers import Caller
from tests.api.callers import browser as at_browser
from tests.factories import Factory
from tests.gitlab import bodies
from tests.jobs.conftest import Connected
from tests.pages.markup import text_of
from tests.statements import statements

pytestmark = pytest.mark.differs_by_database
Send = Callable[[dict[str, Any]], None]


class Apart(Caller):
    """Sends requests outside of the context of the jobs, which remembers who is logged in."""

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        return contextvars.Context().run(super().call, method, path, **options)


def browser(app: Flask, user_id: uuid.UUID) -> Apart:
    caller = at_browser(app, user_id)
    return Apart(caller.client, caller.headers)


@pytest.fixture
def kim(app: Flask, factory: Factory, connected: Connected) -> Caller:
    """A member who says that their account in GitLab is k_m."""
    who = browser(app, factory.membership(connected.org).user_id)
    answer = who.patch(path(connected.org), json={"gitlab_username": "@K_m"})
    assert answer.json["gitlab_username"] == "k_m"
    return who


@pytest.fixture
def mr(connected: Connected) -> Any:
    for name in ("k_m", "kim"):
        connected.gitlab.state.people.add_user(name, name.title())
    return connected.merge_request(connected.project(), reviewers=["k_m"])


def path(org: Org) -> str:
    return f"/api/orgs/{org.id}/waiting"


def waits(who: Caller, org: Org) -> list[tuple[str, str, list[str]]]:
    return [
        (one["reason"], one["reference"], [task["title"] for task in one["tasks"]])
        for one in who.get(path(org)).json["waiting"]
    ]


def event(connected: Connected, mr: Any, by: str = "k_m", **changed: Any) -> dict[str, Any]:
    """The body that GitLab sends of an edit."""
    state = connected.gitlab.state
    state.items.edit(mr, by=by, **changed)
    body: dict[str, Any] = state.publisher.bodies.item(
        mr, action="update", by=state.people.user(by), changes={}
    )
    return body


def test_a_review_is_waited_for_until_it_is_done_and_again_when_asked_for_again(
    connected: Connected, mr: Any, kim: Caller, send: Send
) -> None:
    link = connected.link(mr)
    connected.fetch()
    title = db.session.get_one(Task, connected.tasks[link]).title
    db.session.rollback()
    expected = [("review", "acme/press!1", [title])]
    assert waits(kim, connected.org) == expected
    send(event(connected, mr, reviews={"k_m": "requested_changes"}))
    assert waits(kim, connected.org) == []
    send(event(connected, mr, reviews={"k_m": "re-requested"}))
    assert waits(kim, connected.org) == expected


def test_an_older_gitlab_says_only_who_approved_or_commented(
    connected: Connected, mr: Any, kim: Caller, send: Send
) -> None:
    connected.link(mr)
    connected.fetch()
    state = connected.gitlab.state
    note = state.items.comment(mr, "Nice", by="k_m")
    send(state.publisher.bodies.note(note, mr))
    connected.fetch()
    assert waits(kim, connected.org) == []
    body = event(connected, mr, title="Again")
    for one in body["reviewers"]:
        del one["state"], one["re_requested"]
    send({**body, "object_attributes": {**body["object_attributes"], "action": "unapproved"}})
    assert [one[0] for one in waits(kim, connected.org)] == ["review"]


def test_what_is_ones_own_waits_for_its_merge_or_its_pipeline(
    app: Flask, factory: Factory, connected: Connected, mr: Any
) -> None:
    connected.link(mr)
    pipeline = connected.gitlab.state.pipelines
    pipeline.run(mr, "failed")
    connected.fetch()
    author = browser(app, factory.membership(connected.org).user_id)
    author.patch(path(connected.org), json={"gitlab_username": "root"})
    assert [one[0] for one in waits(author, connected.org)] == ["pipeline_failed"]
    pipeline.run(mr, "success")
    connected.make_due()
    connected.fetch()
    assert [one[0] for one in waits(author, connected.org)] == ["ready_to_merge"]
    connected.gitlab.state.items.merge(mr)
    connected.make_due()
    connected.fetch()
    assert waits(author, connected.org) == []


def test_only_linked_ones_of_the_exact_account_are_found(
    app: Flask, factory: Factory, connected: Connected, mr: Any, kim: Caller
) -> None:
    link = connected.link(mr)
    connected.fetch()
    other = browser(app, factory.membership(connected.org).user_id)
    for name in ("kim", "k", "m"):  # an underscore stands for no other character
        other.patch(path(connected.org), json={"gitlab_username": name})
        assert waits(other, connected.org) == []
    detach(connected.principal, connected.tasks[link], link)
    db.session.commit()
    assert waits(kim, connected.org) == []


def test_the_page_lists_them_and_the_header_counts_them(
    app: Flask, factory: Factory, connected: Connected, mr: Any, kim: Caller
) -> None:
    connected.link(mr)
    connected.fetch()
    page = f"/orgs/{connected.org.id}/waiting"
    shown = text_of(kim.get(page))
    assert "Waiting for your review 1" in shown
    counted = 'Waiting on me<span data-menu-mark="waits"> <span class="count">1</span>'
    assert counted in kim.get(f"/orgs/{connected.org.id}/tasks").text
    known = {"X-Fragment": "waiting"}
    known["If-None-Match"] = kim.get(page, headers=known).headers["ETag"]
    with statements(app) as sent:
        assert kim.get(page, headers=known).status_code == 304
    assert len(sent) <= 5, sent
    refused = kim.post(page, data={"gitlab_username": "no body"})
    assert (refused.status_code, "gitlab_username-error" in refused.text) == (422, True)
    kim.post(page, data={"gitlab_username": ""})
    assert kim.get(page, headers=known).status_code == 200
    assert counted not in kim.get(page).text
    client = browser(app, factory.membership(connected.org, Role.CLIENT).user_id)
    assert client.get(page).status_code == 403
    assert "Waiting on me" not in client.get(f"/orgs/{connected.org.id}/tasks").text


def test_the_count_is_one_query_for_any_number(
    app: Flask, connected: Connected, mr: Any, kim: Caller
) -> None:
    def sent() -> int:
        with statements(app) as found:
            kim.get(f"/orgs/{connected.org.id}/settings")
        return len([one for one, _ in found if "waits_on" in one])

    assert sent() == 1
    connected.link(mr)
    connected.fetch()
    assert sent() == 1


@pytest.mark.parametrize("username", ["", "a b", "-x", "a" * 257, "ä", "a|b", 7])
def test_what_is_no_user_name_is_refused(
    kim: Caller, org: Org, connected: Connected, username: Any
) -> None:
    answer = kim.patch(path(connected.org), json={"gitlab_username": username})
    assert answer.status_code == 422


def test_bodies_say_how_far_reviewers_are() -> None:
    from gitlab_links.gitlab.snapshot import UNKNOWN, Review
    from tests.gitlab.test_event_snapshot import snapshot

    listed = [{"username": "kim", "name": "Kim", "state": "approved", "re_requested": True}]
    assert snapshot(bodies.merge_request(reviewers=listed)).reviews == (
        Review("kim", "approved", re_requested=True),
    )
    older = bodies.merge_request(attributes={"action": "approval"})
    assert snapshot(older).reviews == (Review("rae", "approved", re_requested=False),)
    assert snapshot(bodies.merge_request()).reviews is UNKNOWN


def test_who_signs_in_with_the_orgs_gitlab_gives_no_name(
    app: Flask, factory: Factory, connected: Connected, mr: Any
) -> None:
    connected.link(mr)
    connected.fetch()
    mine, elsewhere = (factory.membership(connected.org).user_id for _ in range(2))
    issuers = {mine: connected.gitlab.url, elsewhere: "https://other.example.com"}
    for user_id, issuer in issuers.items():
        identity = Identity(user_id=user_id, issuer=issuer, subject=str(user_id), name="K_M")
        factory.add(identity)
    me = browser(app, mine)
    assert [one[0] for one in waits(me, connected.org)] == ["review"]
    assert waits(browser(app, elsewhere), connected.org) == []
    me.patch(path(connected.org), json={"gitlab_username": "somebody.else"})
    assert waits(me, connected.org) == []


def test_a_name_of_wildcards_finds_nothing(
    app: Flask, factory: Factory, connected: Connected, mr: Any
) -> None:
    connected.link(mr)
    connected.fetch()
    user_id = factory.membership(connected.org).user_id
    identity = Identity(user_id=user_id, issuer=connected.gitlab.url, subject="9", name="%\\_%")
    factory.add(identity)
    assert waits(browser(app, user_id), connected.org) == []


def test_whoever_approves_is_named_in_the_row_also_if_nobody_asked_them(
    app: Flask, connected: Connected, mr: Any, kim: Caller, send: Send
) -> None:
    """The mark in both lists and the names in the API, from GitLab's events alone."""
    org, state = connected.org, connected.gitlab.state
    link = connected.link(mr)
    connected.fetch()
    task = connected.tasks[link]
    reference = kim.get(f"/api/orgs/{org.id}/tasks/{task}").json["task"]["reference"]

    def after(act: Any, by: str, action: str) -> tuple[list[str], list[str]]:
        act(state.items, mr, by=by)
        send(state.publisher.bodies.item(mr, action=action, by=state.people.user(by), changes={}))
        rows = [kim.get(f"/orgs/{org.id}/{page}").text for page in ("links", f"tasks/{reference}")]
        shown = [
            found[1] for row in rows if (found := re.search(r'title="(Approved by .*?)"', row))
        ]
        answer = kim.get(f"/api/orgs/{org.id}/gitlab-links/{link}").json["link"]
        return answer["approved_by"], shown

    assert after(approve, "kim", "approved") == (["kim"], ["Approved by kim"] * 2)
    both = (["k_m", "kim"], ["Approved by K_M, kim"] * 2)
    assert after(approve, "k_m", "approved") == both
    assert waits(kim, org) == []
    assert after(revoke, "kim", "unapproved") == (["k_m"], ["Approved by K_M"] * 2)
