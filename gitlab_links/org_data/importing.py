"""Reading an export into this installation, in one transaction. Nothing here commits."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Column, Table, exists, select
from sqlalchemy.exc import IntegrityError

from gitlab_links.accounts.models import Org, User
from gitlab_links.accounts.names import checked_name
from gitlab_links.accounts.orgs import locked_orgs_named
from gitlab_links.audit.changes import OPERATOR, Action, write_audit_event
from gitlab_links.errors import Conflict, Invalid
from gitlab_links.extensions import db
from gitlab_links.org_data.files import FORMAT, VERSION
from gitlab_links.org_data.tables import MADE_ANEW, exported_columns, exported_tables, refers_to
from gitlab_links.org_data.values import BadValueError, read_id, read_value
from gitlab_links.search.reindexing import store_all_facts, store_all_texts

ROWS_A_STATEMENT = 500
# A person who had left the org: the export has the name alone.
NO_ADDRESS = "former-member.invalid"
ACTOR = "actor_user_id"


class OrgIsHere(Conflict, code="already_there"):
    """The org, or another one with its name, is in this installation already."""


class NotAnExport(Invalid, code="not_an_export"):
    """The file is no export, is incomplete, or names what this version does not know."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The org, and how many rows of each table were added."""

    org_id: uuid.UUID
    name: str
    rows: dict[str, int]


@dataclass(slots=True)
class _Import:
    """What is known while the lines are read. ``ids`` are those of the file by table."""

    org_id: uuid.UUID
    name: str | None
    counts: Counter[str] = field(default_factory=Counter)
    people: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    ids: defaultdict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))
    waiting: list[dict[str, Any]] = field(default_factory=list)


def import_org(lines: Iterable[bytes], name: str | None = None) -> Imported:
    """Add the org with its own ids; ``name`` replaces its name.

    A person whose address has an account here becomes a member with that account. Others get
    one without a password. Raises :class:`NotAnExport` with the line, and :class:`OrgIsHere`.
    """
    numbered = enumerate(lines, start=1)
    state = _begin(next(numbered, (0, b"")), name)
    tables = {table.name: table for table in exported_tables()}
    current: Table | None = None
    for number, line in numbered:
        entry = _parsed(number, line)
        if "end" in entry:
            _insert(current, state)
            return _end(number, entry["end"], state, numbered)
        named = str(entry.get("table"))
        if named in MADE_ANEW:
            state.counts[named] += 1
            continue
        table = tables.get(named)
        if table is None or not isinstance(entry.get("row"), dict):
            raise _refused(number, f"there is no table {entry.get('table')!r} here")
        if table is not current or len(state.waiting) >= ROWS_A_STATEMENT:
            _insert(current, state)
        current = table
        _read(number, table, entry["row"], state)
    raise NotAnExport("The file is incomplete: its last line is missing. Nothing was imported.")


def _begin(first: tuple[int, bytes], name: str | None) -> _Import:
    number, line = first
    head = _parsed(number or 1, line)
    if head.get("format") != FORMAT or head.get("version") != VERSION:
        raise NotAnExport("This is no file of 'flask export-org', or one of a newer version.")
    try:
        org_id = read_id(head.get("org_id"))
    except BadValueError as error:
        raise _refused(1, f"org_id is {error}") from None
    chosen = checked_name(name if name is not None else str(head.get("name", "")))
    if db.session.scalar(select(exists().where(Org.id == org_id))):
        raise OrgIsHere("This org is in this installation already.")
    if locked_orgs_named(chosen):
        raise OrgIsHere(f"An org named {chosen!r} exists here. Add --name with another name.")
    return _Import(org_id, chosen)


