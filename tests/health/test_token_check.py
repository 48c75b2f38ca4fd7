"""Validating a token: no transaction while GitLab thinks, and no verdict on another token."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.gitlab.error_codes import in_words
from gitlab_links.health import token_check
from gitlab_links.health.reconnection import configure
from gitlab_links.health.token_check import Question, Validation, ValidationStatus, validate_now
from gitlab_links.integrations.changes import IntegrationChange, find_integration
from gitlab_links.jobs.health_checks import find_due_checks
from tests.conftest import GITLAB_TOKEN
from tests.factories import Factory
from tests.jobs.misbehaving import misbehave


def test_no_transaction_is_open_while_gitlab_is_asked(
    app: Flask, factory: Factory, gitlab: SimulatedGitLab, monkeypatch: object
) -> None:
    org = factory.org()
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    open_while_asking: list[bool] = []
    real = token_check.call_gitlab

    def ask(question: Question) -> Validation:
        open_while_asking.append(db.session().in_transaction())
        return real(question)

    monkeypatch.setattr("gitlab_links.health.token_check.call_gitlab", ask)  # type: ignore[attr-defined]
    with app.app_context():
        result = validate_now(factory.principal(org, Role.ADMIN))
    assert result.status is ValidationStatus.VALID
    assert open_while_asking == [False]


def test_a_token_changed_meanwhile_is_not_judged_by_the_answer_about_the_former(
    app: Flask, factory: Factory, gitlab: SimulatedGitLab
) -> None:
    org = factory.org()
    factory.connect(org, base_url=gitlab.url, token="glpat-wrong")
    admin = factory.principal(org, Role.ADMIN)
    with app.app_context():
        question = token_check.load_question(org.id)
        result = token_check.call_gitlab(question)
        assert result.error_code == "auth_error"
        configure(admin, IntegrationChange(token=GITLAB_TOKEN))
        token_check.record(admin, question, result)
        db.session.commit()
        integration = find_integration(org.id)
        assert integration is not None
        assert integration.error_code is None


@pytest.mark.parametrize(
    ("code", "minutes", "goes_on"),
    [("rate_limited", 10, False), ("rate_limited", -1, True), ("network_error", 10, True)],
)
def test_a_valid_token_ends_a_pause_but_not_one_that_gitlab_asked_for(
    app: Flask, factory: Factory, gitlab: SimulatedGitLab, code: str, minutes: int, goes_on: bool
) -> None:
    """GitLab limits some calls and lets others through, as that for the token."""
    org = factory.org()
    until = utcnow() + timedelta(minutes=minutes)
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    with app.app_context():
        integration = find_integration(org.id)
        assert integration is not None
        integration.error_code, integration.paused_until, integration.failures = code, until, 3
        db.session.commit()
        assert validate_now(factory.principal(org, Role.ADMIN)).status is ValidationStatus.VALID
        db.session.commit()
        db.session.refresh(integration)
        saved = (integration.error_code, integration.paused_until, integration.failures)
    assert saved == ((None, None, 0) if goes_on else (code, until, 3))


@pytest.mark.parametrize(("status", "saved"), [(502, "rate_limited"), (401, "auth_error")])
def test_a_check_that_gets_no_answer_does_not_end_the_pause_for_the_next_one(
    app: Flask, factory: Factory, gitlab: SimulatedGitLab, status: int, saved: str
) -> None:
    org = factory.org()
    until = utcnow() + timedelta(minutes=10)
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    gitlab.state.faults.answer("status", status=status, times=None)
    with app.app_context():
        integration = find_integration(org.id)
        assert integration is not None
        integration.error_code, integration.paused_until = "rate_limited", until
        db.session.commit()
        validate_now(factory.principal(org, Role.ADMIN))
        db.session.commit()
        db.session.refresh(integration)
        assert (integration.error_code, integration.paused_until) == (saved, until)


def test_a_token_that_can_be_decrypted_again_waits_for_no_pause(connected: Any) -> None:
    connected.watch()
    extensions = connected.app.extensions
    right = extensions["settings"]
    extensions["settings"] = replace(right, encryption_keys=(Fernet.generate_key().decode(),))
    connected.sweep()
    with connected.app.app_context():
        find_due_checks()
    shut = connected.integration()
    assert shut.error_code == "invalid_token_ciphertext"
    assert min(shut.paused_until, shut.token_check_due_at) > utcnow()
    extensions["settings"] = right
    connected.watch()
    opened = connected.integration()
    assert (opened.error_code, opened.paused_until) == (None, None)


@pytest.mark.parametrize("has_links", [False, True])
def test_where_no_gitlab_is_the_address_is_named_and_no_item(
    connected: Any, factory: Factory, has_links: bool
) -> None:
    org = connected.org if has_links else factory.org()
    factory.connect(org, base_url=connected.gitlab.url, token=GITLAB_TOKEN)
    misbehave(connected, status=404)
    with connected.app.app_context():
        result = validate_now(factory.principal(org, Role.ADMIN))
        db.session.commit()
    assert (result.status, result.error_code) == ("not_validated", "http_404")
    assert "No GitLab answers at the base URL" in in_words(result.error_code)
