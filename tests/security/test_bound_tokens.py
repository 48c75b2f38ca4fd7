"""Tokens go where they were meant for, and nowhere else: not to another origin, org or purpose."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.extensions import db
from gitlab_links.gitlab.answers import NewToken
from gitlab_links.health.token_check import load_question
from gitlab_links.health.token_rotation import save_rotated
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.ops.key_rotation import rotate as rotate_keys
from gitlab_links.security import CiphertextInvalid, cipher
from tests.conftest import MakeApp
from tests.gitlab.servers import Server, reply, reply_json, serving
from tests.security.conftest import GITLAB, TOKEN, World, make_world

SIGNING = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="


def shown(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.send("GET", "integrations/gitlab").get_json()["gitlab"]
    return found


@pytest.mark.parametrize(
    "new",
    ["https://evil.example", f"{GITLAB}:8443", "https://gitlab.example.com.evil.example",
     "https://8.8.8.8", "https://xn--gitlb-hra.example.com", f"{GITLAB}/gitlab"],
)  # fmt: skip
def test_another_origin_or_path_clears_token_and_signing_token(world: World, new: str) -> None:
    world.configure(signing_token=SIGNING)
    after = world.configure(base_url=new)

    assert (after["has_token"], after["signing_configured"]) == (False, False)
    assert (after["token_set_at"], after["token_scopes"], after["token_expires_at"]) == (None,) * 3
    assert world.configure(base_url=GITLAB)["has_token"] is False


@pytest.mark.parametrize("new", [f"{GITLAB}/", "HTTPS://GITLAB.example.com:443/", f"{GITLAB}."])
def test_the_same_address_in_another_spelling_keeps_them(world: World, new: str) -> None:
    world.configure(signing_token=SIGNING)
    after = world.configure(base_url=new)
    assert (after["has_token"], after["signing_configured"]) == (True, True)


def test_a_cleared_address_clears_the_token_too(world: World) -> None:
    assert world.configure(base_url="")["has_token"] is False
    assert world.configure(base_url=GITLAB)["has_token"] is False


def test_a_new_token_that_comes_with_the_new_origin_is_kept(world: World) -> None:
    after = world.configure(base_url="https://gitlab.example.org", token="glpat-new")
    assert after["has_token"] is True
    with world.app.app_context():
        found = db.session.scalars(select(OrgGitLabIntegration)).one()
        assert credentials_of(found)[1] == "glpat-new"


def columns(world: World, **values: str | None) -> None:
    """Write to the row past everything, as somebody with the database would."""
    with world.app.app_context():
        db.session.execute(
            update(OrgGitLabIntegration)
            .where(OrgGitLabIntegration.org_id == world.org.id)
            .values(**values)
        )
        db.session.commit()


def validation(world: World) -> tuple[str, str]:
    answer = world.send("POST", "integrations/gitlab/validate")
    assert answer.status_code == 200
    return answer.get_json()["status"], answer.get_json()["error_code"]


def test_a_ciphertext_moved_to_another_org_does_not_open(app: Flask, world: World) -> None:
    thief = world.factory.org()
    world.factory.connect(thief, base_url=GITLAB, token="glpat-of-the-thief")
    key = world.factory.api_key(thief)
    with app.app_context():
        stolen = db.session.scalars(
            select(OrgGitLabIntegration.token_ciphertext).where(
                OrgGitLabIntegration.org_id == world.org.id
            )
        ).one()
    moved = World(app, world.factory, thief, world.user, key)
    columns(moved, token_ciphertext=stolen)

    assert validation(moved) == ("not_validated", "invalid_token_ciphertext")


def test_an_address_changed_in_the_database_does_not_get_the_token(world: World) -> None:
    columns(world, base_url="https://evil.example")
    assert validation(world) == ("not_validated", "invalid_token_ciphertext")


def test_a_signing_token_does_not_open_as_a_token_nor_the_other_way_round(world: World) -> None:
    world.configure(signing_token=SIGNING)
    with world.app.app_context():
        row = db.session.scalars(select(OrgGitLabIntegration)).one()
        token, signing = row.token_ciphertext, row.signing_token_ciphertext
    columns(world, token_ciphertext=signing, signing_token_ciphertext=token)

    assert validation(world) == ("not_validated", "invalid_token_ciphertext")
    assert world.deliver(b"{}").status_code == 403


@pytest.mark.parametrize("garbage", ["", "x", "gAAAAA", "gAAAAAB" + "A" * 100, "ä"])
def test_garbage_in_place_of_a_ciphertext_is_told_and_nothing_else(
    world: World, garbage: str
) -> None:
    columns(world, token_ciphertext=garbage)
    assert validation(world) == ("not_validated", "invalid_token_ciphertext")
    assert shown(world)["has_token"] is True


def test_without_a_key_nothing_is_kept_in_clear(world: World, make_app: MakeApp) -> None:
    for keys, code in (((), "encryption_key_missing"), (("nonsense",), "encryption_key_invalid")):
        other = World(
            make_app(encryption_keys=keys), world.factory, world.org, world.user, world.key
        )
        answer = other.send("PATCH", "integrations/gitlab", json={"token": "glpat-in-clear"})
        assert (answer.status_code, answer.get_json()["code"]) == (409, code)
        assert validation(other) == ("not_validated", code)
    with world.app.app_context():
        row = db.session.scalars(select(OrgGitLabIntegration)).one()
        assert credentials_of(row).token == TOKEN


def test_a_token_that_gitlab_replaced_is_not_lost_to_a_change_of_keys(
    world: World, make_app: MakeApp
) -> None:
    """The key changes between GitLab's answer and its being kept: the former token is void."""
    from cryptography.fernet import Fernet

    from gitlab_links.extensions import settings

    with world.app.app_context():
        old = settings().encryption_keys
    both = make_app(encryption_keys=(Fernet.generate_key().decode(), *old))
    with both.app_context():
        question = load_question(world.org.id)
        db.session.rollback()
        rotate_keys(write=True)
        save_rotated(world.org.id, question, NewToken("glpat-given-by-gitlab", None))
        db.session.commit()
        row = db.session.scalars(select(OrgGitLabIntegration)).one()
        assert credentials_of(row).token == "glpat-given-by-gitlab"


