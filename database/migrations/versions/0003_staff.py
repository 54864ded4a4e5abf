"""Staff: agents with capacity and presence, how teams dispatch, offers, and why a ticket went to whom."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table agents (
        person_id uuid primary key references people on delete cascade,
        capacity_tickets double precision not null default 20 check (capacity_tickets between 0 and 1000),
        capacity_minutes int check (capacity_minutes >= 0),
        weights jsonb not null default '{"low": 1, "normal": 1, "high": 1, "urgent": 1}',
        seniority smallint not null default 1 check (seniority between 1 and 5),
        specialisations text[] not null default '{}',
        working_hours jsonb,
        presence text not null default 'offline'
            check (presence in ('online', 'busy', 'on_break', 'away', 'offline')),
        presence_since timestamptz not null default now(),
        life jsonb,
        revision int not null default 0
    )
    """,
    "insert into agents (person_id) select id from people where role <> 'requester'",
    # Whoever works at the desk is an agent from that moment on, however they came to.
    """
    create function make_agent() returns trigger language plpgsql as $$
    begin
        insert into agents (person_id) values (new.id) on conflict do nothing;
        return null;
    end
    $$
    """,
    """
    create trigger people_of_the_desk after insert or update of role on people
    for each row when (new.role <> 'requester') execute function make_agent()
    """,
    """
    create table agent_connections (
        person_id uuid not null references people on delete cascade,
        process_id uuid not null,
        streams int not null,
        seen_at timestamptz not null default now(),
        primary key (person_id, process_id)
    )
    """,
    """
    alter table teams
        add column is_active boolean not null default true,
        add column strategy text not null default 'automatic' check (strategy in ('automatic', 'offer', 'manual')),
        add column offer_to smallint not null default 1 check (offer_to between 1 and 50),
        add column offer_seconds int not null default 120 check (offer_seconds between 5 and 86400),
        add column take_back_minutes int check (take_back_minutes between 1 and 43200),
        add column usual_minutes int not null default 15 check (usual_minutes between 1 and 43200),
        add column hand_over_minutes int not null default 30 check (hand_over_minutes between 0 and 1440),
        add column approves_swaps boolean not null default false,
        add column score jsonb not null default '{}'
    """,
    "alter table tickets add column assigned_at timestamptz",
    "alter table tickets add column offer jsonb",
    "alter table tickets add column passed_by uuid[] not null default '{}'",
    "create index tickets_waiting on tickets (team, number) where assignee_id is null and status in ('new', 'open')",
    # What somebody carries, of all that they ever had; and what they did, of all that ever happened.
    """
    create index tickets_carried on tickets (assignee_id)
        where assignee_id is not null and status in ('new', 'open') and not snoozed
    """,
    """
    create index events_of_agents on events (actor_id, at)
        where actor_role <> 'requester' and type in ('ticket.replied', 'ticket.status_changed')
    """,
    """
    create table dispatch_decisions (
        id uuid primary key,
        ticket_number bigint not null references tickets on delete cascade,
        team text,
        at timestamptz not null,
        decision jsonb not null
    )
    """,
    "create index dispatch_decisions_by_ticket on dispatch_decisions (ticket_number, at)",
    # A notification may also be about a shift or a break; `subject` then tells it from the next one.
    "alter table notifications alter column ticket_number drop not null, alter column revision drop not null",
    "alter table notifications add column subject text",
    """
    alter table notifications drop constraint notifications_person_id_webhook_ticket_number_revision_key,
        add constraint notifications_once
            unique nulls not distinct (person_id, webhook, ticket_number, revision, subject)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("delete from notifications where ticket_number is null")
    op.execute("alter table notifications drop constraint notifications_once, drop column subject")
    op.execute(
        "alter table notifications alter column ticket_number set not null, alter column revision set not null, "
        "add constraint notifications_person_id_webhook_ticket_number_revision_key "
        "unique nulls not distinct (person_id, webhook, ticket_number, revision)"
    )
    op.execute("drop table dispatch_decisions")
    op.execute("drop index tickets_waiting, tickets_carried, events_of_agents")
    op.execute("alter table tickets drop column assigned_at, drop column offer, drop column passed_by")
    op.execute(
        "alter table teams drop column is_active, drop column strategy, drop column offer_to, "
        "drop column offer_seconds, drop column take_back_minutes, drop column usual_minutes, "
        "drop column hand_over_minutes, drop column approves_swaps, drop column score"
    )
    op.execute("drop table agent_connections")
    op.execute("drop trigger people_of_the_desk on people")
    op.execute("drop function make_agent")
    op.execute("drop table agents")
