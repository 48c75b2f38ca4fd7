"""flask bootstrap and flask openapi, and what commands say of a database in trouble."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import click
import pytest
from flask import Flask

from gitlab_links.accounts.sessions import log_in
from gitlab_links.command_errors import to_run
from tests.api.callers import program
from tests.conftest import MakeApp
from tests.databases import Database

ROOT = Path(__file__).parents[2]
ARGUMENTS = ["bootstrap", "--email", "ada@example.com", "--org", "Acme Corp"]
PASSWORD = ["--password", "correct horse battery"]


def test_bootstrap_prints_json_that_opens_the_api(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=[*ARGUMENTS, *PASSWORD, "--json"])
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert made.keys() == {"org_id", "user_id", "api_key"}
    caller = program(app, made["api_key"])
    assert caller.get(f"/api/orgs/{made['org_id']}").json["org"]["name"] == "Acme Corp"


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    "asked", [["--help"], pytest.param(["bootstrap", "--help"], marks=pytest.mark.slow)]
)
def test_help_needs_no_settings(asked: list[str]) -> None:
    wrong = {"PATH": os.environ["PATH"], "FLASK_SKIP_DOTENV": "1", "LOG_LEVEL": "LOUD"}
    run = [sys.executable, str(ROOT / "commands.py"), *asked]
    helped = subprocess.run(run, env=wrong, capture_output=True, text=True, check=False)
    assert "bootstrap" in helped.stdout + helped.stderr
    assert "The settings do not allow a start" not in helped.stderr


def test_bootstrap_asks_for_the_password_and_does_not_show_it(app: Flask) -> None:
    typed = "correct horse battery\n" * 2
    result = app.test_cli_runner().invoke(args=ARGUMENTS, input=typed)
    assert result.exit_code == 0, result.output
    assert "glk_" in result.output
    assert "horse" not in result.output


def test_bootstrap_says_what_is_wrong_with_a_password(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=[*ARGUMENTS, "--password", "short"])
    assert result.exit_code == 1
    assert "12 to 200 characters" in result.output


def test_bootstrap_run_again_is_refused_in_a_sentence(app: Flask) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=[*ARGUMENTS, *PASSWORD]).exit_code == 0
    again = runner.invoke(args=[*ARGUMENTS, *PASSWORD, "--json"])
    assert again.exit_code == 1
    assert "ada@example.com has an account, in 'Acme Corp'" in again.output
    asked = runner.invoke(args=ARGUMENTS)
    assert "ada@example.com has an account" in asked.output
    assert "Password" not in asked.output
    kept = runner.invoke(args=[*ARGUMENTS, "--keep-password", "--with-key", "--json"])
    assert kept.exit_code == 0, kept.output
    assert json.loads(kept.stdout)["api_key"].startswith("glk_")


def test_bootstrap_takes_an_org_in_other_letters_for_the_same_one(app: Flask) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=[*ARGUMENTS, *PASSWORD]).exit_code == 0
    again = runner.invoke(args=[*ARGUMENTS[:3], "--keep-password", "--org", " acme CORP"])
    assert (again.exit_code, "--org-id" in again.output) == (1, True)


def test_bootstrap_wants_a_name_that_fits(app: Flask) -> None:
    named = app.test_cli_runner().invoke(args=[*ARGUMENTS, *PASSWORD, "--name", "x" * 300])
    assert named.exit_code == 1


@pytest.mark.parametrize("arguments", [ARGUMENTS[:3], [*ARGUMENTS, "--org-id", str(UUID(int=1))]])
def test_bootstrap_wants_either_a_new_org_or_the_id_of_one(
    app: Flask, arguments: list[str]
) -> None:
    result = app.test_cli_runner().invoke(args=[*arguments, *PASSWORD])
    assert result.exit_code == 2
    assert "either --org, for a new org, or --org-id" in result.output


def test_a_forgotten_password_is_set_without_touching_roles_or_keys(app: Flask) -> None:
    runner = app.test_cli_runner()
    made = json.loads(runner.invoke(args=[*ARGUMENTS, *PASSWORD, "--json"]).stdout)
    typed = "another good password\n" * 2
    result = runner.invoke(args=["set-password", "--email", "Ada@example.com"], input=typed)
    assert result.exit_code == 0, result.output
    with app.app_context():
        assert log_in("ada@example.com", "another good password", "203.0.113.1")
    events = program(app, made["api_key"]).get(f"/api/orgs/{made['org_id']}/audit-events").json
    assert events["events"][0]["action"] == "password.reset"
    unknown = runner.invoke(args=["set-password", "--email", "bob@example.com", *PASSWORD])
    assert (unknown.exit_code, "There is no account" in unknown.output) == (1, True)


def test_openapi_writes_what_it_then_finds_right(app: Flask, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    folder = ["--folder", str(tmp_path)]
    assert runner.invoke(args=["openapi", "--check", *folder]).exit_code == 1
    assert runner.invoke(args=["openapi", *folder]).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"openapi.yaml", "scope-map.yaml"}
    assert runner.invoke(args=["openapi", "--check", *folder]).exit_code == 0


@pytest.mark.slow
def test_openapi_names_each_difference(app: Flask, tmp_path: Path) -> None:
    runner = app.test_cli_runner()
    folder = ["--folder", str(tmp_path)]
    runner.invoke(args=["openapi", *folder])
    scopes = tmp_path / "scope-map.yaml"
    scopes.write_text(scopes.read_text().replace("  accounts__me_get:", "  accounts__you_get:"))
    result = runner.invoke(args=["openapi", "--check", *folder])
    assert result.exit_code == 1
    assert "accounts__me_get: no entry in scope-map.yaml" in result.output
    assert "accounts__you_get: in scope-map.yaml and no operation" in result.output


@pytest.mark.parametrize("arguments", [[*ARGUMENTS, *PASSWORD], ["rotate-keys"]])
def test_without_tables_a_command_sends_to_the_doctor(
    make_app: MakeApp, empty_database: Database, arguments: list[str]
) -> None:
    result = make_app(database_url=empty_database.url).test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: The database says: ")
    assert "flask --app wsgi doctor" in result.output
    assert "SELECT" not in result.output


def test_a_hint_names_the_program_that_the_operator_ran() -> None:
    with click.Context(click.Command("rotate-keys"), info_name="gitlab-links"):
        assert to_run("doctor") == "gitlab-links doctor"


@pytest.mark.parametrize("arguments", [[*ARGUMENTS, *PASSWORD], ["rotate-keys"], ["db", "upgrade"]])
def test_without_a_database_a_command_says_so_in_a_sentence(
    make_app: MakeApp, arguments: list[str]
) -> None:
    app = make_app(database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 1
    assert "Error: The database says: connection failed" in result.output
    assert "Traceback" not in result.output
