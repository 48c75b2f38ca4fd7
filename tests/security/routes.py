"""The API's routes that write, out of the contract: a new one is in every test by itself."""

import re
import uuid
from dataclasses import dataclass
from typing import Any

from gitlab_links.api.contract_files import read
from gitlab_links.local.supervisor import PROJECT
from tests.security.conftest import World

CONTRACT: dict[str, Any] = read(PROJECT / "docs" / "api" / "openapi.yaml")
WEBHOOK = "webhooks__gitlab_webhook_post"
LEAVING = "accounts__org_leave_post"  # the caller could do nothing more


@dataclass(frozen=True)
class Route:
    """An operation; ``fields`` are the names of its body's members, None without a body."""

    name: str
    method: str
    path: str
    fields: tuple[str, ...] | None


def _fields(operation: dict[str, Any]) -> tuple[str, ...] | None:
    if "requestBody" not in operation:
        return None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = CONTRACT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return tuple(schema.get("properties", ()))


WRITING = {
    operation["operationId"]: Route(
        operation["operationId"], method.upper(), path, _fields(operation)
    )
    for path, item in CONTRACT["paths"].items()
    for method, operation in item.items()
    if method in {"post", "patch", "put", "delete"}
    and operation["operationId"] not in {WEBHOOK, LEAVING}
}
WITH_BODY = {name: route for name, route in WRITING.items() if route.fields is not None}


def filled(world: World, path: str) -> str:
    """The path with ids: of a task and a member that are there, of nothing for the rest."""
    makers = {
        "task_id": lambda: world.factory.task(world.org).id,
        "member_id": lambda: world.factory.membership(world.org).id,
    }
    return re.sub(
        r"\{(\w+)\}",
        lambda found: str(
            world.org.id if found.group(1) == "org_id" else makers.get(found.group(1), uuid.uuid4)()
        ),
        path,
    )
