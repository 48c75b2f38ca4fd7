"""former paths of projects

Revision 0005, after 0004, made 2026-11-25 22:20:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gitlab_projects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("former_path", sa.String(length=1000), nullable=True))
        batch_op.add_column(sa.Column("renamed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("gitlab_projects", schema=None) as batch_op:
        batch_op.drop_column("renamed_at")
        batch_op.drop_column("former_path")
