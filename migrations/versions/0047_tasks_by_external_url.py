"""the tasks of an address

Revision 0047, after 0046, made 2026-11-29 22:10:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_tasks_by_external_url",
        "tasks",
        ["org_id", "external_url", "id"],
        postgresql_where=sa.text("external_url IS NOT NULL"),
        sqlite_where=sa.text("external_url IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_tasks_by_external_url", "tasks")
