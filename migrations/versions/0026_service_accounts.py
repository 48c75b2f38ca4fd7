"""service accounts

Revision 0026, after 0025, made 2026-11-29 20:30:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("service_of_id", sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(
            op.f("fk_users_service_of_id"), "orgs", ["service_of_id"], ["id"], ondelete="CASCADE"
        )
        batch_op.create_index(op.f("ix_users_service_of_id"), ["service_of_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_users_service_of_id"))
        batch_op.drop_constraint(op.f("fk_users_service_of_id"), type_="foreignkey")
        batch_op.drop_column("service_of_id")
