"""The floors: what Flask and the database cost by themselves, served by the same gunicorn."""

import hashlib
import os
import uuid
from typing import Any

from flask import Flask, request
from sqlalchemy import insert

import gitlab_links.models  # noqa: F401  # the tables that the row refers to
from gitlab_links.clock import utcnow
from gitlab_links.deliveries.models import GitLabWebhookDelivery
from gitlab_links.extensions import db
from gitlab_links.storage.database import new_id


def create_floor(database_url: str) -> Flask:
    """A Flask application with nothing around its views."""
    floor = Flask("floor")
    floor.config["SQLALCHEMY_DATABASE_URI"] = database_url
    db.init_app(floor)
    floor.post("/bare")(bare)
    floor.post("/insert/<uuid:org_id>")(insert_by_orm)
    floor.post("/insert-core/<uuid:org_id>")(insert_by_core)
    floor.get("/healthz")(healthz)
    return floor


def healthz() -> dict[str, str]:
    return {"status": "ok"}


def bare() -> tuple[dict[str, Any], int]:
    """No database."""
    return {"size": len(request.get_data())}, 202


def insert_by_orm(org_id: uuid.UUID) -> tuple[dict[str, Any], int]:
    """One INSERT of a delivery's row: no look-up, no parsing, no trigger."""
    row = GitLabWebhookDelivery(**_row(org_id))
    db.session.add(row)
    db.session.commit()
    return {"id": str(row.id)}, 202


def insert_by_core(org_id: uuid.UUID) -> tuple[dict[str, Any], int]:
    """The same INSERT past the ORM."""
    row = _row(org_id)
    with db.engine.begin() as connection:
        connection.execute(_INSERT, row)
    return {"id": str(row["id"])}, 202


_INSERT = insert(GitLabWebhookDelivery.__table__)  # type: ignore[arg-type]


def _row(org_id: uuid.UUID) -> dict[str, Any]:
    body = request.get_data()
    return {
        "id": new_id(),
        "org_id": org_id,
        "dedupe_key": request.headers["Idempotency-Key"],
        "status": "received",
        "received_at": utcnow(),
        "size_bytes": len(body),
        "payload_sha256": hashlib.sha256(body).hexdigest(),
        "headers": dict(request.headers),
        "payload": body,
    }


if "DATABASE_URL" in os.environ:
    app = create_floor(os.environ["DATABASE_URL"])
