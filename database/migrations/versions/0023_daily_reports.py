"""Reports: what each day came to, kept as it was told."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table daily_reports (
            day date primary key,
            zone text not null,
            edition int not null check (edition > 0),
            made_at timestamptz not null,
            reports jsonb not null,
            changed jsonb not null default '[]'
        )
        """
    )
    op.execute("comment on column daily_reports.changed is 'what the last edition tells otherwise than the one before'")


def downgrade() -> None:
    op.execute("drop table daily_reports")
