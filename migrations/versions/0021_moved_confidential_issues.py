"""moved confidential issues

Revision 0021, after 0020, made 2026-11-29 15:40:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("moved_path", sa.String(length=1000), nullable=True))
        batch_op.add_column(sa.Column("moved_iid", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.drop_column("moved_iid")
        batch_op.drop_column("moved_path")
