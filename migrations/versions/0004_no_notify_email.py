"""no column for an e-mail address to tell: it is kept where a URL would be

Revision 0004, after 0003, made 2026-11-25 22:10:00.000000+00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.drop_column("notify_email")


def downgrade() -> None:
    with op.batch_alter_table("org_gitlab_integrations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("notify_email", sa.String(length=254), nullable=True))
