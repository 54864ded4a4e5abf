"""Identity: organisations, the accounts of services, sessions and keys."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table organisations (
        slug text primary key,
        name text not null,
        domains text[] not null default '{}',
        created_at timestamptz not null default now()
    )
    """,
    "create index organisations_by_domain on organisations using gin (domains)",
    """
    alter table people
        add column kind text not null default 'person' check (kind in ('person', 'service')),
        add column organisation text references organisations,
        add column sees_organisation boolean not null default false,
        add column email_verified_at timestamptz default now(),
        alter column password_hash drop not null
    """,
    "update people set email_verified_at = created_at",
    "create index people_by_organisation on people (organisation) where organisation is not null",
    """
    create table sessions (
        id uuid primary key,
        person_id uuid not null references people on delete cascade,
        secret_hash bytea,
        user_agent text not null default '',
        address text not null default '',
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        revoked_at timestamptz
    )
    """,
    "create index sessions_by_person on sessions (person_id)",
    "create index sessions_by_end on sessions (expires_at)",
    """
    create table api_keys (
        id uuid primary key,
        person_id uuid not null references people on delete cascade,
        name text not null,
        secret_hash bytea not null,
        scopes text[] not null,
        created_by uuid references people,
        created_at timestamptz not null default now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz
    )
    """,
    "create index api_keys_by_person on api_keys (person_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table api_keys, sessions")
    op.execute("delete from people where password_hash is null")
    op.execute("alter table people alter column password_hash set not null")
    op.execute(
        "alter table people drop column email_verified_at, drop column sees_organisation, drop column organisation, "
        "drop column kind"
    )
    op.execute("drop table organisations")
