"""Webhooks: where events are sent, what was sent and what came back, and how far the log was read for them."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table webhooks (
        id uuid primary key,
        url text not null,
        description text not null default '',
        source text not null default 'desk' check (source in ('desk', 'sla_ladder')),
        events text[] not null,
        teams text[],
        include_internal boolean not null default false,
        secret bytea not null,
        old_secret bytea,
        old_secret_until timestamptz,
        enabled_at timestamptz,
        disabled_reason text check (disabled_reason in ('by_hand', 'gone', 'failing')),
        failures int not null default 0,
        open_until timestamptz,
        failing_since timestamptz,
        last_success_at timestamptz,
        looked_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        check ((enabled_at is null) = (disabled_reason is not null)),
        check ((old_secret is null) = (old_secret_until is null))
    )
    """,
    "create unique index webhooks_of_ladders on webhooks (url) where source = 'sla_ladder'",
    "comment on column webhooks.teams is 'null: of all teams, and of none'",
    "comment on column webhooks.secret is 'encrypted with WEBHOOK_KEY_FILE, as is the one before it'",
    "comment on column webhooks.enabled_at is 'events from then on are sent; null: none'",
    "comment on column webhooks.open_until is 'the receiver is left alone until then; what comes after is a probe'",
    "comment on column webhooks.looked_at is 'when its workflow last looked at what is to be sent'",
    # The event by its place in the log: (event_xid, event_id), or ('0', event_id) once a restored log began anew.
    """
    create table webhook_deliveries (
        id uuid primary key default gen_random_uuid(),
        number bigint not null generated always as identity,
        webhook_id uuid not null references webhooks on delete cascade,
        event_id bigint,
        event_xid xid8,
        event_type text not null,
        lane text not null,
        ticket_number bigint,
        at timestamptz not null,
        state text not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'skipped')),
        attempts int not null default 0,
        next_attempt_at timestamptz,
        last_attempt_at timestamptz,
        last_error text,
        ended_at timestamptz,
        created_at timestamptz not null default now(),
        unique (webhook_id, event_id),
        check ((event_id is null) = (event_xid is null)),
        check ((state = 'pending') = (ended_at is null)),
        check ((state = 'pending') = (next_attempt_at is not null))
    )
    """,
    "create unique index webhook_deliveries_by_number on webhook_deliveries (webhook_id, number)",
    "create index webhook_deliveries_waiting on webhook_deliveries (webhook_id, lane, number) where state = 'pending'",
    "create index webhook_deliveries_oldest on webhook_deliveries (webhook_id, number) where state = 'pending'",
    """
    create index webhook_deliveries_ended on webhook_deliveries (webhook_id, state, ended_at)
        where ended_at is not null
    """,
    "create index webhook_deliveries_by_age on webhook_deliveries (ended_at) where ended_at is not null",
    """
    create table webhook_attempts (
        delivery_id uuid not null references webhook_deliveries on delete cascade,
        number int not null,
        at timestamptz not null,
        duration_ms int not null,
        error text,
        status int,
        is_probe boolean not null,
        request_headers jsonb not null,
        request_sha256 bytea not null,
        request_bytes int not null,
        answer_headers jsonb not null,
        answer_body text,
        is_cut boolean not null,
        primary key (delivery_id, number)
    )
    """,
    """
    create table webhook_relay (
        is_only boolean primary key default true check (is_only),
        epoch int not null,
        xid xid8 not null,
        id bigint not null
    )
    """,
    "comment on table webhook_relay is 'the place in the event log up to which deliveries were made'",
    """
    insert into webhook_relay (epoch, xid, id)
    select epoch, pg_snapshot_xmin(pg_current_snapshot()), 0 from event_stream
    """,
    """
    call audit_table('webhooks', 'webhook', key => '{id}', hidden => '{secret,old_secret}',
        ignored => '{created_at,updated_at,failures,open_until,failing_since,last_success_at,looked_at}')
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table webhook_relay, webhook_attempts, webhook_deliveries, webhooks")
