"""``flask after-restore``: number what comes after a restore apart from what it undid."""

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from gitlab_links.accounts.models import Org
from gitlab_links.clock import utcnow
from gitlab_links.command_errors import database_errors_in_a_sentence
from gitlab_links.events.publishing import go_on_beyond
from gitlab_links.extensions import db
from gitlab_links.tasks.changes import skip_numbers


@click.command("after-restore")
@click.option(
    "--skip-task-numbers",
    type=click.IntRange(0, 1_000_000),
    default=1000,
    show_default=True,
    help="More than any org has given to tasks since the dump.",
)
@with_appcontext
@database_errors_in_a_sentence()
def after_restore_command(*, skip_task_numbers: int) -> None:
    """Give nothing a second time that was given after the dump; before the service starts again.

    Programs that follow the feed of events are told that it was restored. Branches and merge
    requests that name a lost task do not come to name another one. Run it once: every run skips
    task numbers.
    """
    # A millisecond for each position: no feed is that quick, so none has got that far, and the
    # next restore, even of the same dump, goes farther than this one.
    position = int(utcnow().timestamp() * 1000)
    go_on_beyond(position, db.session.scalars(select(Org.id)).all())
    skip_numbers(skip_task_numbers)
    db.session.commit()
    click.echo(f"Events go on after position {position}.")
    click.echo(f"The tasks of each org go on {skip_task_numbers} numbers later.")
