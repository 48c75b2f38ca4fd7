"""Whose webhooks are taken in: one answer and one timing for all that are not the org's."""

import base64
import json
import statistics
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from standardwebhooks import Webhook

from gitlab_links.accounts.models import Org
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.integrations.changes import find_integration
from gitlab_links.integrations.webhook_secrets import ROTATION_WINDOW, hash_webhook_secret
from gitlab_links.observations.models import GitLabHookSecret
from tests.frozen_clock import FrozenClock
from tests.security.conftest import SECRET, World, refusal

Request = Callable[[], tuple[uuid.UUID, dict[str, str]]]

BODY = json.dumps({"object_kind": "push"}).encode()
SIGNING = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER_SIGNING = "whsec_" + base64.b64encode(b"o" * 32).decode()


def signed(
    token: str, body: bytes = BODY, at: datetime | None = None, key: str = "msg_1"
) -> dict[str, str]:
    """The headers of GitLab 19."""
    at = at or datetime.now(UTC)
    return {
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(token).sign(key, at, body.decode()),
    }


def configure(world: World, **change: str) -> None:
    assert world.send("PATCH", "integrations/gitlab", json=change).status_code == 200


def stored(world: World) -> int:
    with world.app.app_context():
        return db.session.scalar(select(func.count()).select_from(GitLabWebhookDelivery)) or 0


def expire(world: World) -> None:
    """Let the rotation window of the secret before be over."""
    with world.app.app_context():
        integration = find_integration(world.org.id)
        assert integration is not None
        integration.previous_webhook_secret_until = datetime.now(UTC) - timedelta(seconds=1)
        db.session.commit()


def send(
    world: World,
    org_id: uuid.UUID,
    headers: Mapping[str, str],
    body: bytes = BODY,
    client: FlaskClient | None = None,
):
    path = f"/api/orgs/{org_id}/integrations/gitlab/webhook"
    sent = {"Content-Type": "application/json", **headers}
    return (client or world.client()).post(path, data=body, headers=sent)


@pytest.fixture
def other(world: World) -> Org:
    """Another org with a secret of its own."""
    org = world.factory.org()
    world.factory.connect(
        org, base_url="https://gitlab.example.org", webhook_secret="the-other-orgs"
    )
    return org


@pytest.fixture
def signing(world: World) -> Org:
    """An org that has set a signing token beside its secret."""
    org = world.factory.org()
    world.factory.connect(org, webhook_secret=SECRET, signing_token=SIGNING)
    return org


def refused(world: World, other: Org, signing: Org) -> dict[str, Request]:
    """Every request that is not authentic: org and headers."""
    bare = world.factory.org()
    empty = world.factory.org()
    world.factory.connect(empty, base_url="https://gitlab.example.net")
    configure(world, webhook_secret="the-second")
    configure(world, webhook_secret=SECRET)
    expire(world)
    own, late = world.org.id, datetime.now(UTC) - timedelta(seconds=301)
    early = datetime.now(UTC) + timedelta(seconds=330)
    return {
        "no token": lambda: (own, {}),
        "an empty token": lambda: (own, {"X-Gitlab-Token": ""}),
        "a wrong token": lambda: (own, {"X-Gitlab-Token": "wrong"}),
        "a longer token": lambda: (own, {"X-Gitlab-Token": SECRET + "x"}),
        "the token in capitals": lambda: (own, {"X-Gitlab-Token": SECRET.upper()}),
        "two tokens": lambda: (own, {"X-Gitlab-Token": f"{SECRET}, {SECRET}"}),
        "a token of odd bytes": lambda: (own, {"X-Gitlab-Token": "\xff\x80"}),
        "a long token": lambda: (own, {"X-Gitlab-Token": "x" * 6000}),
        "the token as a key": lambda: (own, {"Authorization": f"Bearer {SECRET}"}),
        "an API key": lambda: (own, {"Authorization": f"Bearer {world.key}"}),
        "another org's token": lambda: (own, {"X-Gitlab-Token": "the-other-orgs"}),
        "the token of this org at another": lambda: (other.id, {"X-Gitlab-Token": SECRET}),
        "the expired token before": lambda: (own, {"X-Gitlab-Token": "the-second"}),
        "an unknown org": lambda: (uuid.uuid4(), {"X-Gitlab-Token": SECRET}),
        "an org without integration": lambda: (bare.id, {"X-Gitlab-Token": SECRET}),
        "an org without secret": lambda: (empty.id, {"X-Gitlab-Token": ""}),
        "a signature nobody can check": lambda: (own, signed(SIGNING)),
        "a signature for an unknown org": lambda: (uuid.uuid4(), signed(SIGNING)),
        "the token where a signature is due": lambda: (signing.id, {"X-Gitlab-Token": SECRET}),
        "the token with a bad signature": lambda: (
            signing.id,
            {"X-Gitlab-Token": SECRET, **signed(OTHER_SIGNING)},
        ),
        "another's signature": lambda: (signing.id, signed(OTHER_SIGNING)),
        "a signature of another body": lambda: (signing.id, signed(SIGNING, b"{}")),
        "a signature of another id": lambda: (
            signing.id,
            {**signed(SIGNING), "webhook-id": "msg_2"},
        ),
        "an old signature": lambda: (signing.id, signed(SIGNING, at=late)),
        "a signature from the future": lambda: (signing.id, signed(SIGNING, at=early)),
        "an empty signature": lambda: (signing.id, {**signed(SIGNING), "webhook-signature": ""}),
        "another version": lambda: (
            signing.id,
            {
                **signed(SIGNING),
                "webhook-signature": signed(SIGNING)["webhook-signature"].replace("v1,", "v2,"),
            },
        ),
    }


