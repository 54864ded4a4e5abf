"""SLA: calendars and policies in versions, the tickets' clocks, and when an event was recorded."""

import json

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table sla_calendars (
        id int primary key generated always as identity,
        name text not null,
        is_deleted boolean not null default false,
        created_at timestamptz not null default now()
    )
    """,
    "create unique index sla_calendars_name on sla_calendars (lower(name)) where not is_deleted",
    """
    create table sla_calendar_versions (
        id int primary key generated always as identity,
        calendar_id int not null references sla_calendars,
        version int not null,
        calendar jsonb not null,
        holidays jsonb not null default '[]',
        holiday_countries jsonb not null default '[]',
        is_offered boolean not null default true,
        created_by uuid references people,
        created_at timestamptz not null default now(),
        unique (calendar_id, version)
    )
    """,
    """
    create table sla_policies (
        id int primary key generated always as identity,
        name text not null,
        place int not null,
        is_deleted boolean not null default false,
        created_at timestamptz not null default now()
    )
    """,
    "create unique index sla_policies_name on sla_policies (lower(name)) where not is_deleted",
    """
    create table sla_policy_versions (
        id int primary key generated always as identity,
        policy_id int not null references sla_policies,
        version int not null,
        calendar_id int not null references sla_calendars,
        policy jsonb not null,
        is_offered boolean not null default true,
        created_by uuid references people,
        created_at timestamptz not null default now(),
        unique (policy_id, version)
    )
    """,
    """
    create table sla_edition (
        is_only boolean primary key default true check (is_only),
        number bigint not null default 1
    )
    """,
    "insert into sla_edition default values",
    """
    create table sla_rollouts (
        id int primary key generated always as identity,
        policy_version int references sla_policy_versions,
        calendar_version int references sla_calendar_versions,
        is_draft boolean not null,
        edition bigint not null,
        request_id uuid not null unique,
        fingerprint text not null,
        moves_ladders boolean not null,
        status text not null default 'previewing' check (status in (
            'previewing', 'previewed', 'applying', 'applied', 'undoing', 'undone')),
        at timestamptz not null,
        created_by uuid not null references people,
        created_at timestamptz not null default now(),
        applied_by uuid references people,
        applied_at timestamptz,
        undone_by uuid references people,
        undone_at timestamptz,
        check (num_nonnulls(policy_version, calendar_version) = 1)
    )
    """,
    """
    create table sla_rollout_tickets (
        rollout_id int not null references sla_rollouts on delete cascade,
        ticket_number bigint not null references tickets on delete cascade,
        revision int not null,
        policy_version int,
        calendar_version int,
        before jsonb not null,
        after jsonb not null,
        is_moved boolean not null,
        is_overdue boolean not null,
        outcome text check (outcome in ('applied', 'changed', 'finished')),
        applied_revision int,
        undo_outcome text check (undo_outcome in ('restored', 'carried', 'finished')),
        primary key (rollout_id, ticket_number)
    )
    """,
    """
    create table agent_skills (
        person_id uuid not null references people on delete cascade,
        skill text not null,
        level smallint not null check (level between 1 and 5),
        primary key (person_id, skill)
    )
    """,
    """
    create table notifications (
        id bigint primary key generated always as identity,
        person_id uuid references people on delete cascade,
        webhook text,
        ticket_number bigint not null references tickets on delete cascade deferrable initially deferred,
        revision int not null,
        kind text not null,
        at timestamptz not null,
        read_at timestamptz,
        check (num_nonnulls(person_id, webhook) = 1),
        unique nulls not distinct (person_id, webhook, ticket_number, revision)
    )
    """,
    "create index notifications_by_person on notifications (person_id, id) where person_id is not null",
    """
    create table sla_clocks (
        ticket_number bigint not null references tickets on delete cascade deferrable initially deferred,
        audience text not null check (audience in ('customer', 'team')),
        target text not null check (target in ('first_response', 'next_response', 'resolution')),
        cycle int not null,
        phase text not null check (phase in ('running', 'paused', 'met', 'cancelled')),
        goal_seconds double precision not null,
        used_seconds double precision not null,
        warned int not null default 0,
        policy_version int not null references sla_policy_versions,
        calendar_version int not null references sla_calendar_versions,
        started_at timestamptz not null,
        since timestamptz not null,
        due_at timestamptz,
        breached_at timestamptz,
        ended_at timestamptz,
        decided_at timestamptz generated always as (coalesce(breached_at, ended_at)) stored,
        team text,
        priority text not null,
        category text not null,
        assignee_id uuid,
        primary key (ticket_number, audience, target, cycle)
    )
    """,
    "alter table tickets add column held_open boolean not null default false",
    "create index sla_clocks_by_decision on sla_clocks (audience, decided_at) where decided_at is not null",
    "create index sla_clocks_open on sla_clocks (ticket_number) where ended_at is null",
    "alter table tickets add column watcher_ids uuid[] not null default '{}'",
    "alter table tickets add column sla jsonb",
    """
    alter table tickets add column sla_state text not null default 'none'
        check (sla_state in ('ok', 'at_risk', 'breached', 'paused', 'none'))
    """,
    "alter table tickets add column sla_due_at timestamptz",
    """
    alter table tickets add column next_due_at timestamptz generated always as (
        least(case when status in ('resolved', 'closed') then null else due_at end, sla_due_at)) stored
    """,
    "create index tickets_by_due on tickets (coalesce(next_due_at, 'infinity'), number) where status <> 'closed'",
    "create index ticket_commands_by_ticket on ticket_commands (ticket_number, revision)",
    "alter table people add column tier text not null default 'standard'",
    # What a timer brings is dated at its moment, but may be recorded later: after an outage, days later.
    "alter table events add column recorded_at timestamptz not null default clock_timestamp()",
    "drop index events_by_age",
    "create index events_by_age on events (recorded_at)",
)


def _goals(first_response: int, resolution: int) -> dict[str, object]:
    return {
        "first_response": {"minutes": first_response, "time": "business"},
        "resolution": {"minutes": resolution, "time": "business"},
    }


def _ladder(*minutes: int) -> dict[str, object]:
    """A level higher at each of these minutes without an answer, and the supervisors hear of it."""
    return {
        "target": "first_response",
        "steps": [
            {
                "after_minutes": after,
                "since": "start",
                "actions": [{"type": "raise_level", "level": level}, {"type": "notify_role", "role": "supervisor"}],
            }
            for level, after in enumerate(minutes, start=1)
        ],
    }


DEFAULT_POLICIES = (
    (
        "Urgent matters",
        {
            "conditions": {"categories": ["urgent"]},
            "goals": {
                "urgent": _goals(30, 120),
                "high": _goals(60, 240),
                "normal": _goals(120, 480),
                "low": _goals(480, 1440),
            },
            "ladders": {"urgent": _ladder(30, 60), "high": _ladder(60), "normal": _ladder(60)},
        },
    ),
    (
        "Standard",
        {
            "goals": {
                "urgent": _goals(60, 240),
                "high": _goals(60, 240),
                "normal": _goals(240, 720),
                "low": _goals(480, 1440),
            },
            "ladders": {"urgent": _ladder(45, 60), "high": _ladder(60), "normal": _ladder(120)},
        },
    ),
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    connection = op.get_bind()
    calendar = connection.scalar(text("insert into sla_calendars (name) values ('Around the clock') returning id"))
    connection.execute(
        text("insert into sla_calendar_versions (calendar_id, version, calendar) values (:id, 1, :calendar)"),
        {"id": calendar, "calendar": json.dumps({"zone": "UTC", "always_open": True})},
    )
    for place, (name, policy) in enumerate(DEFAULT_POLICIES, start=1):
        id = connection.scalar(
            text("insert into sla_policies (name, place) values (:name, :place) returning id"),
            {"name": name, "place": place},
        )
        connection.execute(
            text(
                "insert into sla_policy_versions (policy_id, version, calendar_id, policy) "
                "values (:id, 1, :calendar, :policy)"
            ),
            {"id": id, "calendar": calendar, "policy": json.dumps(policy)},
        )


def downgrade() -> None:
    op.execute("drop index ticket_commands_by_ticket")
    op.execute("drop index events_by_age")
    op.execute("create index events_by_age on events (at)")
    op.execute("alter table events drop column recorded_at")
    op.execute("alter table people drop column tier")
    op.execute("alter table tickets drop column next_due_at")
    op.execute(
        "alter table tickets drop column sla_due_at, drop column sla_state, drop column sla, "
        "drop column watcher_ids, drop column held_open"
    )
    op.execute(
        "drop table notifications, agent_skills, sla_rollout_tickets, sla_rollouts, sla_clocks, sla_edition, "
        "sla_policy_versions, sla_policies, sla_calendar_versions, sla_calendars"
    )
