"""what waits for an endpoint that is off is due, and found in the order in which it is sent

Revision 0064, after 0063, made 2026-11-30 22:55:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

_TABLE = "outgoing_deliveries"
_DUE, _TURN = "ix_outgoing_deliveries_due", "ix_outgoing_deliveries_turn"
_REPLAYS = "ix_outgoing_deliveries_replays"


def upgrade() -> None:
    op.execute(
        "UPDATE outgoing_deliveries SET due_at = created_at"
        " WHERE status = 'waiting' AND due_at IS NULL"
    )
    due = sa.text("due_at IS NOT NULL")
    columns = ["endpoint_id", "position", "due_at"]
    op.create_index(_TURN, _TABLE, columns, postgresql_where=due, sqlite_where=due)
    op.create_index(
        _REPLAYS,
        _TABLE,
        ["endpoint_id"],
        postgresql_where=sa.text("is_replay"),
        sqlite_where=sa.text("is_replay = 1"),
    )
    op.drop_index(_DUE, _TABLE)


def downgrade() -> None:
    due = sa.text("due_at IS NOT NULL")
    op.create_index(
        _DUE, _TABLE, ["endpoint_id", "due_at"], postgresql_where=due, sqlite_where=due
    )
    op.drop_index(_REPLAYS, _TABLE)
    op.drop_index(_TURN, _TABLE)
