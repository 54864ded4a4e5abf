"""Reports by mail: what is sent to whom and when, and what became of it."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table report_mails (
        id uuid primary key,
        owner_id uuid not null references people on delete cascade,
        plan jsonb not null,
        is_active boolean not null default true,
        revision int not null default 1,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
    )
    """,
    """
    create table report_mail_recipients (
        mail_id uuid not null references report_mails on delete cascade,
        person_id uuid not null references people on delete cascade,
        primary key (mail_id, person_id)
    )
    """,
    "create index report_mail_recipients_by_person on report_mail_recipients (person_id)",
    "create index report_mails_by_owner on report_mails (owner_id)",
    """
    create table report_mail_runs (
        id uuid primary key,
        mail_id uuid not null references report_mails on delete cascade,
        at timestamptz not null,
        is_asked boolean not null default false,
        started_at timestamptz,
        ended_at timestamptz,
        problem text check (problem in ('inactive', 'owner_lost_rights', 'nobody'))
    )
    """,
    "comment on column report_mail_runs.is_asked is 'somebody asked for it; else it was due'",
    "comment on column report_mail_runs.started_at is 'null: its workflow is to be started'",
    "create index report_mail_runs_by_mail on report_mail_runs (mail_id, at)",
    "create index report_mail_runs_waiting on report_mail_runs (at) where started_at is null",
    """
    create table report_mail_letters (
        run_id uuid not null references report_mail_runs on delete cascade,
        person_id uuid not null references people on delete cascade,
        outcome text not null
            check (outcome in ('sent', 'not_of_desk', 'no_rights', 'left', 'refused', 'given_up')),
        at timestamptz not null default now(),
        primary key (run_id, person_id)
    )
    """,
    "create index report_mail_letters_by_person on report_mail_letters (person_id)",
    "call audit_table('report_mails', 'report_mail', key => '{id}')",
    """
    call audit_table('report_mail_recipients', 'report_mail_recipient', key => '{mail_id}',
        subject => 'report_mail')
    """,
    # Whatever takes a mail away, a person's erasure too: its schedule has to go.
    """
    create function ring_report_mail() returns trigger language plpgsql as $$
    begin
        perform pg_notify('report_mail_changed', coalesce(new.id, old.id)::text);
        return null;
    end
    $$
    """,
    """
    create trigger rings after insert or update or delete on report_mails
        for each row execute function ring_report_mail()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table report_mail_letters, report_mail_runs, report_mail_recipients, report_mails")
    op.execute("drop function ring_report_mail")
