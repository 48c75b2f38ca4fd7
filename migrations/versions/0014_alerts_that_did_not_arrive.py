"""alerts that did not arrive

Revision 0014, after 0013, made 2026-11-29 14:35:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("notify_failure", sa.String(length=200), nullable=True))
        batch_op.add_column(
            sa.Column("notify_failed_at", sa.DateTime(timezone=True), nullable=True)
        )


def downgrade() -> None:
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.drop_column("notify_failed_at")
        batch_op.drop_column("notify_failure")
