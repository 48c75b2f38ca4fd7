"""Configuring an org's GitLab: a token never goes where it was not meant for."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import select, update

from gitlab_links.accounts.models import Org
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.audit.models import AuditEvent
from gitlab_links.clock import utcnow
from gitlab_links.errors import Conflict
from gitlab_links.extensions import db
from gitlab_links.health.reconnection import configure
from gitlab_links.integrations.changes import IntegrationChange, find_integration
from gitlab_links.integrations.credentials import TOKEN, credentials_of
from gitlab_links.integrations.models import OrgGitLabIntegration
from gitlab_links.links.models import GitLabItem
from gitlab_links.security import cipher
from gitlab_links.sync.reconnected_items import make_next_due
from tests.conftest import MakeApp
from tests.factories import Factory

BASE = "https://gitlab.example.com"
SIGNING = "whsec_VGhpcyBpcyBub3QgYSByZWFsIHNpZ25pbmcga2V5ISE="


@pytest.fixture
def org(factory: Factory) -> Org:
    return factory.org()


@pytest.fixture
def admin(factory: Factory, org: Org) -> Principal:
    return factory.principal(org, Role.ADMIN)


def change(admin: Principal, **values: str) -> OrgGitLabIntegration:
    integration = configure(admin, IntegrationChange(**values)).integration
    db.session.commit()
    return integration


@pytest.mark.usefixtures("app_context")
def test_a_token_is_read_back_as_it_was(admin: Principal) -> None:
    integration = change(admin, base_url=BASE, token="glpat-x")
    base, token = credentials_of(integration)
    assert (str(base), token) == (BASE, "glpat-x")
    assert "glpat-x" not in str(integration.token_ciphertext)


@pytest.mark.parametrize(
    ("base_url", "kept"),
    [
        ("https://gitlab.example.com/", True),
        ("https://GITLAB.example.com:443", True),
        ("https://gitlab.example.com/gitlab", False),
        ("https://gitlab.example.com:8443", False),
        ("https://gitlab.example.org", False),
        ("https://sub.gitlab.example.com", False),
        ("", False),
    ],
)
@pytest.mark.usefixtures("app_context")
def test_another_origin_or_path_clears_tokens_and_secrets(
    admin: Principal, base_url: str, kept: bool
) -> None:
    change(admin, base_url=BASE, token="glpat-x", signing_token=SIGNING, webhook_secret="s")
    integration = change(admin, base_url=base_url)
    assert (integration.token_ciphertext is not None) is kept
    assert (integration.signing_token_ciphertext is not None) is kept
    assert (integration.webhook_secret_hash is not None) is kept


@pytest.mark.usefixtures("app_context")
def test_another_origin_takes_a_token_that_comes_with_it(admin: Principal) -> None:
    change(admin, base_url=BASE, token="glpat-x")
    integration = change(admin, base_url="https://gitlab.example.org", token="glpat-y")
    assert credentials_of(integration).token == "glpat-y"


@pytest.mark.usefixtures("app_context")
def test_a_ciphertext_moved_to_another_org_or_origin_does_not_open(
    factory: Factory, admin: Principal
) -> None:
    ciphertext = change(admin, base_url=BASE, token="glpat-x").token_ciphertext
    thief = factory.principal(factory.org(), Role.ADMIN)
    stolen = change(thief, base_url=BASE, token="glpat-y")
    stolen.token_ciphertext = ciphertext
    with pytest.raises(Conflict) as refusal:
        credentials_of(stolen)
    assert refusal.value.code == "invalid_token_ciphertext"
    own = find_integration(admin.org_id)
    assert own is not None
    for elsewhere in ("https://evil.example.com", f"{BASE}/evil"):
        own.base_url = elsewhere
        with pytest.raises(Conflict) as refusal:
            credentials_of(own)
        assert refusal.value.code == "invalid_token_ciphertext"
    db.session.rollback()


@pytest.mark.parametrize("base_url", [BASE, f"{BASE}/gitlab"])
@pytest.mark.usefixtures("app_context")
def test_a_ciphertext_made_before_paths_were_bound_opens_for_its_address_and_never_moves(
    admin: Principal, base_url: str
) -> None:
    integration = change(admin, base_url=base_url, token="glpat-x")
    integration.token_ciphertext = cipher().encrypt(
        "glpat-old", org_id=admin.org_id, origin=BASE, purpose=TOKEN
    )
    db.session.commit()
    assert credentials_of(integration).token == "glpat-old"

    moved = change(admin, base_url=f"{BASE}/elsewhere")
    assert moved.token_ciphertext is None


@pytest.mark.usefixtures("app_context")
def test_new_credentials_end_failure_and_pause_and_make_every_item_due(
    factory: Factory, org: Org, admin: Principal
) -> None:
    change(admin, base_url=BASE, token="glpat-x")
    later = utcnow() + timedelta(hours=1)
    item = factory.gitlab_item(factory.gitlab_project(org), next_sync_at=later, failures=5)
    failed: dict[str, Any] = {
        "error_code": "auth_error",
        "error_at": utcnow(),
        "paused_until": later,
        "failures": 3,
    }
    db.session.execute(update(OrgGitLabIntegration).values(**failed))
    db.session.commit()
    db.session.expire_all()
    integration = change(admin, token="glpat-y")
    assert (integration.error_code, integration.paused_until, integration.failures) == (
        None,
        None,
        0,
    )
    since = integration.items_due_since
    assert since is not None
    assert make_next_due(org.id, since)
    due = db.session.scalars(select(GitLabItem).where(GitLabItem.next_sync_at <= utcnow())).all()
    assert [(one.id, one.failures) for one in due] == [(item.id, 0)]


@pytest.mark.usefixtures("app_context")
def test_a_change_of_secrets_alone_reconnects_nothing(
    factory: Factory, org: Org, admin: Principal
) -> None:
    change(admin, base_url=BASE, token="glpat-x")
    later = utcnow() + timedelta(hours=1)
    item = factory.gitlab_item(factory.gitlab_project(org), next_sync_at=later)
    change(admin, webhook_secret="s", signing_token=SIGNING, base_url=BASE + "/")
    kept = db.session.get_one(GitLabItem, item.id)
    assert kept.next_sync_at == later


@pytest.mark.parametrize("keys", [(), ("no key",), (Fernet.generate_key().decode(), "bad")])
def test_without_a_usable_key_a_token_is_refused_and_the_rest_is_not(
    make_app: MakeApp, admin: Principal, keys: tuple[str, ...]
) -> None:
    app = make_app(encryption_keys=keys)
    with app.app_context():
        change(admin, base_url=BASE, webhook_secret="s")
        with pytest.raises(Conflict) as refusal:
            configure(admin, IntegrationChange(token="glpat-x"))
        assert refusal.value.code.startswith("encryption_key_")
        db.session.rollback()
        assert find_integration(admin.org_id).token_ciphertext is None


def test_a_lost_key_is_named(app: Flask, make_app: MakeApp, admin: Principal) -> None:
    with app.app_context():
        change(admin, base_url=BASE, token="glpat-x")
    other = make_app(encryption_keys=(Fernet.generate_key().decode(),))
    with other.app_context(), pytest.raises(Conflict) as refusal:
        credentials_of(find_integration(admin.org_id))
    assert refusal.value.code == "invalid_token_ciphertext"


def test_an_address_that_is_no_longer_allowed_is_not_called(
    app: Flask, make_app: MakeApp, admin: Principal, gitlab_port: int
) -> None:
    from gitlab_links.config.allowed_hosts import AllowedHosts

    with app.app_context():
        change(admin, base_url=f"http://127.0.0.1:{gitlab_port}", token="glpat-x")
    strict = make_app(gitlab_allowed_hosts=AllowedHosts.parse(()))
    with strict.app_context(), pytest.raises(Conflict) as refusal:
        credentials_of(find_integration(admin.org_id))
    assert refusal.value.code == "blocked_address"


@pytest.mark.usefixtures("app_context")
def test_the_audit_names_what_changed_and_no_value(admin: Principal) -> None:
    change(admin, base_url=BASE, token="glpat-canary", webhook_secret="canary")
    change(admin, webhook_secret="canary")
    (event,) = db.session.scalars(select(AuditEvent)).all()
    assert event.detail == {
        "base_url": BASE,
        "changed": ["base_url", "token", "webhook_secret"],
    }
