"""An org moves to another GitLab: the one it leaves has no more say, by none of its secrets."""

import base64
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from standardwebhooks import Webhook

from gitlab_links.audit.models import AuditEvent
from gitlab_links.extensions import db
from gitlab_links.integrations.changes import find_integration
from gitlab_links.observations.hook_secrets import make_hook_secret
from gitlab_links.observations.models import GitLabHookSecret
from tests.security.conftest import GITLAB, SECRET, World

BODY = b'{"object_kind": "push"}'
SIGNING = "whsec_" + base64.b64encode(b"k" * 32).decode()
NEW = "https://gitlab.example.org"


def delivered(world: World, *secrets: str) -> list[int]:
    return [world.deliver(BODY, token=secret).status_code for secret in secrets]


def secret_of_a_hook(world: World) -> str:
    project = world.factory.gitlab_project(world.org)
    with world.app.app_context():
        integration = find_integration(world.org.id)
        assert integration is not None
        _, secret = make_hook_secret(integration, project.id)
        db.session.commit()
    return secret


@pytest.mark.parametrize("new", [NEW, f"{GITLAB}:8443", ""])
def test_every_secret_of_the_gitlab_that_is_left_ends_at_once(world: World, new: str) -> None:
    """The one of a rotation and those of single hooks, too."""
    of_a_hook = secret_of_a_hook(world)
    world.configure(webhook_secret="the-second")
    assert delivered(world, SECRET, "the-second", of_a_hook) == [202] * 3

    after = world.configure(base_url=new)

    assert delivered(world, SECRET, "the-second", of_a_hook) == [403] * 3
    assert (after["webhook_configured"], after["signing_configured"]) == (False, False)
    assert world.configure(base_url=GITLAB)["webhook_configured"] is False
    assert delivered(world, SECRET, "the-second", of_a_hook) == [403] * 3


def test_to_drop_the_signing_token_does_not_open_the_door_to_the_secret(world: World) -> None:
    world.configure(signing_token=SIGNING)
    assert delivered(world, SECRET) == [403]
    world.configure(base_url=NEW)

    assert delivered(world, SECRET) == [403]
    at = datetime.now(UTC)
    signature = Webhook(SIGNING).sign("msg_1", at, BODY.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    assert world.deliver(BODY, token=None, **headers).status_code == 403


@pytest.mark.parametrize("new", [f"{GITLAB}.", "HTTPS://GITLAB.example.com:443/"])
def test_the_same_address_is_the_same_gitlab(world: World, new: str) -> None:
    of_a_hook = secret_of_a_hook(world)
    world.configure(base_url=new)
    assert delivered(world, SECRET, of_a_hook) == [202, 202]


def test_whoever_only_renames_a_gitlab_sends_its_secret_along(world: World) -> None:
    world.configure(base_url=NEW, webhook_secret=SECRET)
    assert delivered(world, SECRET) == [202]


def test_secrets_may_be_set_before_the_first_address(world: World) -> None:
    world.send("DELETE", "integrations/gitlab")
    world.configure(webhook_secret=SECRET, signing_token="")
    world.configure(base_url=NEW, token="glpat-x")
    assert delivered(world, SECRET) == [202]


def test_another_org_keeps_what_it_has(world: World) -> None:
    other = world.factory.org()
    world.factory.connect(other, base_url=GITLAB, webhook_secret=SECRET)
    project = world.factory.gitlab_project(other)
    with world.app.app_context():
        make_hook_secret(find_integration(other.id), project.id)  # type: ignore[arg-type]
        db.session.commit()
    world.configure(base_url=NEW)
    path = f"/api/orgs/{other.id}/integrations/gitlab/webhook"
    answer = world.client().post(path, json={}, headers={"X-Gitlab-Token": SECRET})
    assert answer.status_code == 202
    with world.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(GitLabHookSecret)) == 1


def test_a_refused_change_forgets_nothing(world: World) -> None:
    for wrong in ({"token": "with space"}, {"signing_token": "none"}, {"webhook_secret": "ä"}):
        answer = world.send("PATCH", "integrations/gitlab", json={"base_url": NEW, **wrong})
        assert answer.status_code == 422
    assert delivered(world, SECRET) == [202]
    assert world.send("GET", "integrations/gitlab").get_json()["gitlab"]["has_token"] is True


def test_the_audit_names_what_was_forgotten(world: World) -> None:
    world.configure(signing_token=SIGNING)
    world.configure(base_url=NEW)
    with world.app.app_context():
        newest = select(AuditEvent.detail).order_by(AuditEvent.id.desc()).limit(1)
        detail = db.session.scalars(newest).one()
    assert detail == {
        "base_url": NEW,
        "changed": ["base_url", "signing_token", "token", "webhook_secret"],
    }
