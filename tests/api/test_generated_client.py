"""A client that a generator makes from the contract is enough to use the API."""

import importlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask

from gitlab_links.accounts.models import Org
from gitlab_links.local import processes as service
from gitlab_links.local.services import LOOPBACK, free_port
from gitlab_links.local.supervisor import PROJECT, Supervisor
from tests.factories import Factory

# What differs by database is behind the contract.
pytestmark = [pytest.mark.processes, pytest.mark.only_on("sqlite")]

LINKS = 250
CONTRACT = PROJECT / "docs" / "api" / "openapi.yaml"


class Generated:
    """The generated package: ``generated.api("tasks", "tasks_tasks_post")`` and the like."""

    def __init__(self, name: str) -> None:
        self._name = name

    def module(self, path: str) -> ModuleType:
        return importlib.import_module(f"{self._name}.{path}")

    def api(self, tag: str, operation: str) -> ModuleType:
        return self.module(f"api.{tag}.{operation}")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    folder = tmp_path_factory.mktemp("generated")
    tools = Path(sys.executable).parent
    command = [tools / "openapi-python-client", "generate", "--path", CONTRACT]
    command += ["--output-path", folder / "links_client", "--meta", "none", "--fail-on-warning"]
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield Generated("links_client")
    sys.path.remove(str(folder))


def test_a_generated_client_links_a_merge_request_and_pages_through_250_links(
    app: Flask,
    factory: Factory,
    processes: Supervisor,
    environment: dict[str, str],
    generated: Generated,
) -> None:
    org = factory.org()
    factory.integration(org)
    service.start_web(processes, environment, port := free_port())
    client = generated.module("client").AuthenticatedClient(
        base_url=f"http://{LOOPBACK}:{port}", token=factory.api_key(org)
    )
    models = generated.module("models")
    made = generated.api("tasks", "tasks_tasks_post").sync(
        org.id, client=client, body=models.NewTask(title="Paper jams")
    )
    task = made.task
    attach = generated.api("links", "links_task_gitlab_links_post")
    linked = [
        attach.sync(
            org.id,
            task.id,
            client=client,
            body=models.NewLink(url=f"https://gitlab.example.com/acme/app/-/merge_requests/{iid}"),
        ).link
        for iid in range(1, LINKS + 1)
    ]
    one = generated.api("links", "links_task_gitlab_link_get").sync(
        org.id, task.id, linked[0].id, client=client
    )
    assert (one.link.reference, one.link.sync.status.value) == ("acme/app!1", "error")
    assert _paged(generated, client, org, task.id) == [link.id for link in linked]


def _paged(generated: Generated, client: object, org: Org, task_id: uuid.UUID) -> list[uuid.UUID]:
    listing = generated.api("links", "links_task_gitlab_links_get")
    unset = generated.module("types").UNSET
    found, cursor = [], unset
    while cursor is not None:
        page = listing.sync(org.id, task_id, client=client, limit=100, cursor=cursor)
        found += [link.id for link in page.links]
        cursor = page.next_cursor
    return found
