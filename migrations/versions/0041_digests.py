"""daily mails of what waits

Revision 0041, after 0040, made 2026-11-29 21:20:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.add_column(sa.Column("digest_zone", sa.String(length=60), nullable=True))
        batch_op.add_column(sa.Column("digest_on", sa.Date(), nullable=True))
        batch_op.create_index(
            "ix_memberships_digest",
            ["digest_zone"],
            unique=False,
            postgresql_where=sa.text("digest_zone IS NOT NULL"),
            sqlite_where=sa.text("digest_zone IS NOT NULL"),
        )


def downgrade() -> None:
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_index("ix_memberships_digest")
        batch_op.drop_column("digest_on")
        batch_op.drop_column("digest_zone")
