"""Who left a mailed report: they stay off it, whatever its list of receivers says later. And by when its runs ended."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table report_mail_leavers (
        mail_id uuid not null references report_mails on delete cascade,
        person_id uuid not null references people on delete cascade,
        left_at timestamptz not null default now(),
        primary key (mail_id, person_id)
    )
    """,
    "create index report_mail_leavers_by_person on report_mail_leavers (person_id)",
    "call audit_table('report_mail_leavers', 'report_mail_leaver', key => '{mail_id}', subject => 'report_mail')",
    "create index report_mail_runs_by_end on report_mail_runs (coalesce(ended_at, started_at))",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop index report_mail_runs_by_end")
    op.execute("drop table report_mail_leavers")
