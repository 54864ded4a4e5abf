"""Ratings: what requesters say of how their tickets were handled, on the ticket and in its facts."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# No ticket was rated before, so the facts need no rebuild: null is what it would come to. Who resolved the tickets of
# before is not filled in either: their events do not say it, and the row is no more than the sum of those. Their facts
# do, so figures are whole; only nobody is told of such a rating.
STATEMENTS = (
    """
    alter table tickets
        add column resolver_id uuid references people,
        add column rating smallint check (rating between 1 and 5),
        add column rated_at timestamptz,
        add column rating_text_id uuid
    """,
    """
    alter table ticket_facts
        add column rating smallint,
        add column rated_at timestamptz,
        add column rated_resolver_id uuid,
        add column rated_team text
    """,
    "create index ticket_facts_by_rating on ticket_facts (rated_at) where rated_at is not null",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop index ticket_facts_by_rating")
    op.execute(
        "alter table ticket_facts drop column rating, drop column rated_at, drop column rated_resolver_id, "
        "drop column rated_team"
    )
    op.execute(
        "alter table tickets drop column resolver_id, drop column rating, drop column rated_at, "
        "drop column rating_text_id"
    )
