"""The spine: people, teams, tickets, their texts, the event log and the requests to start a workflow."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    create table people (
        id uuid primary key,
        email text not null,
        name text not null,
        role text not null check (role in ('requester', 'agent', 'supervisor', 'admin')),
        password_hash text not null,
        is_active boolean not null default true,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
    )
    """,
    "create unique index people_email on people (lower(email))",
    """
    create table teams (
        slug text primary key,
        name text not null,
        created_at timestamptz not null default now()
    )
    """,
    """
    create table team_members (
        team text not null references teams,
        person_id uuid not null references people on delete cascade,
        primary key (person_id, team)
    )
    """,
    """
    create table categories (
        slug text primary key,
        name text not null,
        created_at timestamptz not null default now()
    )
    """,
    """
    insert into categories (slug, name) values
        ('technical', 'Technical'), ('billing', 'Billing'), ('general', 'General'), ('urgent', 'Urgent')
    """,
    "create sequence ticket_numbers start 1001",
    """
    create table tickets (
        number bigint primary key,
        revision int not null,
        wording_id uuid not null,
        status text not null check (status in ('new', 'open', 'pending', 'on_hold', 'resolved', 'closed')),
        priority text not null check (priority in ('low', 'normal', 'high', 'urgent')),
        priority_rank smallint not null generated always as (
            case priority when 'low' then 0 when 'normal' then 1 when 'high' then 2 else 3 end) stored,
        category text not null references categories,
        team text references teams,
        requester_id uuid not null references people,
        assignee_id uuid references people,
        required_skills text[] not null,
        estimated_minutes int,
        due_at timestamptz,
        tags text[] not null,
        escalation_level smallint not null check (escalation_level between 0 and 3),
        snoozed boolean not null,
        snoozed_until timestamptz,
        auto_close_days int not null,
        reopen_days int not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        first_responded_at timestamptz,
        resolved_at timestamptz,
        closed_at timestamptz
    ) with (fillfactor = 85)
    """,
    "create index tickets_by_creation on tickets (created_at, number)",
    "create index tickets_by_requester on tickets (requester_id, number)",
    "create index tickets_by_team on tickets (team, created_at, number)",
    "create index tickets_by_assignee on tickets (assignee_id, number) where assignee_id is not null",
    "create index tickets_unfinished on tickets (number) where status <> 'closed'",
    """
    create table ticket_texts (
        id uuid primary key,
        ticket_number bigint not null references tickets deferrable initially deferred,
        author_id uuid references people,
        title text,
        body text not null,
        search tsvector generated always as (
            setweight(to_tsvector('simple', coalesce(title, '')), 'A') || to_tsvector('simple', body)) stored,
        created_at timestamptz not null default now(),
        unique (ticket_number, id)
    )
    """,
    "create index ticket_texts_search on ticket_texts using gin (search)",
    """
    alter table tickets add constraint tickets_wording foreign key (number, wording_id)
        references ticket_texts (ticket_number, id) deferrable initially deferred
    """,
    """
    create table ticket_commands (
        id uuid primary key,
        ticket_number bigint not null references tickets deferrable initially deferred,
        fingerprint text not null,
        first_revision int not null,
        revision int not null,
        at timestamptz not null
    )
    """,
    """
    create table events (
        id bigint generated always as identity,
        xid xid8 not null default pg_current_xact_id(),
        topic text not null,
        type text not null,
        at timestamptz not null,
        ticket_number bigint references tickets deferrable initially deferred,
        revision int,
        actor_kind text not null,
        actor_id uuid references people,
        actor_role text,
        internal boolean not null,
        person_id uuid references people,
        text_id uuid,
        data jsonb not null,
        primary key (xid, id),
        unique (ticket_number, revision),
        foreign key (ticket_number, text_id) references ticket_texts (ticket_number, id)
    )
    """,
    "create index events_by_age on events (at)",
    """
    create table start_requests (
        ticket_number bigint primary key references tickets,
        requested_at timestamptz not null default now(),
        claimed_at timestamptz
    )
    """,
    """
    create table event_stream (
        is_only boolean primary key default true check (is_only),
        epoch int not null default 1
    )
    """,
    "insert into event_stream default values",
    """
    create table idempotency_keys (
        id uuid primary key,
        fingerprint text not null,
        answer jsonb,
        created_at timestamptz not null default now()
    )
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "drop table idempotency_keys, event_stream, start_requests, events, ticket_commands, ticket_texts, tickets, "
        "categories, team_members, teams, people cascade"
    )
    op.execute("drop sequence ticket_numbers")
