"""Reports: the facts of each ticket, the spans that are over, and how far in the event log both have come."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# No foreign keys: their checks would lock rows of `tickets` and hold up those who change them.
STATEMENTS = (
    """
    create table ticket_facts (
        number bigint primary key,
        revision int not null,
        updated_at timestamptz not null,
        status text not null,
        team text,
        priority text not null,
        category text not null,
        assignee_id uuid,
        sla_state text not null,
        snoozed boolean not null,
        escalation_level smallint not null,
        spans int not null,
        span_since timestamptz not null,
        previous_status text,
        requester_id uuid not null,
        channel text not null check (channel in ('self_service', 'desk', 'integration')),
        opened_at timestamptz not null,
        opened_team text,
        opened_priority text not null,
        opened_category text not null,
        policy_version int,
        calendar_version int,
        first_responded_at timestamptz,
        responder_id uuid,
        responded_team text,
        response_seconds double precision,
        response_business_seconds double precision,
        response_calendar int,
        first_resolved_at timestamptz,
        resolved_at timestamptz,
        closed_at timestamptz,
        resolver_id uuid,
        resolved_team text,
        resolution_seconds double precision,
        resolution_business_seconds double precision,
        resolution_calendar int,
        status_since timestamptz,
        pending_seconds double precision not null,
        on_hold_seconds double precision not null,
        reopenings int not null,
        desk_replies int not null,
        requester_replies int not null,
        notes int not null,
        assignments int not null,
        reassignments int not null,
        last_assignee_id uuid,
        moves int not null,
        escalations int not null,
        highest_level smallint not null,
        one_touch boolean not null
    ) with (fillfactor = 80)
    """,
    "create index ticket_facts_by_opening on ticket_facts (opened_at)",
    "create index ticket_facts_by_response on ticket_facts (first_responded_at) where first_responded_at is not null",
    "create index ticket_facts_by_resolution on ticket_facts (resolved_at) where resolved_at is not null",
    "create index ticket_facts_unclosed on ticket_facts (number) where status <> 'closed'",
    """
    create table ended_spans (
        ticket_number bigint not null,
        place int not null,
        since timestamptz not null,
        until timestamptz not null,
        previous_status text,
        status text not null,
        team text,
        priority text not null,
        category text not null,
        assignee_id uuid,
        sla_state text not null,
        snoozed boolean not null,
        escalation_level smallint not null,
        primary key (ticket_number, place)
    )
    """,
    "create index ended_spans_around on ended_spans using gist (tstzrange(since, until)) where status <> 'closed'",
    "create index ended_spans_steps on ended_spans (since) where previous_status is distinct from status",
    # The open span of a ticket is told by its facts, so that a span is written once, when it is over.
    """
    create view ticket_spans as
    select ticket_number, place, since, until, previous_status, status, team, priority, category, assignee_id,
        sla_state, snoozed, escalation_level
    from ended_spans
    union all
    select number, spans, span_since, null, previous_status, status, team, priority, category, assignee_id,
        sla_state, snoozed, escalation_level
    from ticket_facts
    """,
    """
    create table report_cursor (
        is_only boolean primary key default true check (is_only),
        epoch int not null,
        xid xid8 not null,
        id bigint not null,
        rebuilt_to bigint
    )
    """,
    "comment on column report_cursor.rebuilt_to is 'tickets up to this number are folded anew; null: all of them are'",
    """
    insert into report_cursor (epoch, xid, id, rebuilt_to)
    select epoch, pg_snapshot_xmin(pg_current_snapshot()), 0, 0 from event_stream
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop view ticket_spans")
    op.execute("drop table report_cursor, ended_spans, ticket_facts")