def test_every_refusal_is_the_same_answer(world: World, other: Org, signing: Org) -> None:
    answers = {}
    for cause, request in refused(world, other, signing).items():
        answer = send(world, *request())
        assert answer.status_code == 403, cause
        assert refusal(answer) == (403, "forbidden")
        answers[cause] = (answer.get_data(), sorted(name for name, _ in answer.headers))
    assert len(set(map(str, answers.values()))) == 1
    assert stored(world) == 0


def test_the_refusal_comes_before_the_body_is_looked_at(world: World) -> None:
    for body in (b"nope", b"[" * 100_000, b"\xff", b""):
        assert refusal(world.deliver(body, token="wrong")) == (403, "forbidden")


@pytest.mark.slow
@pytest.mark.parametrize("size", [20, 200_000])
def test_every_refusal_takes_as_long_as_any_other(
    world: World, other: Org, signing: Org, size: int
) -> None:
    """By processor time and the fastest of interleaved requests. Beside other work that takes
    longer to settle: a difference that is none goes away, one that is stays.
    """
    body = json.dumps({"object_kind": "x" * size}).encode()
    everything = refused(world, other, signing)
    plain = ("a wrong token", "another org's token", "an unknown org", "an org without secret",
             "the expired token before", "the token where a signature is due")  # fmt: skip
    claiming = (
        "a signature nobody can check",
        "another's signature",
        "a signature for an unknown org",
    )
    for causes in (plain, claiming):
        samples: dict[str, list[float]] = {cause: [] for cause in causes}
        for _ in range(10):
            took = _durations(world, {cause: everything[cause] for cause in causes}, body, samples)
            if max(took.values()) < 1.35 * min(took.values()):
                break
        else:
            pytest.fail(f"some refusals take longer than others: {took}")


def _durations(
    world: World, requests: dict[str, Request], body: bytes, samples: dict[str, list[float]]
) -> dict[str, float]:
    """The fastest of the samples, to which 40 more are added."""
    client = world.client()
    for _ in range(40):
        for cause, request in requests.items():
            org_id, headers = request()
            started = time.thread_time()
            assert send(world, org_id, headers, body, client).status_code == 403
            samples[cause].append(time.thread_time() - started)
    return {cause: statistics.mean(sorted(found)[:5]) for cause, found in samples.items()}


