"""names of members who have not come yet; with which key a key was made

Revision 0012, after 0011, made 2026-11-29 14:15:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pending_name", sa.String(length=100), nullable=True))
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("made_with_id", sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_api_keys_made_with_id"),
            "api_keys",
            ["made_with_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch_op.create_index(batch_op.f("ix_api_keys_made_with_id"), ["made_with_id"])


def downgrade() -> None:
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_keys_made_with_id"))
        batch_op.drop_constraint(batch_op.f("fk_api_keys_made_with_id"), type_="foreignkey")
        batch_op.drop_column("made_with_id")
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_column("pending_name")
