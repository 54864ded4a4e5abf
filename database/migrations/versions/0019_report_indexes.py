"""Reports: the ways to the steps of tickets' lives and to escalations of a period."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATEMENTS = (
    "create index ticket_facts_steps on ticket_facts (span_since) where previous_status is distinct from status",
    "create index events_of_escalations on events (at) where type in ('ticket.escalated', 'ticket.de_escalated')",
    """
    create index events_of_levels on events (ticket_number, revision)
        where type in ('ticket.escalated', 'ticket.de_escalated')
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop index events_of_levels, events_of_escalations, ticket_facts_steps")