def test_the_cipher_binds_org_origin_and_purpose(world: World) -> None:
    with world.app.app_context():
        made = cipher().encrypt("s", org_id=world.org.id, origin="https://a", purpose="token")
        for wrong in ({"origin": "https://b"}, {"purpose": "other"}, {"org_id": world.user.id}):
            use = {"org_id": world.org.id, "origin": "https://a", "purpose": "token", **wrong}
            with pytest.raises(CiphertextInvalid):
                cipher().decrypt(made, **use)  # type: ignore[arg-type]


@pytest.fixture
def thief() -> Iterator[Server]:
    """A host that would like to see a token."""
    with serving(lambda _: reply_json([])) as running:
        yield running


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_no_byte_of_the_token_elsewhere(
    make_app: MakeApp, thief: Server, status: int
) -> None:
    """Both hosts are ones that the operator has allowed."""
    elsewhere = f"http://localhost:{thief.port}/api/v4/user"

    def redirecting(_: object) -> bytes:
        return reply(status=status, headers={"Location": elsewhere})

    with serving(redirecting) as server:
        hosts = (f"127.0.0.1:{server.port}", f"localhost:{thief.port}")
        world = make_world(make_app(gitlab_allowed_hosts=AllowedHosts.parse(hosts)))
        # A GitLab is not given up for such an address, so the org has none.
        assert world.send("DELETE", "integrations/gitlab").status_code == 204
        world.configure(base_url=f"http://127.0.0.1:{server.port}", token=TOKEN)

        assert validation(world) == ("not_validated", f"http_{status}")
        assert TOKEN in server.last.head
    assert thief.connections == 0
