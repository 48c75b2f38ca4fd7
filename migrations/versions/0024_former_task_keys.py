"""former task keys

Revision 0024, after 0023, made 2026-11-29 20:20:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_task_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name=op.f("fk_former_task_keys_org_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_task_keys")),
        sa.UniqueConstraint("org_id", "key", name=op.f("uq_former_task_keys_org_id_key")),
    )


def downgrade() -> None:
    op.drop_table("former_task_keys")
