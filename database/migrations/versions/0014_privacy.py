"""Privacy: who was erased, and for how long what is kept."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table people add column erased_at timestamptz")
    op.execute(
        """
        create table retention_rules (
            kind text primary key,
            days int check (days >= 1),
            updated_at timestamptz not null default now()
        )
        """
    )
    op.execute(
        """
        create table retention_runs (
            kind text not null,
            at timestamptz not null default now(),
            removed int not null,
            primary key (kind, at)
        )
        """
    )


def downgrade() -> None:
    op.execute("drop table retention_runs, retention_rules")
    op.execute("alter table people drop column erased_at")
