"""mentions of tasks in GitLab

Revision 0036, after 0035, made 2026-11-29 20:40:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mentions", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(
            sa.Column("announced", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    with op.batch_alter_table("task_gitlab_links", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("made_by_person", sa.Boolean(), server_default=sa.true(), nullable=False)
        )
        batch_op.add_column(sa.Column("mentioned_in", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(
            sa.Column("closes", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(
            sa.Column("backfilled", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    op.create_table(
        "dismissed_mentions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("dismissed_by", sa.Uuid(), nullable=True),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_dismissed_mentions_org_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
            name=op.f("fk_dismissed_mentions_task_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["gitlab_items.id"],
            name=op.f("fk_dismissed_mentions_item_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["dismissed_by"],
            ["users.id"],
            name=op.f("fk_dismissed_mentions_dismissed_by"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dismissed_mentions")),
        sa.UniqueConstraint(
            "task_id", "item_id", name=op.f("uq_dismissed_mentions_task_id_item_id")
        ),
    )
    with op.batch_alter_table("dismissed_mentions", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_dismissed_mentions_item_id"), ["item_id"], unique=False)
        batch_op.create_index(
            op.f("ix_dismissed_mentions_dismissed_by"), ["dismissed_by"], unique=False
        )


def downgrade() -> None:
    op.drop_table("dismissed_mentions")
    with op.batch_alter_table("task_gitlab_links", schema=None) as batch_op:
        batch_op.drop_column("backfilled")
        batch_op.drop_column("closes")
        batch_op.drop_column("mentioned_in")
        batch_op.drop_column("made_by_person")
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.drop_column("announced")
        batch_op.drop_column("mentions")
