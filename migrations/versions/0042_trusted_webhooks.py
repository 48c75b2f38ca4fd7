"""projects whose items count as fresh because of their webhooks, and counts of calls

Revision 0042, after 0041, made 2026-11-29 21:15:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gitlab_projects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trusted_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "gitlab_call_counts",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"],
            ["orgs.id"],
            name=op.f("fk_gitlab_call_counts_org_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gitlab_call_counts")),
        sa.UniqueConstraint(
            "org_id", "hour", "kind", name=op.f("uq_gitlab_call_counts_org_id_hour_kind")
        ),
    )
    with op.batch_alter_table("gitlab_call_counts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gitlab_call_counts_hour"), ["hour"], unique=False)


def downgrade() -> None:
    op.drop_table("gitlab_call_counts")
    with op.batch_alter_table("gitlab_projects", schema=None) as batch_op:
        batch_op.drop_column("trusted_until")
