"""Lists: a ticket's clocks are kept as the text that they were written as, for they are always read whole."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table tickets alter column sla type json using sla::json")


def downgrade() -> None:
    op.execute("alter table tickets alter column sla type jsonb using sla::jsonb")
