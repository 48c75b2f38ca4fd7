"""Commands for the operator: ``gitlab-links <command>``, ``flask --app wsgi <command>``."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup, ScriptInfo, with_appcontext

from gitlab_links.account_links.addresses import change_address
from gitlab_links.account_links.models import AccountLinkKind
from gitlab_links.account_links.notices import notify
from gitlab_links.accounts.bootstrap import (
    Bootstrapped,
    Consent,
    bootstrap,
    find_person,
    refuse_known_person,
)
from gitlab_links.accounts.people import checked_address
from gitlab_links.accounts.sessions import reset_password
from gitlab_links.audit.changes import OPERATOR
from gitlab_links.command_errors import database_errors_in_a_sentence, refusals_in_a_sentence
from gitlab_links.errors import Invalid
from gitlab_links.extensions import bind_migrations, db, settings, this_app
from gitlab_links.installation import accept_secret_key

MIGRATION_COMMANDS = "db"
API_DOCS = Path("docs") / "api"


def register(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli = Commands(app.name)
    app.cli.add_command(bootstrap_command)
    app.cli.add_command(set_password_command)
    app.cli.add_command(set_address_command)
    app.cli.add_command(openapi_command)
    app.cli.add_command(accept_secret_key_command)


class Commands(AppGroup):
    """The application's commands; those of Flask-Migrate are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*super().list_commands(ctx), MIGRATION_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command with this name."""
        if cmd_name == MIGRATION_COMMANDS:
            bind_migrations(ctx.ensure_object(ScriptInfo).load_app())
        return super().get_command(ctx, cmd_name)


@click.command("bootstrap")
@click.option("--email", required=True, help="The admin's e-mail address.")
@click.option("--password", help="The admin's password; prompted for if left out.")
@click.option("--org", "org_name", help="The name of the new org.")
@click.option("--org-id", type=click.UUID, help="The id of an existing org, instead of --org.")
@click.option("--name", default="", help="The admin's own name.")
@click.option("--keep-password", is_flag=True, help="Keep the password of an existing account.")
@click.option("--reset-password", is_flag=True, help="Set the password of an existing account.")
@click.option("--promote", is_flag=True, help="Make an existing member of the org an admin.")
@click.option("--with-key", is_flag=True, help="Create an API key for an existing org, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@with_appcontext
@database_errors_in_a_sentence()
@refusals_in_a_sentence()
def bootstrap_command(
    email: str,
    password: str | None,
    org_name: str | None,
    name: str,
    *,
    as_json: bool,
    **consent: Any,
) -> None:
    """Create an org with an admin who can log in, and an API key with all scopes.

    Existing people and orgs stay as they are, unless an option says otherwise. For a forgotten
    password, use: set-password.
    """
    if (org_name is None) == (consent["org_id"] is None):
        raise click.UsageError("Give either --org, for a new org, or --org-id.")
    if consent["keep_password"] and (password is not None or consent["reset_password"]):
        raise click.UsageError("--keep-password cannot be combined with a password.")
    if password is None and not consent["keep_password"]:
        if not consent["reset_password"]:
            refuse_known_person(email)
        password = _ask_password()
    made = bootstrap(email, password, org_name, name, Consent(**consent))
    db.session.commit()
    if as_json:
        ids = {"org_id": str(made.org_id), "user_id": str(made.user_id)}
        click.echo(json.dumps({**ids, "api_key": made.api_key}))
    else:
        click.echo(_as_text(made))


@click.command("set-password")
@click.option("--email", required=True, help="The person's e-mail address.")
@click.option("--password", help="The new password; prompted for if left out.")
@with_appcontext
@database_errors_in_a_sentence()
@refusals_in_a_sentence()
def set_password_command(email: str, password: str | None) -> None:
    """Set a person's password and end all their sessions.

    Roles and API keys stay as they are. The change is in the audit log of each of the person's
    orgs.
    """
    user = find_person(email)
    reset_password(user, password or _ask_password(), OPERATOR)
    notify(user, AccountLinkKind.PASSWORD_SET)
    db.session.commit()
    click.echo(f"{user.email} has a new password; all sessions have been ended.")


@click.command("set-address")
@click.option("--email", required=True, help="The person's present e-mail address.")
@click.option("--new", "new_email", required=True, help="The new one.")
@with_appcontext
@database_errors_in_a_sentence()
@refusals_in_a_sentence()
def set_address_command(email: str, new_email: str) -> None:
    """Set the e-mail address of a person's account, where the service cannot confirm it by mail.

    The change is in the audit log of each of the person's orgs.
    """
    user = find_person(email)
    new_email = _new_address(new_email)
    if new_email == user.email:
        raise click.ClickException(f"The account has the address {new_email} already.")
    change_address(user, new_email, OPERATOR)
    db.session.commit()
    click.echo(f"The account of {email} has the address {user.email} now.")


def _new_address(text: str) -> str:
    try:
        return checked_address(text)
    except Invalid:
        raise click.ClickException(
            f"{text!r} is not an e-mail address, such as ana@example.com. Nothing was changed."
        ) from None


def _ask_password() -> str:
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked


def _as_text(made: Bootstrapped) -> str:
    key = made.api_key or "none created; add --with-key for one"
    return (
        f"Org      {made.org_name} ({made.org_id})\n"
        f"Log in   {settings().public_base_url} as {made.email}\n"
        f"API key  {key}" + ("  (shown only once)" if made.api_key else "")
    )


@click.command("openapi")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 unless the files match the code."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=API_DOCS,
    show_default=True,
    help="Where openapi.yaml and scope-map.yaml are.",
)
@with_appcontext
def openapi_command(folder: Path, *, check: bool) -> None:
    """Write the contract, docs/api/openapi.yaml and scope-map.yaml, from the code."""
    if find_spec("yaml") is None:
        raise click.ClickException("Run this in a checkout with requirements/dev.txt installed.")
    from gitlab_links.api.contract_files import differences, write

    app = this_app()
    if not check:
        for path in write(app, folder):
            click.echo(f"wrote {path}")
        return
    found = differences(app, folder)
    for line in found:
        click.echo(line, err=True)
    if found:
        raise click.ClickException("The contract and the code differ; run: flask openapi")
    click.echo("The contract matches the code.")


@click.command("accept-secret-key")
@with_appcontext
@database_errors_in_a_sentence()
def accept_secret_key_command() -> None:
    """Accept the current SECRET_KEY as this installation's, after it was changed.

    Sessions have ended, and all API keys and webhook secrets must be replaced.
    """
    accept_secret_key()
    db.session.commit()
    click.echo(
        "The current SECRET_KEY is now the one of this installation. Pages and lists show API "
        "keys of a former one as refused: replace their secrets."
    )
