"""The doctor and the issuer."""

from flask import Flask

from gitlab_links.config.allowed_hosts import AllowedHosts
from gitlab_links.demo.gitlab import SimulatedGitLab
from tests.conftest import MakeApp
from tests.sign_in.conftest import issuer_at


def doctor(app: Flask) -> str:
    return app.test_cli_runner().invoke(args=["doctor"]).output


def test_an_issuer_that_answers_is_named_with_our_address(
    make_app: MakeApp, gitlab: SimulatedGitLab
) -> None:
    said = doctor(make_app(issuer=issuer_at(gitlab.url)))
    assert f"ok    sign in: {gitlab.url} answers" in said
    assert "http://localhost/sign-in/callback" in said


def test_an_issuer_that_is_away_is_a_failure(make_app: MakeApp, gitlab: SimulatedGitLab) -> None:
    app = make_app(issuer=issuer_at(gitlab.url))
    gitlab.stop()
    assert f"FAIL  sign in: {gitlab.url}: The issuer does not answer as it should" in doctor(app)
    assert "Connection refused" in doctor(app)


def test_an_issuer_at_an_address_that_is_not_allowed_is_named_with_the_reason(
    make_app: MakeApp, gitlab: SimulatedGitLab
) -> None:
    app = make_app(issuer=issuer_at(gitlab.url), gitlab_allowed_hosts=AllowedHosts())
    assert "this service may not connect there" in doctor(app)


def test_without_an_issuer_nothing_is_said(app: Flask) -> None:
    assert "sign in" not in doctor(app)
