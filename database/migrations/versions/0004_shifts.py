"""Shifts: what is planned for whom, rotas that lay them out, time off, requests to hand them over, needs and feeds."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table rotas (
        id bigint primary key generated always as identity,
        agent_id uuid not null references agents on delete cascade,
        team text references teams,
        name text not null,
        rule text not null,
        zone text not null,
        begins_on date not null,
        starts time not null,
        minutes int not null check (minutes between 1 and 960),
        breaks jsonb not null default '[]',
        exdates date[] not null default '{}',
        kind text not null default 'regular' check (kind in ('regular', 'overtime')),
        status text not null default 'draft' check (status in ('draft', 'published', 'ended')),
        laid_until date not null,
        created_by uuid references people on delete set null,
        created_at timestamptz not null default now(),
        version int not null default 1
    )
    """,
    "create index rotas_by_agent on rotas (agent_id)",
    "create index rotas_to_lay on rotas (laid_until) where status <> 'ended'",
    # An occurrence of a rota is known by its date (`rota_on`); `is_override`: it was changed apart from its rota.
    """
    create table shifts (
        id bigint primary key generated always as identity,
        agent_id uuid not null references agents on delete cascade,
        team text references teams,
        starts_at timestamptz not null,
        ends_at timestamptz not null,
        kind text not null default 'regular' check (kind in ('regular', 'overtime')),
        status text not null default 'draft' check (status in ('draft', 'published', 'cancelled')),
        started_at timestamptz,
        ended_at timestamptz,
        rota_id bigint references rotas on delete cascade,
        rota_on date,
        is_override boolean not null default false,
        note text not null default '',
        published_at timestamptz,
        created_by uuid references people on delete set null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        version int not null default 1,
        check (ends_at > starts_at),
        check (num_nonnulls(rota_id, rota_on) <> 1),
        unique (rota_id, rota_on)
    )
    """,
    "create index shifts_by_agent on shifts (agent_id, ends_at) where status <> 'cancelled'",
    "create index shifts_by_time on shifts (ends_at, starts_at) where status <> 'cancelled'",
    "create index shifts_under_way on shifts (agent_id) where started_at is not null and ended_at is null",
    """
    create table shift_breaks (
        id bigint primary key generated always as identity,
        shift_id bigint not null references shifts on delete cascade,
        kind text not null check (kind in ('lunch', 'short_break', 'training', 'meeting')),
        starts_at timestamptz not null,
        ends_at timestamptz not null,
        started_at timestamptz,
        ended_at timestamptz,
        is_cancelled boolean not null default false,
        check (ends_at > starts_at)
    )
    """,
    "create index shift_breaks_by_shift on shift_breaks (shift_id, starts_at) where not is_cancelled",
    """
    create table time_off (
        id bigint primary key generated always as identity,
        agent_id uuid not null references agents on delete cascade,
        starts_at timestamptz not null,
        ends_at timestamptz not null,
        kind text not null check (kind in ('holiday', 'sickness', 'other')),
        state text not null check (state in ('asked', 'approved', 'rejected', 'withdrawn')),
        note text not null default '',
        asked_by uuid references people on delete set null,
        asked_at timestamptz not null default now(),
        decided_by uuid references people on delete set null,
        decided_at timestamptz,
        version int not null default 1,
        check (ends_at > starts_at)
    )
    """,
    "create index time_off_by_agent on time_off (agent_id, ends_at)",
    "create index time_off_asked on time_off (asked_at) where state = 'asked'",
    # `starts_at` to `ends_at` is the part of the shift that is to be handed over.
    """
    create table shift_requests (
        id bigint primary key generated always as identity,
        kind text not null check (kind in ('cover', 'swap')),
        shift_id bigint not null references shifts on delete cascade,
        agent_id uuid not null references agents on delete cascade,
        team text references teams,
        starts_at timestamptz not null,
        ends_at timestamptz not null,
        to_agent_id uuid references agents on delete cascade,
        wanted_shift_id bigint references shifts on delete cascade,
        state text not null default 'open'
            check (state in ('open', 'taken', 'done', 'withdrawn', 'rejected')),
        taken_by uuid references agents on delete cascade,
        taken_at timestamptz,
        given_shift_id bigint references shifts on delete cascade,
        decided_by uuid references people on delete set null,
        decided_at timestamptz,
        note text not null default '',
        created_at timestamptz not null default now(),
        version int not null default 1,
        check (ends_at > starts_at)
    )
    """,
    "create unique index shift_requests_once on shift_requests (shift_id) where state in ('open', 'taken')",
    "create index shift_requests_by_agent on shift_requests (agent_id, id)",
    "create index shift_requests_to_take on shift_requests (starts_at) where state in ('open', 'taken')",
    # How many agents a team needs: seven days from Monday on, each with 24 hours of the zone's wall clock.
    """
    create table shift_needs (
        team text primary key references teams on delete cascade,
        zone text not null,
        week jsonb not null,
        updated_by uuid references people on delete set null,
        updated_at timestamptz not null default now(),
        version int not null default 1
    )
    """,
    """
    create table shift_feeds (
        person_id uuid primary key references people on delete cascade,
        token_hash bytea not null unique,
        made_at timestamptz not null default now()
    )
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table shift_feeds, shift_needs, shift_requests, time_off, shift_breaks, shifts, rotas")
