"""since when all items of an org are to be made due

Revision 0061, after 0060, made 2026-11-30 15:28:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "org_gitlab_integrations",
        sa.Column("items_due_since", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_column("org_gitlab_integrations", "items_due_since")
