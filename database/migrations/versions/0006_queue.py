"""Queues: how each team's stood when its dispatcher told it last."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table queue_states (
            team text primary key references teams on delete cascade,
            waiting int not null,
            offered int not null,
            there int not null,
            oldest_waiting_at timestamptz,
            told_at timestamptz not null default now()
        )
        """
    )


def downgrade() -> None:
    op.execute("drop table queue_states")
