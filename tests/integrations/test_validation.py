"""Validating a token: no transaction while GitLab thinks, and no verdict on another token."""

from flask import Flask

from gitlab_links.accounts.roles import Role
from gitlab_links.demo.gitlab import SimulatedGitLab
from gitlab_links.extensions import db
from gitlab_links.hooks.reconnection import configure
from gitlab_links.http.validation import validate_now
from gitlab_links.integrations import validation
from gitlab_links.integrations.operations import IntegrationChange, find_integration
from gitlab_links.integrations.validation import Question, Validation, ValidationStatus
from tests.conftest import GITLAB_TOKEN
from tests.factories import Factory


def test_no_transaction_is_open_while_gitlab_is_asked(
    app: Flask, factory: Factory, gitlab: SimulatedGitLab, monkeypatch: object
) -> None:
    org = factory.org()
    factory.connect(org, base_url=gitlab.url, token=GITLAB_TOKEN)
    open_while_asking: list[bool] = []

    def ask(question: Question) -> Validation:
        open_while_asking.append(db.session().in_transaction())
        return validation.ask(question)

    monkeypatch.setattr("gitlab_links.http.validation.ask", ask)  # type: ignore[attr-defined]
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
        question = validation.prepare(org.id)
        result = validation.ask(question)
        assert result.error_code == "auth_error"
        configure(admin, IntegrationChange(token=GITLAB_TOKEN))
        validation.record(admin, question, result)
        db.session.commit()
        integration = find_integration(org.id)
        assert integration is not None
        assert integration.error_code is None
