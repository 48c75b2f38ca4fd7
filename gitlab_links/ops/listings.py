"""Commands that list orgs and people, with the ids and addresses that other commands ask for."""

from itertools import groupby

import click
from flask.cli import with_appcontext
from sqlalchemy import func, select

from gitlab_links.accounts.models import Membership, Org, User
from gitlab_links.accounts.roles import Role
from gitlab_links.command_errors import database_errors_in_a_sentence
from gitlab_links.extensions import db
from gitlab_links.plurals import counted
from gitlab_links.tasks.models import Task


@click.command("list-orgs")
@with_appcontext
@database_errors_in_a_sentence()
def list_orgs_command() -> None:
    """List all orgs by name: id, name, and how many members and tasks each has."""
    members, tasks = (
        select(func.count()).where(model.org_id == Org.id).scalar_subquery()
        for model in (Membership, Task)
    )
    rows = db.session.execute(
        select(Org.id, Org.name, members, tasks).order_by(func.lower(Org.name), Org.id)
    )
    for org_id, name, of_members, of_tasks in rows:
        has = f"{counted(of_members, 'member', form=',')}, {counted(of_tasks, 'task', form=',')}"
        click.echo(f"{org_id}  {name}  ({has})")


@click.command("list-people")
@with_appcontext
@database_errors_in_a_sentence()
def list_people_command() -> None:
    """List the accounts of all people by address: id, address, name, and their roles in orgs."""
    rows = db.session.execute(
        select(User, Org.name, Membership.role)
        .outerjoin(Membership, Membership.user_id == User.id)
        .outerjoin(Org, Org.id == Membership.org_id)
        .where(User.is_person)
        .order_by(User.email, func.lower(Org.name))
    )
    for person, of_person in groupby(rows, key=lambda row: row[0]):
        roles = [f"{Role(role).words} of {org}" for _, org, role in of_person if role is not None]
        in_orgs = ", ".join(roles) or "in no org"
        click.echo(f"{person.id}  {person.email}  {person.name}  ({in_orgs})")
