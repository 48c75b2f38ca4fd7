"""Events reach endpoints signed and in order; one that is slow or away delays no other."""

import base64
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug import Response

from gitlab_links.clock import utcnow
from gitlab_links.config.setting_values import DAY
from gitlab_links.events.models import EventType
from gitlab_links.extensions import db, settings
from gitlab_links.jobs.health_checks import forget_old
from gitlab_links.outgoing import claims
from gitlab_links.outgoing.endpoints import EndpointChange, rotate_secret, update_endpoint
from gitlab_links.outgoing.models import OutgoingDelivery, OutgoingEndpoint
from gitlab_links.outgoing.sent_log import replay
from gitlab_links.tasks.changes import update_task
from tests.outgoing.by_hand import verified


def by_hand(secret, got):
    return verified(secret, got.headers, got.body)


def titles(got):
    return [one.json["data"]["changes"]["title"][1] for one in got]


def later(clock, **time):
    clock.advance(timedelta(**time).total_seconds())


def test_an_event_arrives_signed_and_with_its_id(office, receiver):
    made = office.endpoint()
    office.tasks("One", "Two")
    office.work()
    first, second = receiver.at("good")
    for got in (first, second):
        Webhook(made.secret).verify(got.body, got.headers)
        assert by_hand(made.secret, got)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"x" * 32).decode()).verify(first.body, first.headers)
    assert titles([first, second]) == ["One", "Two"]
    assert first.id == first.json["id"]
    assert [one.status for one in office.sent()] == ["delivered"] * 2
    assert office.sent()[0].last_answer == "thanks"


def test_while_a_secret_is_replaced_both_verify(office, receiver):
    former = office.endpoint()
    renewed = rotate_secret(office.principal, former.endpoint.id)
    db.session.commit()
    office.tasks("One")
    office.work()
    (got,) = receiver.at("good")
    for secret in (former.secret, renewed.secret):
        Webhook(secret).verify(got.body, got.headers)
        assert by_hand(secret, got)


def test_a_former_secret_ends_after_a_day(office, receiver, clock):
    former = office.endpoint()
    renewed = rotate_secret(office.principal, former.endpoint.id)
    db.session.commit()
    later(clock, hours=25)
    office.tasks("One")
    office.work()
    (got,) = receiver.at("good")
    assert by_hand(renewed.secret, got)
    assert not by_hand(former.secret, got)


def test_what_failed_is_tried_again_with_the_same_id(office, receiver, clock):
    office.endpoint("flaky")
    receiver.answers["flaky"] = 500
    office.tasks("One")
    office.work()
    (delivery,) = office.sent()
    assert (delivery.status, delivery.attempts, delivery.last_status) == ("waiting", 1, 500)
    office.send()
    assert len(receiver.at("flaky")) == 1  # not before it is due
    receiver.answers["flaky"] = 204
    later(clock, seconds=10)
    office.send()
    first, second = receiver.at("flaky")
    assert first.id == second.id
    (delivery,) = office.sent()
    assert delivery.status == "delivered"
    assert [one["status"] for one in delivery.history] == [500, 204]


@pytest.mark.differs_by_database
def test_later_events_of_a_task_wait_for_the_one_that_failed(office, receiver, clock):
    office.endpoint("flaky")
    office.tasks("One")
    office.work()
    task_id = office.sent()[0].subject_id
    receiver.answers["flaky"] = 503
    update_task(office.principal, task_id, {"status": "in_progress"})
    db.session.commit()
    office.work()
    receiver.answers["flaky"] = 200
    update_task(office.principal, task_id, {"status": "done"})
    office.tasks("Two")
    office.work()
    statuses = [one.json["data"]["changes"].get("status") for one in receiver.at("flaky")]
    assert statuses == [[None, "open"], ["open", "in_progress"], [None, "open"]]
    assert not claims.has_due(utcnow()), "a worker would try again and again until then"
    later(clock, seconds=10)
    office.send()
    statuses = [one.json["data"]["changes"].get("status") for one in receiver.at("flaky")]
    assert statuses[3:] == [["open", "in_progress"], ["in_progress", "done"]]


