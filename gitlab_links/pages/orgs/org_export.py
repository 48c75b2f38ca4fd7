"""Downloading everything of an org."""

import gzip
import tempfile
import uuid
from collections.abc import Iterator
from typing import IO

from flask import Response, stream_with_context
from flask.typing import ResponseReturnValue

from gitlab_links.accounts.orgs import find_org
from gitlab_links.accounts.roles import Permission
from gitlab_links.accounts.throttle import count_use
from gitlab_links.audit.changes import Action, write_audit_event
from gitlab_links.clock import utcnow
from gitlab_links.errors import RateLimited, required
from gitlab_links.http.access import access
from gitlab_links.http.guard import current_principal
from gitlab_links.org_data.files import json_lines, write_csv
from gitlab_links.pages.blueprint import pages
from gitlab_links.pages.form_fields import sent
from gitlab_links.pages.orgs.org_settings import PATH

BLOCK = 64 * 1024
EXPORTS, THROTTLE_SECONDS = 10, 15 * 60
TYPES = {"jsonl": ("jsonl.gz", "application/gzip"), "csv": ("zip", "application/zip")}


@pages.post(f"{PATH}/export")
@access(Permission.ORG_EXPORT)
def export_org(org_id: uuid.UUID) -> ResponseReturnValue:
    """Send the file. It is written to disk first, so that a slow download holds no snapshot."""
    [kind] = sent("format")
    ending, mimetype = required(TYPES.get(kind))
    quota = count_use(f"export:{org_id}", EXPORTS, THROTTLE_SECONDS)
    if quota.exceeded:
        words = "The org was exported many times just now. Wait a few minutes and try again."
        raise RateLimited(words, retry_after=quota.reset_seconds)
    principal = current_principal()
    org = find_org(principal)
    write_audit_event(org_id, principal.actor, Action.ORG_EXPORTED, org_id, {"format": kind})
    response = Response(stream_with_context(_blocks(org_id, kind)), mimetype=mimetype)
    name = f"{org.task_key.lower()}-{utcnow():%Y-%m-%d}.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _blocks(org_id: uuid.UUID, kind: str) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        _write(org_id, kind, file)
        file.seek(0)
        while block := file.read(BLOCK):
            yield block


def _write(org_id: uuid.UUID, kind: str, file: IO[bytes]) -> None:
    if kind == "csv":
        write_csv(org_id, file)
        return
    with gzip.GzipFile(fileobj=file, mode="wb", filename="") as packed:
        packed.writelines(json_lines(org_id))
