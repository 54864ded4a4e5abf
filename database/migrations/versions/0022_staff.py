"""Reports: what each agent was from when to when."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    create table presence_spans (
        agent_id uuid not null references agents on delete cascade,
        since timestamptz not null,
        until timestamptz,
        presence text not null check (presence in ('online', 'busy', 'on_break', 'away', 'offline')),
        primary key (agent_id, since),
        check (until > since)
    )
    """,
    "comment on column presence_spans.until is 'null: they still are'",
    "create unique index presence_spans_open on presence_spans (agent_id) where until is null",
    """
    create index presence_spans_around on presence_spans using gist (tstzrange(since, until))
        where presence in ('online', 'busy', 'on_break')
    """,
    "create index events_of_presence on events (person_id, id) where topic = 'presence'",
    # As `database/presence_spans.py` makes them anew.
    """
    insert into presence_spans (agent_id, since, until, presence)
    select agent_id, since, until, presence from (
        select agent_id, since, lead(since) over (partition by agent_id order by id) as until, presence from (
            select e.person_id as agent_id, e.id, max(e.at) over (partition by e.person_id order by e.id) as since,
                e.data ->> 'presence' as presence
            from events e join agents a on a.person_id = e.person_id
            where e.topic = 'presence' and e.type = 'agent.presence_changed'
        ) told
    ) span where until is null or until > since
    """,
    # In the order in which an agent's time is counted, and with all that is asked for.
    """
    create index ended_spans_carried on ended_spans (assignee_id, until) include (since)
        where assignee_id is not null and status in ('new', 'open') and not snoozed
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop index ended_spans_carried, events_of_presence")
    op.execute("drop table presence_spans")
