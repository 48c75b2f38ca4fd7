"""which pipeline the status is of, and since when changes are read without a gap

Revision 0053, after 0052, made 2026-11-29 23:55:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.add_column("gitlab_items", sa.Column("head_pipeline_id", sa.BigInteger(), nullable=True))
    op.add_column("gitlab_items", sa.Column("pipeline_webhook_at", time, nullable=True))
    op.add_column("gitlab_delta_marks", sa.Column("proven_since", time, nullable=True))


def downgrade() -> None:
    op.drop_column("gitlab_delta_marks", "proven_since")
    op.drop_column("gitlab_items", "pipeline_webhook_at")
    op.drop_column("gitlab_items", "head_pipeline_id")