def test_a_failing_endpoint_is_paused_and_then_tried_by_one_event(office, receiver, clock):
    made = office.endpoint("down")
    receiver.answers["down"] = 500
    office.tasks(*(f"Task {number}" for number in range(20)))
    office.work()
    for _ in range(4):
        office.send()
    assert len(receiver.at("down")) == 3  # the first of a batch, then one by one
    assert office.fresh(made.endpoint).paused_until > utcnow()
    receiver.answers["down"] = 200
    later(clock, minutes=1)
    office.send()
    assert len(receiver.at("down")) > 20
    assert office.fresh(made.endpoint).failures == 0
    assert {one.status for one in office.sent()} == {"delivered"}


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("120", 110, 130),
        ("999999999", 3500, 3700),
        ("tomorrow", 0, 7),
        ("-5", 0, 7),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0, 7),
    ],
)
def test_retry_after_is_respected_within_limits(office, receiver, clock, header, least, most):
    made = office.endpoint("busy")
    receiver.answers["busy"] = Response("wait", status=429, headers={"Retry-After": header})
    office.tasks("One")
    office.work()
    (delivery,) = office.sent()
    assert (delivery.status, delivery.last_status) == ("waiting", 429)
    seconds = (delivery.due_at - utcnow()).total_seconds()
    assert least <= seconds <= most
    paused = office.fresh(made.endpoint).paused_until
    assert (paused is not None) == (least > 0)


def test_410_disables_an_endpoint_at_once(office, receiver):
    made = office.endpoint("gone")
    receiver.answers["gone"] = 410
    office.tasks("One", "Two")
    office.work()
    office.send()
    endpoint = office.fresh(made.endpoint)
    assert (endpoint.enabled, len(receiver.at("gone"))) == (False, 1)
    assert "410" in endpoint.disabled_reason
    office.tasks("Three")
    office.work()
    assert len(receiver.at("gone")) == 1  # what happens since waits
    assert [one.status for one in office.sent()] == ["waiting"] * 3

    receiver.answers["gone"] = 200
    update_endpoint(office.principal, endpoint.id, EndpointChange(enabled=True))
    db.session.commit()
    for _ in range(3):
        office.send()
    assert titles(receiver.at("gone")[1:]) == ["One", "Two", "Three"]


@pytest.mark.slow
def test_a_day_of_failures_disables_and_enabling_sends_what_waited(office, receiver, clock):
    made = office.endpoint("down")
    receiver.answers["down"] = 500
    office.tasks("One", "Two")
    office.work()
    for _ in range(40):
        later(clock, hours=1, minutes=10)
        office.send()
    endpoint = office.fresh(made.endpoint)
    assert not endpoint.enabled
    assert "for a day" in endpoint.disabled_reason
    tried = len(receiver.at("down"))
    assert tried < 30
    office.tasks("Three")
    office.work()
    receiver.answers["down"] = 200
    update_endpoint(office.principal, endpoint.id, EndpointChange(enabled=True))
    db.session.commit()
    # One that has used up its attempts, which depends on the delays, is sent as well.
    for _ in range(3):
        office.send()
    assert titles(receiver.at("down")[tried:]) == ["One", "Two", "Three"]


def test_a_redirect_is_not_followed(office, receiver):
    office.endpoint("moved")
    where = receiver.url("elsewhere")
    receiver.answers["moved"] = Response(status=302, headers={"Location": where})
    office.tasks("One")
    office.work()
    assert receiver.at("elsewhere") == []
    assert "redirect" in office.sent()[0].last_error


def test_what_this_service_cannot_send_is_logged_and_tried_again_later(
    office, receiver, clock, monkeypatch, tmp_path, caplog
):
    """Its file of certificates is gone: no thread can make a connection."""
    made = office.endpoint()
    gone = replace(settings(), gitlab_ca_file=str(tmp_path / "gone.pem"))
    office.tasks("One", "Two")
    with monkeypatch.context() as meanwhile:
        meanwhile.setitem(office.app.extensions, "settings", gone)
        office.work()
        office.send()
    assert "outgoing.sending_failed" in caplog.text
    for one in office.sent():
        assert (one.status, one.attempts, len(one.history)) == ("waiting", 1, 1)
        assert one.due_at > utcnow()
        assert "log" in one.last_error
    assert office.fresh(made.endpoint).failures == 2
    later(clock, seconds=10)
    office.send()
    assert titles(receiver.at("good")) == ["One", "Two"]


