"""where merge requests come from, and GitLab's id of each item

Revision 0006, after 0005, made 2026-11-29 13:50:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_HAS_BRANCH = sa.text("source_branch IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gitlab_id", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("source_project_id", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("source_branch", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("head_sha", sa.String(length=64), nullable=True))
        batch_op.add_column(
            sa.Column("detail_fetched_at", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(sa.Column("pipeline_hidden", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("merge_rechecks", sa.Integer(), nullable=True))
        batch_op.create_index(
            "ix_gitlab_items_source",
            ["org_id", "source_project_id", "source_branch"],
            unique=False,
            postgresql_where=_HAS_BRANCH,
            sqlite_where=_HAS_BRANCH,
        )


def downgrade() -> None:
    with op.batch_alter_table("gitlab_items", schema=None) as batch_op:
        batch_op.drop_index("ix_gitlab_items_source")
        for name in (
            "merge_rechecks",
            "pipeline_hidden",
            "detail_fetched_at",
            "head_sha",
            "source_branch",
            "source_project_id",
            "gitlab_id",
        ):
            batch_op.drop_column(name)
