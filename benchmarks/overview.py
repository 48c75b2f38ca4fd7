"""The overview of an org of very many tasks: what a viewer costs, and what counting it costs."""

import uuid
from collections.abc import Callable

from flask import Flask

from benchmarks.inprocess import get
from benchmarks.report import Row, below
from gitlab_links.accounts.principal import Principal
from gitlab_links.accounts.roles import Role
from gitlab_links.clock import utcnow
from gitlab_links.extensions import db, redis
from gitlab_links.overview.counting import count_figures
from gitlab_links.overview.queries import count_again
from gitlab_links.rollup.visibility import Visibility
from tests.statements import statements

LIMIT = 100
Cpu = Callable[[Flask, Callable[[], object]], float]


def measure(app: Flask, org_id: uuid.UUID, cookie: str, cpu: Cpu) -> list[Row]:
    """CPU of this process and of the database's, for one request and for one count."""
    with app.app_context():
        dialect = db.engine.dialect.name
    session = f"session={cookie}"
    rows: list[Row] = []
    for name, path in (
        ("overview, page", f"/orgs/{org_id}/overview"),
        ("overview, API", f"/api/orgs/{org_id}/overview"),
    ):

        def ask(path: str = path) -> bytes:
            return get(app, path, cookie=session)

        if not rows:
            spent = cpu(app, lambda: (_forget(app), ask()))
            rows.append(below(f"{dialect}: {name}, nothing kept", spent, LIMIT, "ms"))
            with app.app_context():
                count_again(org_id)
        with statements(app) as sent:
            ask()
        rows.append(below(f"{dialect}: {name}, {len(sent)} statements", cpu(app, ask), LIMIT, "ms"))
    for role in (Role.ADMIN, Role.MEMBER, Role.CLIENT):
        spent = cpu(app, lambda role=role: _count(app, org_id, role))
        rows.append(Row(f"{dialect}: counting it for a job, as {role.words}", f"{spent:.0f} ms"))
    return rows


def _forget(app: Flask) -> None:
    with app.app_context():
        redis().flushdb()


def _count(app: Flask, org_id: uuid.UUID, role: Role) -> None:
    with app.app_context():
        count_figures(Visibility.of(Principal(org_id, org_id, role)), utcnow())
