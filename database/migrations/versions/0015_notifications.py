"""Notifications: how each person is told of what, what was decided for each notification, and what is sent."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TYPE_OF_KIND = """
case when kind in ('ticket.offered', 'ticket.offer_withdrawn') then 'offered'
    when kind = 'ticket.assigned' then 'assigned'
    when kind = 'ticket.unassigned' then 'hand_over'
    when kind = 'ticket.sla_warning' then 'sla_warning'
    when kind = 'ticket.sla_breached' then 'sla_breach'
    when kind like 'ticket.%' then 'escalation'
    when kind = 'shift.ending' then 'shift_ending'
    when kind = 'break.due' then 'break_reminder'
    when kind like 'time_off.%' then 'time_off'
    else 'swap_request' end
"""
MUTED = """
create function mute_notification() returns trigger language plpgsql as $$
begin
    new.in_app := not exists (select from notification_choices c
        where c.person_id = new.person_id and c.type = new.type and not c.in_app);
    return new;
end $$
"""
TOLD = """
create function tell_of_notifications() returns trigger language plpgsql as $$
begin
    insert into events (topic, type, at, actor_kind, actor_id, internal, person_id, data)
    select 'notifications', 'notification.created', n.at, n.actor_kind, n.actor_id, false, n.person_id,
        jsonb_build_object('notification', jsonb_build_object('id', n.id, 'type', n.type, 'kind', n.kind,
            'ticket', n.ticket_number, 'revision', n.revision, 'why', n.why, 'subject', n.subject))
    from told n where n.in_app order by n.id;
    perform pg_notify('notifications_written', '') from (select from told limit 1) one;
    perform pg_notify('tickets_changed', '') from (select from told limit 1) one;
    return null;
end $$
"""
STATEMENTS = (
    "delete from notifications where person_id is null",
    """
    alter table notifications
        add column type text,
        add column why text not null default 'person',
        add column internal boolean not null default false,
        add column in_app boolean not null default true,
        add column actor_kind text not null default 'timer',
        add column actor_id uuid references people,
        add column noticed_at timestamptz,
        add column settled_at timestamptz
    """,
    f"update notifications set type = {TYPE_OF_KIND}, noticed_at = at, settled_at = at, internal = ticket_number > 0",
    """
    alter table notifications
        alter column type set not null,
        alter column person_id set not null,
        drop constraint notifications_once,
        drop column webhook,
        add constraint notifications_once unique nulls not distinct (person_id, ticket_number, revision, subject)
    """,
    "drop index notifications_by_person",
    "create index notifications_of_person on notifications (person_id, at desc, id desc)",
    "create index notifications_unread on notifications (person_id, type) where read_at is null and in_app",
    "create index notifications_of_ticket on notifications (ticket_number, person_id)",
    "create index notifications_new on notifications (person_id) where noticed_at is null",
    "create index notifications_open on notifications (person_id) where settled_at is null",
    "create index people_of_desk on people (role) where role <> 'requester'",
    """
    create table notification_settings (
        person_id uuid primary key references people on delete cascade,
        zone text not null,
        quiet_from time,
        quiet_until time,
        urgent_bypass boolean not null,
        bundle_minutes int not null check (bundle_minutes between 0 and 240),
        fallback_minutes int not null check (fallback_minutes between 1 and 1440),
        digest_at time not null,
        updated_at timestamptz not null default now(),
        check ((quiet_from is null) = (quiet_until is null))
    )
    """,
    """
    create table notification_choices (
        person_id uuid not null references people on delete cascade,
        type text not null,
        in_app boolean not null,
        email text not null check (email in ('off', 'now', 'if_unread', 'daily')),
        push text not null check (push in ('off', 'now', 'if_unread')),
        primary key (person_id, type)
    )
    """,
    """
    create table messages (
        id uuid primary key default gen_random_uuid(),
        person_id uuid not null references people on delete cascade,
        channel text not null check (channel in ('email', 'push')),
        kind text not null check (kind in ('ticket', 'bundle', 'digest')),
        ticket_number bigint references tickets on delete cascade,
        created_at timestamptz not null default now(),
        sent_at timestamptz,
        failed_at timestamptz,
        failure text,
        check (sent_at is null or failed_at is null),
        check ((failed_at is null) = (failure is null))
    )
    """,
    "create index messages_of_person on messages (person_id, channel, created_at desc)",
    "create index messages_waiting on messages (created_at) where sent_at is null and failed_at is null",
    """
    create table notification_decisions (
        id bigint primary key generated always as identity,
        notification_id bigint not null references notifications on delete cascade,
        channel text not null check (channel in ('in_app', 'email', 'push')),
        at timestamptz not null,
        outcome text not null check (outcome in ('sends', 'waits', 'skips')),
        reason text not null,
        until timestamptz,
        message_id uuid references messages on delete cascade,
        check ((outcome = 'waits') = (until is not null)),
        check ((outcome = 'sends') = (message_id is not null) or channel = 'in_app')
    )
    """,
    "create index notification_decisions_of on notification_decisions (notification_id, channel, id)",
    "create index notification_decisions_message on notification_decisions (message_id) where message_id is not null",
    """
    create table push_subscriptions (
        id uuid primary key default gen_random_uuid(),
        person_id uuid not null references people on delete cascade,
        endpoint text not null unique,
        p256dh text not null,
        auth text not null,
        device text not null default '',
        created_at timestamptz not null default now(),
        last_used_at timestamptz
    )
    """,
    "create index push_subscriptions_of on push_subscriptions (person_id)",
    """
    create table push_deliveries (
        message_id uuid not null references messages on delete cascade,
        subscription_id uuid not null references push_subscriptions on delete cascade,
        at timestamptz not null default now(),
        primary key (message_id, subscription_id)
    )
    """,
    "comment on table notification_decisions is 'what was decided, by notification and channel; the last one holds'",
    "comment on table push_deliveries is 'which device has a message already, so that a second attempt skips it'",
    MUTED,
    "create trigger muted before insert on notifications for each row execute function mute_notification()",
    TOLD,
    """
    create trigger told after insert on notifications referencing new table as told
    for each statement execute function tell_of_notifications()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop trigger told on notifications")
    op.execute("drop trigger muted on notifications")
    op.execute("drop function tell_of_notifications, mute_notification")
    op.execute("delete from events where topic = 'notifications'")
    op.execute(
        "drop table push_deliveries, push_subscriptions, notification_decisions, messages, notification_choices, "
        "notification_settings"
    )
    op.execute("drop index people_of_desk, notifications_of_person, notifications_unread, notifications_of_ticket")
    op.execute(
        """
        alter table notifications drop constraint notifications_once, add column webhook text,
            alter column person_id drop not null, drop column type, drop column why, drop column internal,
            drop column in_app, drop column actor_kind, drop column actor_id, drop column noticed_at,
            drop column settled_at, add check (num_nonnulls(person_id, webhook) = 1),
            add constraint notifications_once
                unique nulls not distinct (person_id, webhook, ticket_number, revision, subject)
        """
    )
    op.execute("create index notifications_by_person on notifications (person_id, id) where person_id is not null")
