"""The whole contract against a live server, with every check that schemathesis has."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from gitlab_links.accounts.models import ApiKey, Org
from gitlab_links.accounts.roles import Role
from gitlab_links.extensions import db
from gitlab_links.local import processes as service
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import PROJECT, Supervisor
from gitlab_links.operations.models import Operation, OperationKind
from tests import postgresql
from tests.factories import Factory
from tests.hanging import HANGS

pytestmark = pytest.mark.processes

EXAMPLES = 6
# Each phase once: what "coverage" sends is refused by schemas, before any database, and
# PostgreSQL takes less of what is made up than SQLite.
PHASES = {"sqlite": ["examples", "coverage"], "postgresql": ["fuzzing", "stateful"]}


def test_nothing_that_can_be_sent_is_answered_outside_the_contract(
    app: Flask,
    factory: Factory,
    dialect: str,
    processes: Supervisor,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    org = factory.org(last_task_number=1000)  # tasks of the factory count for themselves
    key = factory.api_key(org)
    config = tmp_path / "schemathesis.toml"
    config.write_text((PROJECT / "schemathesis.toml").read_text() + _things(app, factory, org))
    port = free_port()
    service.start_web(processes, environment, port, workers=1)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"http://{LOOPBACK}:{port}/api/openapi.json", "--checks", "all"]
    command += ["-H", f"Authorization: Bearer {key}", "--max-examples", str(EXAMPLES)]
    # Its checks take some refusals for faults, so what is new in a run must not decide.
    command += ["--generation-deterministic", "--request-timeout", str(HANGS)]
    phases = PHASES[dialect]
    if postgresql.find_programs() is None:
        phases = [phase for of_one in PHASES.values() for phase in of_one]
    # In one thread: where two call ast.parse, as hypothesis does, Python 3.11 now and then fails
    # with "AST constructor recursion depth mismatch".
    done = subprocess.run(
        [*command, "--phases", ",".join(phases), "--continue-on-failure", "--workers", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
    processes.check()


def _things(app: Flask, factory: Factory, org: Org) -> str:
    """What is there to be found; without it, most answers would be 404."""
    link = factory.link(factory.task(org))
    ids = {
        "org_id": org.id,
        "delivery_id": factory.delivery(org).id,
        # Not its own key, nor its owner: the run would go on as nobody.
        "key_id": _spare_key(app, factory, org),
        "member_id": factory.membership(org).id,
        "operation_id": factory.add(
            Operation(org_id=org.id, kind=OperationKind.ROTATE_TOKEN.value)
        ).id,
    }
    lines = ["[parameters]", *(f'{name} = "{value}"' for name, value in ids.items())]
    for name in ("tasks__task_get", "links__task_gitlab_links_get"):
        lines += ["[[operations]]", f'include-operation-id = "{name}"']
        lines += [f'parameters.task_id = "{link.task_id}"']
    return "\n" + "\n".join(lines) + "\n"


def _spare_key(app: Flask, factory: Factory, org: Org) -> uuid.UUID | None:
    factory.api_key(org, role=Role.MEMBER)
    with app.app_context():
        newest = select(ApiKey.id).where(ApiKey.org_id == org.id).order_by(ApiKey.id.desc())
        return db.session.scalars(newest).first()
