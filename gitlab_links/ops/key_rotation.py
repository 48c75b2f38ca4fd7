"""``flask rotate-keys``: re-encrypt every stored secret with the first encryption key.

Works while the service runs: each secret is replaced only if it has not changed since it was
read. After an interruption it can run again: it skips secrets encrypted with the first key.
"""

import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click
from flask.cli import with_appcontext
from sqlalchemy import Column, Row, Table, select, update

from gitlab_links.command_errors import database_errors_in_a_sentence, refusals_in_a_sentence
from gitlab_links.extensions import db
from gitlab_links.security import CiphertextInvalid, cipher

BATCH_SIZE = 100
SUFFIX = "_ciphertext"


@dataclass(slots=True)
class Tally:
    """How many secrets were found, by the key that decrypts them."""

    current: int = 0
    outdated: int = 0
    unreadable: int = 0


@click.command("rotate-keys")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 while an old key is in use.")
@with_appcontext
@database_errors_in_a_sentence()
@refusals_in_a_sentence()
def rotate_keys_command(*, check: bool) -> None:
    """Re-encrypt every stored secret with the first key of VIA_RAH_ENCRYPTION_KEY.

    Before running this, set it to OLD,NEW everywhere and restart, then to NEW,OLD and restart.
    Once --check exits 0, remove OLD.
    """
    cipher().check()
    tally = rotate(write=not check)
    verb = "under an old key" if check else "re-encrypted"
    click.echo(f"{tally.current} under the first key, {tally.outdated} {verb}")
    if tally.unreadable:
        click.echo(
            f"{tally.unreadable} cannot be decrypted with any key: add the key they were "
            "encrypted with, or ask the orgs' admins to set the tokens again.",
            err=True,
        )
    sys.exit(1 if tally.unreadable or (check and tally.outdated) else 0)


def rotate(*, write: bool) -> Tally:
    """Check every secret and, with ``write``, re-encrypt it; commits batch by batch."""
    tally = Tally()
    for column in _columns():
        for rows in _batches(column):
            for row_id, ciphertext in rows:
                _rotate_one(tally, column, row_id, ciphertext, write=write)
            db.session.commit()
    return tally


def _rotate_one(
    tally: Tally, column: Column[str], row_id: uuid.UUID, ciphertext: str, *, write: bool
) -> None:
    try:
        renewed = cipher().renew(ciphertext)
    except CiphertextInvalid:
        tally.unreadable += 1
        return
    if renewed == ciphertext:
        tally.current += 1
        return
    tally.outdated += 1
    if write:
        table = _table(column)
        db.session.execute(
            update(table)
            .where(table.c.id == row_id, column == ciphertext)
            .values({column.name: renewed})
        )


def _columns() -> list[Column[str]]:
    """Every column with encrypted secrets, found by its name, new ones included."""
    return [
        column
        for table in db.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith(SUFFIX)
    ]


def _batches(column: Column[str]) -> Iterator[Sequence[Row[uuid.UUID, str]]]:
    table = _table(column)
    last: uuid.UUID | None = None
    while True:
        beyond = () if last is None else (table.c.id > last,)
        rows = db.session.execute(
            select(table.c.id, column)
            .where(column.is_not(None), *beyond)
            .order_by(table.c.id)
            .limit(BATCH_SIZE)
        ).all()
        if not rows:
            return
        yield rows
        last = rows[-1][0]


def _table(column: Column[str]) -> Table:
    return column.table
