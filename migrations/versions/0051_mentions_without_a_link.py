"""mentions that make no link yet

Revision 0051, after 0050, made 2026-11-29 23:45:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pending_mentions",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("path", sa.String(length=1000), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("iid", sa.BigInteger(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_pending_mentions_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_mentions")),
        sa.UniqueConstraint(
            "org_id",
            "number",
            "base_url",
            "path",
            "type",
            "iid",
            name=op.f("uq_pending_mentions_org_id_number_base_url_path_type_iid"),
        ),
    )
    op.create_index(op.f("ix_pending_mentions_org_id_id"), "pending_mentions", ["org_id", "id"])


def downgrade() -> None:
    op.drop_table("pending_mentions")
