"""Commands to export, import and delete an org, and to erase a person."""

import errno
import gzip
import io
import sys
import uuid
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import click
from flask.cli import with_appcontext

from gitlab_links.account_links.erasure import erase_account
from gitlab_links.accounts.erasure import find_person_to_erase, orgs_of_person
from gitlab_links.audit.changes import OPERATOR
from gitlab_links.command_errors import database_errors_in_a_sentence, refusals_in_a_sentence
from gitlab_links.extensions import db
from gitlab_links.org_data.deleting import close_org, delete_org_row, delete_piece
from gitlab_links.org_data.exporting import org_name, snapshot
from gitlab_links.org_data.files import json_lines, write_csv
from gitlab_links.org_data.importing import import_org
from gitlab_links.plurals import counted
from gitlab_links.storage.private_files import open_new_private_file

_GZIP = b"\x1f\x8b"
_STANDARD_OUTPUT = Path("-")
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@click.command("export-org")
@click.argument("org_id", type=click.UUID)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--csv", "as_csv", is_flag=True, help="Write a zip of CSV files, for spreadsheets.")
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
@with_appcontext
@database_errors_in_a_sentence()
@refusals_in_a_sentence()
def export_org_command(org_id: uuid.UUID, file: Path, *, as_csv: bool, overwrite: bool) -> None:
    """Write everything of an org but its secrets to FILE: JSON lines, for import-org.

    With a name that ends in .gz the file is compressed. It holds confidential items too, so only
    the user who runs this may read it. If FILE is -, it is written to standard output.
    """
    if file == _STANDARD_OUTPUT:
        _write_to(sys.stdout.buffer, org_id, as_csv=as_csv, compressed=False)
        return
    try:
        if not overwrite and file.exists():
            raise click.ClickException(
                f"{file} is there already, and stays as it is. Give another name, or replace it "
                "with --overwrite."
            )
        with _whole_or_none(file) as out:
            _write_to(out, org_id, as_csv=as_csv, compressed=file.suffix == ".gz")
    except OSError as error:
        raise click.ClickException(_unwritten(file, error)) from None
    click.echo(f"wrote {file}")


def _unwritten(file: Path, error: OSError) -> str:
    message = f"{file.absolute()} cannot be written: {error.strerror}."
    if error.errno not in _NOT_OURS:
        return message
    return (
        f"{message} Name a file in a folder that the user of this command may write, or give - "
        "instead, and have the shell write the file: export-org ... - > FILE"
    )


@contextmanager
def _whole_or_none(file: Path) -> Iterator[IO[bytes]]:
    """Write to FILE.part, which becomes FILE at the end; whose it is, is never in doubt."""
    unfinished = file.with_name(f"{file.name}.part")
    try:
        out = open_new_private_file(unfinished)
    except FileExistsError:
        raise click.ClickException(
            f"{unfinished} is there: another export to {file} is running, or one was killed. "
            f"If none is running, delete {unfinished} and export again."
        ) from None
    with ExitStack() as after_failure:
        after_failure.callback(unfinished.unlink)
        with out:
            yield out
        unfinished.replace(file)
        after_failure.pop_all()


def _write_to(out: IO[bytes], org_id: uuid.UUID, *, as_csv: bool, compressed: bool) -> None:
    if as_csv:
        write_csv(org_id, out)
        return
    if not compressed:
        out.writelines(json_lines(org_id))
        return
    with gzip.GzipFile(fileobj=out, mode="wb", filename="") as packed:
        packed.writelines(json_lines(org_id))


@click.command("import-org")
@click.argument("file", type=click.File("rb"))
@click.option("--name", help="Another name for the org, if its own is taken here.")
@with_appcontext
@database_errors_in_a_sentence()
@refusals_in_a_sentence()
def import_org_command(file: Any, name: str | None) -> None:
    """Add the org of an export to this installation; all of it, or nothing. If FILE is -, it is
    read from standard input.

    Afterwards an admin sets the GitLab token and repairs the webhooks, which still lead to the
    other installation. People without an account here need a password or a login by GitLab.
    """
    with _opened(file) as lines:
        done = import_org(lines, name)
    db.session.commit()
    tasks = counted(done.rows.get("tasks", 0), "task")
    click.echo(f"Imported {done.name} ({done.org_id}) with {tasks}.")


@contextmanager
def _opened(file: Any) -> Iterator[Iterable[bytes]]:
    # What a pipe has given cannot be read a second time.
    raw = io.BufferedReader(file)
    try:
        yield gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise click.ClickException(
            f"The file is damaged: {str(error).rstrip('.')}. Nothing was imported."
        ) from None


@click.command("delete-org")
@click.argument("org_id", type=click.UUID)
@click.option("--name", help="The org's name, to confirm; asked for if left out.")
@with_appcontext
@database_errors_in_a_sentence()
@refusals_in_a_sentence()
def delete_org_command(org_id: uuid.UUID, name: str | None) -> None:
    """Delete an org with everything of it, in pieces. Its webhooks in GitLab stay.

    If it is interrupted, run it again: it begins with what is left.
    """
    with snapshot() as connection:
        present = org_name(connection, org_id)
    if (name or _asked_name("org", f"the org {present} with everything of it")) != present:
        raise click.ClickException("The org has another name. Nothing was deleted.")
    close_org(org_id, None)
    db.session.commit()
    while delete_piece(org_id) is not None:
        db.session.commit()
    delete_org_row(org_id)
    db.session.commit()
    click.echo(f"Deleted {present} ({org_id}).")


@click.command("erase-person")
@click.option("--email", required=True, help="The person's e-mail address.")
@click.option("--name", help="The person's name, to confirm; asked for if left out.")
@with_appcontext
@database_errors_in_a_sentence()
@refusals_in_a_sentence()
def erase_person_command(email: str, name: str | None) -> None:
    """Delete a person's account. Audit logs keep what happened, without name and address."""
    user = find_person_to_erase(email)
    person, user_id = f"{user.name} <{user.email}>", user.id
    roles = orgs_of_person(user)
    orgs = ", ".join(f"{org} ({role.words})" for org, role in roles.items()) or "no org"
    if (name or _asked_name("person", f"the account of {person}, in {orgs}")) != user.name:
        raise click.ClickException("The person has another name. Nothing was deleted.")
    erase_account(user, OPERATOR)
    db.session.commit()
    click.echo(f"Deleted the account of {person} ({user_id}), in {orgs}.")


def _asked_name(of: str, what: str) -> str:
    click.echo(f"This deletes {what}. It cannot be undone.")
    try:
        return str(click.prompt(f"Type the {of}'s name to confirm"))
    except click.Abort:
        click.echo()
        raise click.ClickException(
            "Nothing was deleted. Without a terminal, confirm with --name."
        ) from None
