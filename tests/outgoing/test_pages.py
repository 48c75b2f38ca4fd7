"""The pages of endpoints: made, tried, changed and sent again, with words for what is wrong."""

import re

import pytest
from standardwebhooks import Webhook
from werkzeug import Response

from gitlab_links.accounts.roles import Role
from gitlab_links.outgoing.endpoints import MOST_OF_AN_ORG
from gitlab_links.outgoing.models import Format
from tests.api.callers import browser
from tests.pages.markup import hidden, text_of
from tests.statements import statements


@pytest.fixture
def pm(office, factory):
    return browser(office.app, factory.membership(office.org, Role.PM).user_id)


@pytest.fixture
def page(office):
    return f"/orgs/{office.org.id}/endpoints"


def fill(receiver, name="good", **values):
    usual = {"url": receiver.url(name), "description": "Build lights", "what": "usual"}
    return {**usual, "format": "standard", **values}


def test_the_secret_is_shown_once_and_signs(pm, page, receiver, office):
    made = pm.post(page, data=fill(receiver))
    shown = pm.get(made.headers["Location"])
    secret = re.search(r'value="(whsec_[^"]+)"', shown.text)[1].replace("&#43;", "+")
    assert "no-store" in shown.headers["Cache-Control"]
    assert "whsec_" not in pm.get(made.headers["Location"]).text
    assert "s3cret-path" not in shown.text
    office.tasks("One")
    office.work()
    (got,) = receiver.got
    Webhook(secret).verify(got.body, got.headers)
    again = pm.get(made.headers["Location"]).text
    assert "task.created" in again
    assert "Delivered" in again


def test_what_is_wrong_is_said_at_the_field(pm, page, receiver):
    answer = pm.post(page, data=fill(receiver, url="http://hooks.example.com/x"))
    assert answer.status_code == 422
    assert 'id="url-error"' in answer.text
    assert "would send the events unencrypted" in answer.text
    assert "Build lights" in answer.text


def test_a_test_says_what_came_of_it(pm, page, receiver, office):
    made = office.endpoint("broken")
    one = f"{page}/{made.endpoint.id}"
    receiver.answers["broken"] = 500
    pm.post(f"{one}/test")
    assert "The test was not accepted. It answered 500. The answer begins: thanks" in (
        pm.get(one).text
    )
    receiver.answers["broken"] = 200
    pm.post(f"{one}/test")
    assert "The test was accepted: 200" in pm.get(one).text


def test_a_test_that_is_accepted_ends_the_pause(pm, page, receiver, office, clock):
    made = office.endpoint("broken")
    one = f"{page}/{made.endpoint.id}"
    receiver.answers["broken"] = Response("later", 503, {"Retry-After": "720"})
    office.tasks("One", "Two")
    office.work()
    clock.advance(1)
    shown = pm.get(one).text
    assert "It answered 503. It is tried again in 12 min, or at once after a test" in shown
    pm.post(f"{one}/test")  # refused as well, which changes nothing
    office.send()
    refused = len(receiver.at("broken"))
    receiver.answers["broken"] = 200
    pm.post(f"{one}/test")
    office.send()
    arrived = [got.json for got in receiver.at("broken")[refused:]]
    assert [got["type"] for got in arrived] == ["endpoint.test", "task.created", "task.created"]
    assert arrived[1]["position"] < arrived[2]["position"]
    assert "Working" in pm.get(one).text


def test_an_endpoint_that_was_turned_off_says_why_and_is_turned_on(pm, page, receiver, office):
    made = office.endpoint("gone")
    receiver.answers["gone"] = 410
    office.tasks("One")
    office.work()
    one = f"{page}/{made.endpoint.id}"
    office.tasks("Two")
    office.work()
    shown = pm.get(one).text
    assert "It was turned off: It answered 410" in shown
    assert "2 events wait now." in shown
    log = f"{one}/log/{office.sent()[1].id}"
    assert "when the endpoint is turned on" in pm.get(log).text
    receiver.answers["gone"] = 200
    pm.post(f"{one}/switch", data={"on": "1"})
    assert "It is on. 2 events that waited are sent now." in pm.get(one).text
    office.send()
    assert len(receiver.at("gone")) == 3


