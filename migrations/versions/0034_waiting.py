"""what waits on whom

Revision 0034, after 0033, made 2026-11-29 20:45:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reviews", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("waits_on", sa.Text(), nullable=True))
        batch_op.create_index(
            "ix_gitlab_items_waiting",
            ["org_id"],
            unique=False,
            postgresql_where=sa.text("waits_on IS NOT NULL"),
            sqlite_where=sa.text("waits_on IS NOT NULL"),
        )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gitlab_username", sa.String(length=255), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_column("gitlab_username")
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.drop_index("ix_gitlab_items_waiting")
        batch_op.drop_column("waits_on")
        batch_op.drop_column("reviews")
