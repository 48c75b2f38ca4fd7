"""links of a task in order

Revision 0003, after 0002, made 2026-11-23 09:46:00.000000+00:00
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("task_gitlab_links", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_task_gitlab_links_task_id_id"), ["task_id", "id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("task_gitlab_links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_gitlab_links_task_id_id"))
