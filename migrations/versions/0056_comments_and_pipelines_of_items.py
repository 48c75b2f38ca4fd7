"""comments and pipelines of items

Revision 0056, after 0055, made 2026-11-29 23:55:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gitlab_items", sa.Column("pipeline_path", sa.String(length=1000), nullable=True))
    op.add_column("gitlab_items", sa.Column("comments", sa.Integer(), nullable=True))
    op.create_index(
        "ix_gitlab_items_with_error",
        "gitlab_items",
        ["org_id", "type", "confidential", "error_code", "id"],
        postgresql_where=sa.text("error_code IS NOT NULL"),
        sqlite_where=sa.text("error_code IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_gitlab_items_with_error", "gitlab_items")
    op.drop_column("gitlab_items", "comments")
    op.drop_column("gitlab_items", "pipeline_path")
