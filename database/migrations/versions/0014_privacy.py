"""Privacy: who was erased, and for how long what is kept."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

PEOPLE_AS_BEFORE = """
call audit_table('people', 'person', key => '{id}', personal => '{email,name}', hidden => '{password_hash}')
"""
AUDITED = (
    "drop trigger audited on people",
    "drop trigger audited_change on people",
    "drop trigger audited_truncate on people",
    """
    call audit_table('people', 'person', key => '{id}', personal => '{email,name}', hidden => '{password_hash}',
        ignored => '{created_at,updated_at,email_key}')
    """,
    "call audit_table('organisations', 'organisation', key => '{slug}')",
    "call audit_table('retention_rules', 'retention_rule', key => '{kind}')",
    """
    call audit_table('api_keys', 'api_key', key => '{id}', person => 'person_id', personal => '{name}',
        hidden => '{secret_hash}', ignored => '{created_at,last_used_at}')
    """,
    """
    call audit_table('identities', 'identity', key => '{person_id}', subject => 'person',
        personal => '{subject,email}', ignored => '{created_at,last_seen_at}')
    """,
    """
    call audit_table('totp_factors', 'second_factor', key => '{person_id}', subject => 'person',
        hidden => '{secret}', ignored => '{created_at,last_step}')
    """,
)


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
    for statement in AUDITED:
        op.execute(statement)


def downgrade() -> None:
    op.execute("alter table people drop column erased_at")
    op.execute("drop trigger audited on people")
    op.execute("drop trigger audited_change on people")
    op.execute("drop trigger audited_truncate on people")
    op.execute(PEOPLE_AS_BEFORE)
    op.execute("drop table retention_runs, retention_rules")
