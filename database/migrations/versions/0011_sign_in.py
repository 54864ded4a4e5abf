"""Signing in: refresh tokens, one spelling of each address, second factors, and how often somebody tried."""

import unicodedata

import sqlalchemy
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS = (
    "alter table sessions add column last_used_at timestamptz, add column revoked_because text",
    """
    create table refresh_tokens (
        id uuid primary key,
        session_id uuid not null references sessions on delete cascade,
        hash bytea not null unique,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        used_at timestamptz,
        replaced_by uuid references refresh_tokens on delete cascade deferrable initially deferred,
        check ((used_at is null) = (replaced_by is null))
    )
    """,
    "create index refresh_tokens_by_session on refresh_tokens (session_id)",
    "create index refresh_tokens_by_successor on refresh_tokens (replaced_by)",
    "create index refresh_tokens_by_end on refresh_tokens (expires_at)",
    "alter table people add column email_key text",
    "update people set email_key = lower(normalize(email, nfkc))",
    """
    create function set_email_key() returns trigger language plpgsql as $$
    begin
        -- The application gives the key with a new address; whoever writes an address alone gets a plain one.
        if tg_op = 'INSERT' then
            new.email_key := coalesce(new.email_key, lower(normalize(new.email, nfkc)));
        elsif new.email <> old.email and new.email_key is not distinct from old.email_key then
            new.email_key := lower(normalize(new.email, nfkc));
        end if;
        return new;
    end
    $$
    """,
    """
    create trigger people_email_key before insert or update of email on people
        for each row execute function set_email_key()
    """,
    "alter table people alter column email_key set not null",
    "create unique index people_email_key on people (email_key)",
    "comment on column people.email_key is 'the address as it is compared: domain/email_address.py'",
    """
    create table throttles (
        bucket bytea primary key,
        count int not null,
        last_at timestamptz not null,
        blocked_until timestamptz
    )
    """,
    "create index throttles_by_age on throttles (last_at)",
    "comment on column throttles.bucket is 'a digest of what is counted: no address of anybody stands here'",
    """
    create table totp_factors (
        person_id uuid primary key references people on delete cascade,
        secret bytea not null,
        created_at timestamptz not null default now(),
        confirmed_at timestamptz,
        last_step bigint not null default 0
    )
    """,
    "comment on column totp_factors.secret is 'encrypted; the key is in no table'",
    "comment on column totp_factors.last_step is 'the newest 30 seconds whose code was used: none works twice'",
    """
    create table recovery_codes (
        person_id uuid not null references totp_factors on delete cascade,
        hash bytea not null,
        used_at timestamptz,
        primary key (person_id, hash)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    _fold_letters()


def _fold_letters() -> None:
    """Letters beyond ASCII are made small here: a database of the locale C does not know how."""
    connection = op.get_bind()
    for id, email in connection.execute(sqlalchemy.text("select id, email from people where email ~ '[^ -~]'")):
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())
        connection.execute(sqlalchemy.text("update people set email_key = :key where id = :id"), {"key": key, "id": id})


def downgrade() -> None:
    op.execute("drop table recovery_codes, totp_factors, throttles, refresh_tokens")
    op.execute("drop trigger people_email_key on people")
    op.execute("drop function set_email_key")
    op.execute("alter table people drop column email_key")
    op.execute("alter table sessions drop column last_used_at, drop column revoked_because")
