"""flask rotate-keys: every secret under the first key, and nothing lost on the way."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import select, update

from gitlab_links.accounts.models import Org
from gitlab_links.extensions import db
from gitlab_links.integrations.credentials import credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.ops import key_rotation
from gitlab_links.security import cipher
from tests.conftest import MakeApp
from tests.factories import Factory

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
SIGNING_TOKEN = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="


def run(app: Flask, *options: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["rotate-keys", *options])
    return result.exit_code, result.output


def connected(app: Flask, gitlab_port: int, count: int = 1) -> list[Org]:
    factory = Factory(app)
    orgs = [factory.org() for _ in range(count)]
    for org in orgs:
        factory.connect(
            org,
            base_url=f"http://127.0.0.1:{gitlab_port}",
            token=f"glpat-of-{org.id}",
            signing_token=SIGNING_TOKEN,
        )
    return orgs


def token_of(app: Flask, org: Org) -> str:
    with app.app_context():
        found = select(OrgGitLabIntegration).where(OrgGitLabIntegration.org_id == org.id)
        return credentials_of(db.session.scalars(found).one()).token


def test_afterwards_the_new_key_alone_opens_every_secret(
    make_app: MakeApp, gitlab_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH_SIZE", 2)
    orgs = connected(make_app(encryption_keys=(OLD,)), gitlab_port, count=5)
    both, new = make_app(encryption_keys=(NEW, OLD)), make_app(encryption_keys=(NEW,))
    assert run(both, "--check") == (1, "0 under the first key, 10 under an old key\n")
    assert run(both) == (0, "0 under the first key, 10 re-encrypted\n")
    assert run(both, "--check") == (0, "10 under the first key, 0 under an old key\n")
    assert run(new, "--check")[0] == 0
    assert [token_of(new, org) for org in orgs] == [f"glpat-of-{org.id}" for org in orgs]


def test_a_check_changes_nothing(make_app: MakeApp, gitlab_port: int) -> None:
    old = make_app(encryption_keys=(OLD,))
    (org,) = connected(old, gitlab_port)
    run(make_app(encryption_keys=(NEW, OLD)), "--check")
    assert token_of(old, org) == f"glpat-of-{org.id}"


def test_an_interrupted_run_goes_on_where_it_ended(
    make_app: MakeApp, gitlab_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH_SIZE", 1)
    connected(make_app(encryption_keys=(OLD,)), gitlab_port, count=3)
    both = make_app(encryption_keys=(NEW, OLD))
    batches = key_rotation._batches

    def two_batches(column: Any) -> Any:
        for number, rows in enumerate(batches(column)):
            if number == 2:
                raise KeyboardInterrupt
            yield rows

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt), both.app_context():
        patch.setattr(key_rotation, "_batches", two_batches)
        key_rotation.rotate(write=True)
    assert run(both) == (0, "2 under the first key, 4 re-encrypted\n")


def test_a_token_that_is_set_meanwhile_is_not_overwritten(
    make_app: MakeApp, gitlab_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (org,) = connected(make_app(encryption_keys=(OLD,)), gitlab_port)
    both = make_app(encryption_keys=(NEW, OLD))
    batches = key_rotation._batches

    def set_meanwhile(column: Any) -> Any:
        for rows in batches(column):
            ciphertext = cipher().encrypt(
                "glpat-set-meanwhile",
                org_id=org.id,
                origin=f"http://127.0.0.1:{gitlab_port}",
                purpose="token",
            )
            if column.name == "token_ciphertext":
                db.session.execute(update(OrgGitLabIntegration).values(token_ciphertext=ciphertext))
            yield rows

    monkeypatch.setattr(key_rotation, "_batches", set_meanwhile)
    with both.app_context():
        key_rotation.rotate(write=True)
    assert token_of(both, org) == "glpat-set-meanwhile"


def test_what_no_key_opens_is_counted_and_left_alone(make_app: MakeApp, gitlab_port: int) -> None:
    old = make_app(encryption_keys=(OLD,))
    (org,) = connected(old, gitlab_port)
    code, output = run(make_app(encryption_keys=(NEW, OTHER)))
    assert code == 1
    assert "2 cannot be decrypted with any key" in output
    assert token_of(old, org) == f"glpat-of-{org.id}"


@pytest.mark.parametrize(("keys", "word"), [((), "not set VIA_RAH"), (("nonsense",), "not a list")])
def test_without_usable_keys_it_says_so(
    make_app: MakeApp, keys: tuple[str, ...], word: str
) -> None:
    code, output = run(make_app(encryption_keys=keys))
    assert code == 1
    assert word in output
