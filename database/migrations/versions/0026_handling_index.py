"""Reports: what became of an escalation, read from an index alone."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create index events_of_handling on events (ticket_number, revision) include (type, at)
            where type = 'ticket.acknowledged' or type = 'ticket.status_changed' and data ->> 'status' = 'resolved'
        """
    )


def downgrade() -> None:
    op.execute("drop index events_of_handling")
