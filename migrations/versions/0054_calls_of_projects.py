"""how many calls were for one project alone

Revision 0054, after 0053, made 2026-11-30 00:20:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    calls = sa.Column("calls", sa.Integer(), nullable=False, server_default=sa.text("0"))
    op.add_column("gitlab_change_counts", calls)


def downgrade() -> None:
    op.drop_column("gitlab_change_counts", "calls")
