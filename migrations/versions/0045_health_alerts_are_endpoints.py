"""health alerts are endpoints

Addresses for health alerts become endpoints that get the connection's health and nothing else.
The columns stay for the version before, and are dropped in the next release.

Revision 0045, after 0044, made 2026-11-29 21:25:00.000000+00:00
"""

import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from gitlab_links.storage.database import new_id

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_moment = sa.DateTime(timezone=True)
_integrations = sa.table(
    "org_gitlab_integrations",
    sa.column("org_id", sa.Uuid()),
    sa.column("notify_url_ciphertext", sa.Text()),
    sa.column("notify_url_host", sa.String()),
)
_endpoints = sa.table(
    "outgoing_endpoints",
    sa.column("id", sa.Uuid()),
    sa.column("org_id", sa.Uuid()),
    sa.column("description", sa.String()),
    sa.column("format", sa.String()),
    sa.column("url_ciphertext", sa.Text()),
    sa.column("url_host", sa.String()),
    sa.column("types", sa.JSON()),
    sa.column("projects", sa.JSON()),
    sa.column("highlights_only", sa.Boolean()),
    sa.column("enabled", sa.Boolean()),
    sa.column("failures", sa.Integer()),
    sa.column("is_slow", sa.Boolean()),
    sa.column("created_at", _moment),
    sa.column("updated_at", _moment),
)


def upgrade() -> None:
    connection = op.get_bind()
    has_address = _integrations.c.notify_url_ciphertext.is_not(None)
    rows = connection.execute(sa.select(_integrations).where(has_address)).all()
    now = datetime.now(UTC)
    for row in rows:
        connection.execute(sa.insert(_endpoints).values(**_endpoint(row, new_id(), now)))


def _endpoint(row: sa.Row, endpoint_id: uuid.UUID, now: datetime) -> dict[str, object]:
    host = row.notify_url_host or ""
    return {
        "id": endpoint_id,
        "org_id": row.org_id,
        "description": "Health alerts",
        "format": "email" if "@" in host else "chat",
        # Bound to the org and this use, not to a row, so it is readable in the new row.
        "url_ciphertext": row.notify_url_ciphertext,
        "url_host": host,
        "types": ["connection.health_changed"],
        "projects": [],
        "highlights_only": False,
        "enabled": True,
        "failures": 0,
        "is_slow": False,
        "created_at": now,
        "updated_at": now,
    }


def downgrade() -> None:
    """The columns still have the addresses."""
