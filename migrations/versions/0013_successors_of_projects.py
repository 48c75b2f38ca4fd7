"""successors of projects

Revision 0013, after 0012, made 2026-11-29 14:20:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gitlab_projects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("successor_id", sa.Uuid(), nullable=True))
        batch_op.add_column(
            sa.Column("succeeded_since", sa.DateTime(timezone=True), nullable=True)
        )


def downgrade() -> None:
    with op.batch_alter_table("gitlab_projects", schema=None) as batch_op:
        batch_op.drop_column("succeeded_since")
        batch_op.drop_column("successor_id")
