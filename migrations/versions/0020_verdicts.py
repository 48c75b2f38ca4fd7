"""verdicts on connections

Revision 0020, after 0019, made 2026-11-29 15:25:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("health_status", sa.String(length=10), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.drop_column("health_status")
