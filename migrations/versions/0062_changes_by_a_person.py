"""what one person changed is found without reading the whole audit log

Revision 0062, after 0061, made 2026-11-30 15:55:00.000000+00:00
"""

from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

_INDEX = "ix_audit_events_org_id_actor_user_id_id"


def upgrade() -> None:
    op.create_index(_INDEX, "audit_events", ["org_id", "actor_user_id", "id"])


def downgrade() -> None:
    op.drop_index(_INDEX, "audit_events")
