"""Forecasts: of each team the last one that was made."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        create table forecasts (
            team text primary key references teams on update cascade on delete cascade,
            at timestamptz not null,
            computed_at timestamptz not null default now(),
            handling_minutes double precision not null,
            estimated_share double precision not null,
            forecast jsonb not null
        )
    """)


def downgrade() -> None:
    op.execute("drop table forecasts")