def test_present_and_previous_token_are_taken_within_the_window(
    world: World, clock: FrozenClock
) -> None:
    configure(world, webhook_secret="the-second")
    assert world.deliver(BODY, token=SECRET).status_code == 202
    assert world.deliver(BODY, token="the-second").status_code == 202

    clock.advance(ROTATION_WINDOW.total_seconds() - 1)
    assert world.deliver(BODY, token=SECRET).status_code == 202
    clock.advance(1)
    assert world.deliver(BODY, token=SECRET).status_code == 403
    assert world.deliver(BODY, token="the-second").status_code == 202


def test_only_the_last_one_before_is_still_good(world: World) -> None:
    for secret in ("the-second", "the-third"):
        configure(world, webhook_secret=secret)
    taken = {
        secret: world.deliver(BODY, token=secret).status_code
        for secret in (SECRET, "the-second", "the-third")
    }
    assert taken == {SECRET: 403, "the-second": 202, "the-third": 202}


def test_setting_the_same_secret_again_keeps_the_one_before(world: World) -> None:
    configure(world, webhook_secret="the-second")
    configure(world, webhook_secret="the-second")
    assert world.deliver(BODY, token=SECRET).status_code == 202


def test_a_cleared_secret_ends_at_once_with_the_one_before(world: World) -> None:
    configure(world, webhook_secret="the-second")
    configure(world, webhook_secret="")
    for secret in (SECRET, "the-second", ""):
        assert refusal(world.deliver(BODY, token=secret)) == (403, "forbidden")


def test_disconnecting_ends_every_secret(world: World) -> None:
    project = world.factory.gitlab_project(world.org)
    with world.app.app_context():
        integration = find_integration(world.org.id)
        assert integration is not None
        secret_hash = hash_webhook_secret(world.org.id, "of-one-hook")
        db.session.add(
            GitLabHookSecret(
                org_id=world.org.id,
                integration_id=integration.id,
                project_id=project.id,
                secret_hash=secret_hash,
            )
        )
        db.session.commit()
    assert world.deliver(BODY, token="of-one-hook").status_code == 202
    assert world.send("DELETE", "integrations/gitlab").status_code == 204
    for secret in (SECRET, "of-one-hook"):
        assert refusal(world.deliver(BODY, token=secret)) == (403, "forbidden")


def test_a_signature_within_five_minutes_is_taken(
    world: World, signing: Org, clock: FrozenClock
) -> None:
    for seconds in (-300, -299, 0, 299, 300):
        headers = signed(
            SIGNING,
            at=clock.current.replace(microsecond=0) + timedelta(seconds=seconds),
            key=f"msg{seconds}",
        )
        clock.current = clock.current.replace(microsecond=0)
        assert send(world, signing.id, headers).status_code == 202, seconds
    for seconds in (-301, 301):
        headers = signed(SIGNING, at=clock.current + timedelta(seconds=seconds))
        assert send(world, signing.id, headers).status_code == 403, seconds


def test_a_replayed_signature_within_the_window_is_a_duplicate(world: World, signing: Org) -> None:
    headers = signed(SIGNING)
    assert send(world, signing.id, headers).get_json()["status"] == "ignored"
    assert send(world, signing.id, headers).get_json()["status"] == "duplicate"
    assert stored(world) == 1


def test_once_a_signing_token_is_set_the_plain_token_alone_is_refused(world: World) -> None:
    assert world.deliver(BODY).status_code == 202
    configure(world, signing_token=SIGNING)
    assert refusal(world.deliver(BODY)) == (403, "forbidden")
    assert world.deliver(BODY, token=None, **signed(SIGNING)).status_code == 202
    configure(world, signing_token="")
    assert world.deliver(BODY).status_code == 202


def test_a_signing_token_that_cannot_be_read_refuses_and_does_not_fall_back(
    world: World, signing: Org, make_app
) -> None:
    keyless = World(make_app(encryption_keys=()), world.factory, world.org, world.user, world.key)
    assert send(keyless, signing.id, {"X-Gitlab-Token": SECRET}).status_code == 403
    assert send(keyless, signing.id, signed(SIGNING)).status_code == 403
    assert send(keyless, uuid.uuid4(), signed(SIGNING)).status_code == 403


def test_a_token_of_odd_but_allowed_signs_is_taken(world: World) -> None:
    secret = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    configure(world, webhook_secret=secret)
    assert world.deliver(BODY, token=secret).status_code == 202
