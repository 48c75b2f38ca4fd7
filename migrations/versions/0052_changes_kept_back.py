"""changes that the status rules kept back when they stopped

Revision 0052, after 0051, made 2026-11-30 00:10:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

HELD = sa.text("held_since IS NOT NULL")


def upgrade() -> None:
    op.add_column(
        "task_rule_states",
        sa.Column("counted", sa.Boolean(), server_default=sa.true(), nullable=False),
    )
    op.add_column(
        "task_rule_states", sa.Column("held_since", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_task_rule_states_held",
        "task_rule_states",
        ["org_id"],
        sqlite_where=HELD,
        postgresql_where=HELD,
    )


def downgrade() -> None:
    op.drop_index("ix_task_rule_states_held", "task_rule_states")
    op.drop_column("task_rule_states", "held_since")
    op.drop_column("task_rule_states", "counted")
