"""Mails about accounts that are to be sent, and how often the credentials of a person have changed."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS = (
    "alter table people add column credential_version int not null default 0",
    """
    create table account_mails (
        id uuid primary key default gen_random_uuid(),
        person_id uuid not null references people on delete cascade,
        kind text not null check (
            kind in ('verify_email', 'reset_password', 'already_registered', 'password_changed', 'factor_added')
        ),
        requested_at timestamptz not null default now(),
        next_at timestamptz not null default now(),
        started_at timestamptz,
        sent_at timestamptz,
        failed_at timestamptz,
        failure text,
        check (sent_at is null or failed_at is null),
        check ((failed_at is null) = (failure is null))
    )
    """,
    "create index account_mails_waiting on account_mails (next_at) where sent_at is null and failed_at is null",
    "create index account_mails_person on account_mails (person_id)",
    "comment on column account_mails.next_at is 'when the relay looks at a mail that is neither sent nor failed'",
    "comment on column people.credential_version is 'raised with every change of the password: older links end'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table account_mails")
    op.execute("alter table people drop column credential_version")
