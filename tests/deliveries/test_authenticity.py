"""Webhooks are authenticated by secret or by signature."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from gitlab_links.deliveries.intake import accept, verify
from gitlab_links.errors import Forbidden
from gitlab_links.extensions import db
from gitlab_links.http.transactions import single_write
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.integrations.webhook_secrets import hash_webhook_secret
from gitlab_links.security import cipher
from tests.deliveries.conftest import SECRET, deliveries
from tests.factories import unknown_id
from tests.gitlab import bodies

SIGNING_TOKEN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def change(org, **values):
    db.session.rollback()
    with db.engine.begin() as connection:
        table = OrgGitLabIntegration.__table__
        connection.execute(table.update().where(table.c.org_id == org.id).values(**values))


def authentic(org, headers, body=b"{}"):
    """Checks by the rule in Python; the storing statement must agree."""
    db.session.rollback()
    lower = {name.lower(): value for name, value in headers.items()}
    with single_write() as connection:
        by_rule = not refused(verify, connection, org.id, lower, body, datetime.now(UTC))
        stored = not refused(accept, connection, org.id, headers, body)
    assert stored is by_rule
    return by_rule


def refused(check, *request):
    try:
        check(*request)
    except Forbidden:
        return True
    return False


def test_the_secret_must_be_the_orgs(org, factory, app_context):
    other = factory.org()
    factory.integration(other, webhook_secret_hash=hash_webhook_secret(other.id, "others"))
    assert authentic(org, {"X-Gitlab-Token": SECRET})
    for wrong in ("", "wrong", SECRET + "x", SECRET.upper(), "others", "\0", "é"):
        assert not authentic(org, {"X-Gitlab-Token": wrong})
    assert not authentic(org, {})
    assert not authentic(other, {"X-Gitlab-Token": SECRET})


def test_an_unknown_org_and_one_without_a_secret_are_refused_alike(org, factory, app_context):
    bare = factory.org()
    factory.integration(bare)
    for org_id in (bare.id, factory.org().id, unknown_id()):
        with single_write() as connection, pytest.raises(Forbidden) as refusal:
            accept(connection, org_id, {"X-Gitlab-Token": SECRET}, b"{}")
        assert refusal.value.detail == (
            "This request does not prove that it comes from the org's GitLab."
        )


def test_during_a_rotation_the_secret_before_counts_until_its_end(org, app_context):
    now = datetime.now(UTC)
    change(
        org,
        webhook_secret_hash=hash_webhook_secret(org.id, "the new one"),
        previous_webhook_secret_hash=hash_webhook_secret(org.id, SECRET),
        previous_webhook_secret_until=now + timedelta(minutes=1),
    )
    assert authentic(org, {"X-Gitlab-Token": SECRET})
    assert authentic(org, {"X-Gitlab-Token": "the new one"})
    change(org, previous_webhook_secret_until=now)
    assert not authentic(org, {"X-Gitlab-Token": SECRET})
    assert authentic(org, {"X-Gitlab-Token": "the new one"})


@pytest.fixture
def signed(org, app_context):
    """Makes the org require signatures; returns headers signed for a body."""
    ciphertext = cipher().encrypt(SIGNING_TOKEN, org_id=org.id, origin="", purpose="signing-token")
    change(org, signing_token_ciphertext=ciphertext)

    def sign(body, when=None, token=SIGNING_TOKEN):
        when = when or datetime.now(UTC)
        signature = Webhook(token).sign("msg-1", when, body.decode())
        return {
            "webhook-id": "msg-1",
            "webhook-timestamp": str(int(when.timestamp())),
            "webhook-signature": signature,
        }

    return sign


def test_a_valid_signature_is_enough_and_needed_once_a_signing_token_is_set(org, signed):
    body = bodies.sent(bodies.issue())
    assert authentic(org, signed(body), body)
    assert authentic(org, signed(body) | {"X-Gitlab-Token": "anything"}, body)
    assert not authentic(org, {"X-Gitlab-Token": SECRET}, body)


def test_a_signature_of_another_body_time_or_key_is_refused(org, signed):
    body = bodies.sent(bodies.issue())
    headers = signed(body)
    now = datetime.now(UTC)
    assert not authentic(org, headers, body + b" ")
    assert not authentic(org, headers | {"webhook-id": "msg-2"}, body)
    assert not authentic(org, signed(body, now - timedelta(minutes=6)), body)
    assert not authentic(org, signed(body, now + timedelta(minutes=6)), body)
    assert not authentic(org, signed(body, token="whsec_" + "A" * 32), body)
    for broken in ("", "v1,", "v1,!!!", "v2,abcd", "\xff"):
        assert not authentic(org, headers | {"webhook-signature": broken}, body)


def test_a_signing_token_that_cannot_be_decrypted_refuses_instead_of_falling_back(org, signed):
    body = bodies.sent(bodies.issue())
    change(org, signing_token_ciphertext="gAAAA-not-a-ciphertext")
    assert not authentic(org, signed(body) | {"X-Gitlab-Token": SECRET}, body)


def test_an_unauthenticated_request_gets_no_json_error(org, app_context):
    with single_write() as connection, pytest.raises(Forbidden):
        accept(connection, org.id, {"X-Gitlab-Token": "wrong"}, b"not json")
    assert deliveries() == []
