"""The privileges of the service's role on its tables in PostgreSQL, and their owner."""

from sqlalchemy import Connection, text

from gitlab_links.command_errors import to_run
from gitlab_links.ops.check_results import Finding, failure
from gitlab_links.storage.database import Base

_READ = "SELECT"
_NEEDED = (_READ, "INSERT", "UPDATE", "DELETE")
_NAMED = 3
_MISSING = text("""
    SELECT needed.name, needed.grant FROM unnest(:names ::text[], :grants ::text[])
        AS needed (name, "grant")
    WHERE NOT has_table_privilege(to_regclass(quote_ident(needed.name)), needed.grant)
    ORDER BY needed.name
""")
_FOREIGN_OWNER = text("""
    SELECT min(pg_get_userbyid(relowner)) FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema()))
        AND relname = ANY(:names) AND NOT pg_has_role(relowner, 'USAGE')
""")


def missing_rights(connection: Connection) -> Finding | None:
    """The privileges that the service's role lacks on its tables; None if none."""
    role, schema = _place(connection)
    if schema is None:
        return failure(
            "database",
            f"the role {role} may use no schema.",
            f'As the database\'s owner: GRANT USAGE ON SCHEMA public TO "{role}"',
        )
    wanted = [(name, right) for name in sorted(Base.metadata.tables) for right in _NEEDED]
    wanted.append(("alembic_version", _READ))
    names, grants = zip(*wanted, strict=True)
    found = connection.execute(_MISSING, {"names": list(names), "grants": list(grants)}).all()
    if not found:
        return None
    tables = list(dict.fromkeys(name for name, _ in found))
    lacked = [right for right in _NEEDED if right in {right for _, right in found}]
    more = f" and {len(tables) - _NAMED} more" if len(tables) > _NAMED else ""
    return failure(
        "database",
        f"the role {role} lacks {', '.join(lacked)} on {', '.join(tables[:_NAMED])}{more}.",
        f"As the owner of the tables: {_grant_tables(role, schema)}",
    )


def way_to_migrate(connection: Connection) -> str:
    """How to upgrade the schema: as which role, and which privilege to grant first."""
    role, schema = _place(connection)
    names = [*Base.metadata.tables, "alembic_version"]
    owner = connection.scalar(_FOREIGN_OWNER, {"names": names})
    if owner is not None:
        return (
            f"The tables belong to {owner}, and only their owner can change them: run "
            f"{to_run('db upgrade')} with {owner} as the user in DATABASE_URL. Then, as "
            f"{owner}: {_grant_tables(role, schema)}"
        )
    if connection.scalar(text("SELECT has_schema_privilege(current_schema(), 'CREATE')")):
        return f"Run: {to_run('db upgrade')}"
    return (
        f"The role {role} may not create tables in the schema {schema}. As the database's "
        f'owner: GRANT CREATE ON SCHEMA {schema} TO "{role}". '
        f"Then run: {to_run('db upgrade')}"
    )


def _place(connection: Connection) -> tuple[str, str | None]:
    role, schema = connection.execute(text("SELECT current_user, current_schema()")).one()
    return role, schema


def _grant_tables(role: str, schema: str | None) -> str:
    rights = ", ".join(_NEEDED)
    return f'GRANT {rights} ON ALL TABLES IN SCHEMA "{schema}" TO "{role}"'
