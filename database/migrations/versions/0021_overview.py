"""Overview: how often each team's counts changed, and how far that was told."""

from alembic import op

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table queue_revisions (
            team text primary key,
            revision bigint not null,
            told_revision bigint not null default 0,
            told_at timestamptz not null default '-infinity'
        ) with (fillfactor = 50)
        """
    )
    op.execute("comment on column queue_revisions.team is 'empty: of tickets without a team'")


def downgrade() -> None:
    op.execute("drop table queue_revisions")
