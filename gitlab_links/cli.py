"""Commands for the operator: ``flask --app wsgi <command>``."""

import json
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from gitlab_links.accounts.bootstrap import bootstrap
from gitlab_links.db_failures import told_in_a_sentence
from gitlab_links.errors import Invalid
from gitlab_links.extensions import db, settings

API_DOCS = Path("docs") / "api"


def register(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(bootstrap_command)
    app.cli.add_command(openapi_command)


@click.command("bootstrap")
@click.option("--email", required=True, help="The admin's e-mail address.")
@click.option(
    "--password",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="The admin's password, 8 characters at least; asked for when left out.",
)
@click.option("--org", "org_name", required=True, help="The org's name.")
@click.option("--name", default="", help="The admin's own name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@with_appcontext
@told_in_a_sentence()
def bootstrap_command(
    email: str, password: str, org_name: str, name: str, *, as_json: bool
) -> None:
    """Set up an org with an admin who can log in, and an API key with all scopes.

    May be run again with the same e-mail address and org: org and admin are left as they
    are, the password is set to the one given, and a fresh API key is made.
    """
    try:
        made = bootstrap(email, password, org_name, name)
    except Invalid as refusal:
        raise click.ClickException(refusal.detail) from None
    db.session.commit()
    told: dict[str, Any] = {
        "org_id": str(made.org_id),
        "user_id": str(made.user_id),
        "api_key": made.api_key,
    }
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"Org      {org_name} ({told['org_id']})")
    click.echo(f"Log in   {settings().public_base_url} as {made.email}")
    click.echo(f"API key  {told['api_key']}  (shown this once; run again for another)")


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
    from gitlab_links.api.contract_files import differences, write

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
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
