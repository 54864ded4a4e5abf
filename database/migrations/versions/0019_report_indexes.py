"""Reports: the ways to resolutions and reopenings and to escalations of a period."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

IS_STEP = """
previous_status is distinct from status
    and (status = 'resolved' or previous_status in ('resolved', 'closed') and status <> 'closed')
"""
STATEMENTS = (
    "drop index ended_spans_steps",
    f"create index ended_spans_steps on ended_spans (since) where {IS_STEP}",
    f"create index ticket_facts_steps on ticket_facts (span_since) where {IS_STEP}",
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
    op.execute("drop index events_of_levels, events_of_escalations, ticket_facts_steps, ended_spans_steps")
    op.execute("create index ended_spans_steps on ended_spans (since) where previous_status is distinct from status")
