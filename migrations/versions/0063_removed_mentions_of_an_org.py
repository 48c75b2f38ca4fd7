"""the mentions whose link somebody removed are found by org without reading those of all

Revision 0063, after 0062, made 2026-11-30 22:20:00.000000+00:00
"""

from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

_INDEX = "ix_dismissed_mentions_org_id_id"


def upgrade() -> None:
    op.create_index(_INDEX, "dismissed_mentions", ["org_id", "id"])


def downgrade() -> None:
    op.drop_index(_INDEX, "dismissed_mentions")