def test_settings_are_changed_and_an_empty_address_stays(pm, page, receiver, office):
    made = office.endpoint()
    one, address = f"{page}/{made.endpoint.id}", made.endpoint.url_ciphertext
    changed = fill(receiver, url="", description="Deploys", what="highlights", types="task.deleted")
    changed |= hidden(pm.get(one), "version")
    assert pm.post(one, data=changed).status_code == 302
    endpoint = office.fresh(made.endpoint)
    assert (endpoint.description, endpoint.types) == ("Deploys", ["task.deleted"])
    assert endpoint.highlights_only
    assert endpoint.url_ciphertext == address
    assert "Highlights of 1 type" in pm.get(page).text


@pytest.mark.parametrize("role", [Role.PM, Role.ADMIN])
def test_two_who_edit_an_endpoint_see_both_versions(pm, page, receiver, office, factory, role):
    other = browser(office.app, factory.membership(office.org, role).user_id)
    made = office.endpoint()
    one = f"{page}/{made.endpoint.id}"
    address = made.endpoint.url_ciphertext
    before = fill(receiver, url="", description="", what="everything")
    before |= hidden(pm.get(one), "version")
    theirs = {**before, "url": receiver.url("theirs"), "types": "task.deleted"}
    assert other.post(one, data=theirs).status_code == 302

    # What only one of them changed is kept.
    saved = pm.post(one, data={**before, "description": "Deploys"})
    assert saved.status_code == 302
    assert "meanwhile stays, too: types." in text_of(pm.get(one))
    endpoint = office.fresh(made.endpoint)
    assert (endpoint.description, endpoint.types) == ("Deploys", ["task.deleted"])
    assert endpoint.url_ciphertext != address

    # What both changed is asked for.
    mine = {
        **before,
        "description": "Deploys",
        "url": receiver.url("mine"),
        "types": "link.created",
    }
    shown = pm.post(one, data=mine)
    assert shown.status_code == 412
    text = text_of(shown)
    assert "Somebody else changed this endpoint while you were editing it" in text
    assert f"Address, theirs 127.0.0.1:{receiver.port} Address, yours" in text
    assert "Types, theirs A task was deleted Types, yours An item was linked" in text
    assert "s3cret-path" not in pm.get(one).text
    assert office.fresh(made.endpoint).types == ["task.deleted"]
    assert pm.post(one, data={**mine, **hidden(shown, "version")}).status_code == 302
    assert office.fresh(made.endpoint).types == ["link.created"]


def test_a_sent_event_shows_attempts_and_answer_and_is_sent_again(pm, page, receiver, office):
    made = office.endpoint("chat", Format.CHAT, highlights_only=False)
    office.tasks("One")
    office.work()
    (delivery,) = office.sent()
    log = f"{page}/{made.endpoint.id}/log/{delivery.id}"
    assert "thanks" in pm.get(log).text
    pm.post(f"{log}/replay")
    office.send()
    assert len(receiver.at("chat")) == 2
    assert "sent again" in pm.get(log).text


def test_a_chat_has_no_secret_to_replace(pm, page, office):
    made = office.endpoint("chat", Format.CHAT)
    one = f"{page}/{made.endpoint.id}"
    assert "Replace secret" not in pm.get(one).text
    pm.post(f"{one}/secret")
    assert "are not signed" in pm.get(one).text


def test_a_deleted_endpoint_gets_nothing_more(pm, page, receiver, office):
    made = office.endpoint()
    office.tasks("One")
    office.publish()
    pm.post(f"{page}/{made.endpoint.id}/delete")
    office.send()
    assert receiver.got == []
    assert "No endpoint yet" in pm.get(page).text


def test_the_pages_take_a_fixed_number_of_statements(pm, page, office):
    one = f"{page}/{office.endpoint().endpoint.id}"

    def counted():
        for address in (page, one):
            with statements(office.app) as sent:
                assert pm.get(address).status_code == 200
            yield len(sent)

    pm.get(page)  # notes that the session is used
    few = list(counted())
    for number in range(MOST_OF_AN_ORG - 1):
        office.endpoint(f"more{number}")
    office.tasks(*"abcdefgh")
    office.publish()
    assert list(counted()) == few
    assert max(few) <= 7  # one for the mark of GitLab in the menu
