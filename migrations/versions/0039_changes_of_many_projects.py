"""what changed in many projects, and the statuses of many merge requests

Revision 0039, after 0038, made 2026-11-29 21:00:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gitlab_delta_marks", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("list_wanted", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("changes_refused_at", sa.DateTime(timezone=True), nullable=True)
        )
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("status_wanted_at", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.create_index(
            "ix_gitlab_items_status_wanted",
            ["org_id", "status_wanted_at"],
            unique=False,
            postgresql_where=sa.text("status_wanted_at IS NOT NULL"),
            sqlite_where=sa.text("status_wanted_at IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_gitlab_items_status_wanted",
            postgresql_where=sa.text("status_wanted_at IS NOT NULL"),
            sqlite_where=sa.text("status_wanted_at IS NOT NULL"),
        )
        batch_op.drop_column("status_wanted_at")
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.drop_column("changes_refused_at")
    with op.batch_alter_table("gitlab_delta_marks", schema=None) as batch_op:
        batch_op.drop_column("list_wanted")