def _read(number: int, table: Table, row: dict[str, Any], state: _Import) -> None:
    columns = {column.name: column for column in exported_columns(table)}
    unknown = row.keys() - columns.keys()
    if unknown:
        raise _refused(number, f"{table.name} has no column {sorted(unknown)[0]!r} here")
    values = {name: _value(number, columns[name], value) for name, value in row.items()}
    [key] = table.primary_key.columns
    identity = values.get(key.name)
    if table.name == User.__tablename__:
        _person(number, values, state)
        return
    owner = values.get("id" if table.name == Org.__tablename__ else "org_id")
    if owner != state.org_id:
        raise _refused(number, "the row belongs to another org")
    if table.name == Org.__tablename__:
        values["name"] = state.name
    for column in columns.values():
        _check_reference(number, column, values, state)
    state.ids[table.name].add(identity)
    state.counts[table.name] += 1
    state.waiting.append(values)


def _person(number: int, values: dict[str, Any], state: _Import) -> None:
    """Find or create the account; those of service accounts are always created."""
    theirs, email = values.get("id"), values.get("email")
    if not isinstance(theirs, uuid.UUID):
        raise _refused(number, "the person has no id")
    if "name" not in values:
        raise _refused(number, "the person has no name")
    if values.get("service_of_id") not in {None, *state.ids[Org.__tablename__]}:
        raise _refused(number, "the service account belongs to another org")
    values["email"] = str(email).lower() if email else f"{theirs}@{NO_ADDRESS}"
    known = db.session.scalar(select(User.id).where(User.email == values["email"]))
    state.counts[User.__tablename__] += 1
    if known is not None:
        state.people[theirs] = known
        return
    taken = db.session.scalar(select(exists().where(User.id == theirs)))
    user = User(**{name: value for name, value in values.items() if name != "id" or not taken})
    db.session.add(user)
    db.session.flush()
    state.people[theirs] = user.id


def _check_reference(
    number: int, column: Column[object], values: dict[str, Any], state: _Import
) -> None:
    """A reference must lead to a row of the file, never to another org's."""
    target, value = refers_to(column), values.get(column.name)
    if value is None:
        return
    if column.name == ACTOR:
        target = User.__tablename__  # events outlive people, and refer to them without a key
    if target is None:
        return
    if target == User.__tablename__:
        values[column.name] = state.people.get(value)
        if values[column.name] is None and not column.nullable:
            raise _refused(number, f"{column.name} names nobody of the file")
    elif value not in state.ids[target]:
        raise _refused(number, f"{column.name} leads to nothing in the file")


def _insert(table: Table | None, state: _Import) -> None:
    if table is not None and state.waiting:
        # One statement has one set of columns.
        groups: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for values in state.waiting:
            groups[tuple(sorted(values))].append(values)
        for rows in groups.values():
            try:
                db.session.execute(table.insert(), rows)
            except IntegrityError:
                raise NotAnExport(
                    f"A row of {table.name} is twice in the file, here already, or incomplete. "
                    "Nothing was imported."
                ) from None
    state.waiting.clear()


def _end(number: int, counts: Any, state: _Import, rest: Iterator[tuple[int, bytes]]) -> Imported:
    if counts != dict(state.counts) or next(rest, None) is not None:
        raise _refused(number, "the numbers of rows differ from those of the file")
    for store in (store_all_texts, store_all_facts):
        store(db.session.connection(), state.org_id)
    name = state.name or ""
    write_audit_event(state.org_id, OPERATOR, Action.ORG_IMPORTED, state.org_id, {"name": name})
    return Imported(state.org_id, name, dict(state.counts))


def _value(number: int, column: Column[object], value: Any) -> Any:
    try:
        return read_value(column, value)
    except BadValueError as error:
        raise _refused(number, f"{column.name} is {error}") from None


def _parsed(number: int, line: bytes) -> dict[str, Any]:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _refused(number, "it is not JSON") from None
    if not isinstance(entry, dict):
        raise _refused(number, "it is no JSON object")
    return entry


def _refused(number: int, why: str) -> NotAnExport:
    return NotAnExport(f"Line {number}: {why}. Nothing was imported.")
