"""operations make the webhooks of projects that were picked

What was picked and not made by then is made by *Repair*.

Revision 0022, after 0021, made 2026-11-29 17:20:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gitlab_project_watches", schema=None) as batch_op:
        batch_op.drop_index("ix_gitlab_project_watches_hook_due")
        batch_op.drop_column("hook_wanted_by")
        batch_op.drop_column("hook_due_at")


def downgrade() -> None:
    with op.batch_alter_table("gitlab_project_watches", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hook_due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("hook_wanted_by", sa.Uuid(), nullable=True))
        batch_op.create_index(
            "ix_gitlab_project_watches_hook_due",
            ["hook_due_at"],
            unique=False,
            postgresql_where=sa.text("hook_due_at IS NOT NULL"),
            sqlite_where=sa.text("hook_due_at IS NOT NULL"),
        )