def test_an_endpoint_that_does_not_answer_delays_no_other(office, receiver):
    """The gate opens only when the good one has everything: sent one after the other, the test
    would never end.
    """
    office.endpoint("waits")
    office.endpoint("good")
    office.tasks(*(f"Task {number}" for number in range(30)))
    office.publish()

    def open_gate_in_time():
        while len(receiver.at("good")) < 30:
            if receiver.gate.wait(0.02):
                return
        receiver.gate.set()

    opener = threading.Thread(target=open_gate_in_time)
    opener.start()
    office.send()
    opener.join()
    assert len(receiver.at("good")) == 30
    assert receiver.at("waits")


@pytest.mark.differs_by_database
def test_what_a_dead_worker_was_sending_is_sent_again_with_the_same_id(office, receiver, clock):
    office.endpoint()
    office.tasks("One")
    office.publish()
    (endpoint,) = claims.claim_endpoints(utcnow(), 5, slow=5)
    (taken,) = claims.claim_batch(endpoint, utcnow())
    db.session.commit()
    office.send()
    assert receiver.got == []  # another worker has it
    later(clock, seconds=5)
    office.send()
    (got,) = receiver.got
    assert got.id == str(taken.event_id)
    assert office.sent()[0].attempts == 2


def test_a_late_outcome_of_a_worker_that_lost_its_lease_changes_nothing(office, receiver, clock):
    from gitlab_links.outgoing.outcomes import Sent, save
    from gitlab_links.outgoing.transport import Outcome

    office.endpoint()
    office.tasks("One")
    office.publish()
    (endpoint,) = claims.claim_endpoints(utcnow(), 5, slow=5)
    (taken,) = claims.claim_batch(endpoint, utcnow())
    db.session.commit()
    later(clock, seconds=5)
    office.send()
    late = Sent(endpoint.id, taken.id, 1, Outcome(1.0, 500, "It answered 500."))
    save([late], utcnow())
    db.session.commit()
    assert office.sent()[0].status == "delivered"


def test_a_replay_has_the_same_id_and_never_counts_as_a_failure(office, receiver):
    made = office.endpoint("flaky")
    office.tasks("One")
    office.work()
    renewed = rotate_secret(office.principal, made.endpoint.id)
    db.session.commit()
    receiver.answers["flaky"] = 500
    (delivery,) = office.sent()
    replay(office.principal, made.endpoint.id, delivery.id)
    db.session.commit()
    office.send()
    first, second = receiver.at("flaky")
    assert first.id == second.id
    assert by_hand(renewed.secret, second)
    assert office.fresh(made.endpoint).failures == 0
    (delivery,) = office.sent()
    assert (delivery.status, delivery.due_at) == ("failed", None)


def test_types_and_projects_filter(office, receiver):
    office.endpoint("typed", types=[EventType.TASK_DELETED])
    office.endpoint("good")
    office.tasks("One")
    office.work()
    assert (len(receiver.at("typed")), len(receiver.at("good"))) == (0, 1)


def test_a_secret_of_another_endpoint_opens_none(office):
    first, second = office.endpoint(), office.endpoint()
    db.session.execute(
        db.update(OutgoingEndpoint)
        .where(OutgoingEndpoint.id == second.endpoint.id)
        .values(url_ciphertext=first.endpoint.url_ciphertext)
    )
    db.session.commit()
    office.tasks("One")
    office.work()
    failed = [one for one in office.sent() if one.endpoint_id == second.endpoint.id]
    assert "cannot be decrypted" in failed[0].last_error


def test_an_event_goes_to_an_endpoint_once_however_often_it_is_published(office, receiver):
    office.endpoint()
    office.tasks("One")
    office.work()
    office.work()
    count = db.session.scalar(db.select(db.func.count()).select_from(OutgoingDelivery))
    assert (count, len(receiver.got)) == (1, 1)


def test_the_log_lists_what_was_sent_for_as_long_as_is_set(office, receiver, clock):
    office.endpoint()
    office.tasks("One")
    office.work()
    days = settings().sent_events_kept // DAY
    for passed, left in (({"days": days, "hours": -1}, 1), ({"hours": 2}, 0)):
        later(clock, **passed)
        forget_old()
        assert len(office.sent()) == left
