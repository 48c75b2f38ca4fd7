"""people are found in upper or lower case

Revision 0059, after 0058, made 2026-11-30 11:50:00.000000+00:00
"""

from alembic import op

from gitlab_links.search.reindexing import add_people_in_lower_case

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_people_in_lower_case(op.get_bind())


def downgrade() -> None:
    """The words that were added find nothing wrong."""
