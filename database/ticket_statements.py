"""The statements that write a ticket: an opening and a change, each one statement, so one transaction and one trip."""

from functools import cache

from database.agent_rows import IS_DESK
from database.bell import BELL, DISPATCH_BELL, START_BELL
from database.ticket_rows import (
    CLOCK_CIRCUMSTANCES,
    CLOCK_FIELDS,
    CLOCK_TYPES,
    CLOCKS_KEPT,
    COLUMNS,
    SELECT,
)

RECEIPTS_LOADED = 20
"""Twice as many commands as the engine lets one workflow have under way."""
OPENED_ROW = (*COLUMNS, "sla_state", "sla_due_at")
_TEAM = f"${15 + OPENED_ROW.index('team')}"
_OPEN = f"""
with team as (
    select from teams where slug = {_TEAM} and is_active for key share
), command as (
    insert into ticket_commands (id, ticket_number, fingerprint, first_revision, revision, at)
    select $1::uuid, $2::bigint, $3, 1, 1, $4::timestamptz where {_TEAM}::text is null or exists (select from team)
    on conflict (id) do nothing
    returning ticket_number
), row as (
    insert into tickets ({", ".join(OPENED_ROW)})
    select {", ".join(f"${place}" for place in range(15, 15 + len(OPENED_ROW)))} from command
    returning number, {CLOCK_CIRCUMSTANCES}, requester_id, watcher_ids
), clocks as (
    insert into sla_clocks (ticket_number, {CLOCK_CIRCUMSTANCES}, {CLOCK_FIELDS})
    select number, {CLOCK_CIRCUMSTANCES}, {CLOCK_FIELDS}
    from row, jsonb_to_recordset($14::jsonb) as c ({CLOCK_TYPES})
), wording as (
    insert into ticket_texts (id, ticket_number, author_id, title, body)
    select $5, ticket_number, $6, $7, $8 from command
), event as (
    insert into events (topic, type, at, ticket_number, revision, actor_kind, actor_id, actor_role, internal,
        text_id, data)
    select 'tickets', $9, $4, ticket_number, 1, $10, $11, $12, false, $5, $13::jsonb from command
), start as (
    insert into start_requests (ticket_number) select ticket_number from command
{{notices}})
select pg_notify('{BELL}', ''), pg_notify('{START_BELL}', ''),
    (select pg_notify('{DISPATCH_BELL}', team) from row where team is not null)
from command
"""

LOAD = f"""
with started as (
    delete from start_requests where ticket_number = $1
), last as (
    select id as command_id, first_revision, revision, fingerprint, at from ticket_commands
    where ticket_number = $1 and revision > 1 order by revision desc limit {RECEIPTS_LOADED}
)
select {SELECT}, (select json_agg(last order by last.revision) from last) as receipts
from tickets t where number = $1
"""

DONE = """
select t.revision, c.first_revision as done_first_revision, c.revision as done_revision,
    c.fingerprint as done_fingerprint, c.at as done_at
from tickets t left join ticket_commands c on c.id = $2 and c.ticket_number = t.number
where t.number = $1
"""


_THERE = "a.presence in ('online', 'busy', 'on_break')"
_OF_ROLE = """
select o.id from people o where o.is_active and o.kind = 'person' and o.role = h.who and (o.role <> 'agent'
    or exists (select from team_members m where m.person_id = o.id and m.team = h.team))
"""
_NOTICES = f"""
), heard as (
    select * from row, jsonb_to_recordset({{notices}}::jsonb) as n
        (place int, at_revision int, kind text, type text, internal boolean, hearers text, who text)
), notices as (
    insert into notifications
        (person_id, ticket_number, revision, kind, type, why, internal, at, actor_kind, actor_id)
    select distinct on (p.id, h.at_revision) p.id, h.number, h.at_revision, h.kind, h.type, case h.hearers
        when 'owner' then case when h.assignee_id is null then 'team' else 'assignee' end
        when 'watchers' then 'watcher'
        when 'role_there' then 'role'
        else h.hearers end, h.internal, {{at}}::timestamptz, {{actor_kind}}, {{actor_id}}
    from heard h join people p on p.id = any(case h.hearers
        when 'owner' then case when h.assignee_id is null
            then array(select m.person_id from team_members m where m.team = h.team) else array[h.assignee_id] end
        when 'assignee' then array[h.assignee_id]
        when 'requester' then array[h.requester_id]
        when 'watchers' then h.watcher_ids
        when 'team' then array(select m.person_id from team_members m where m.team = coalesce(h.who, h.team))
        when 'role' then array({_OF_ROLE})
        when 'role_there' then coalesce(
            nullif(array({_OF_ROLE} and exists (select from agents a where a.person_id = o.id and {_THERE})),
                '{{{{}}}}'), array({_OF_ROLE}))
        else array[h.who::uuid] end)
    where p.is_active and p.kind = 'person' and p.id is distinct from {{actor_id}}
        and (not h.internal or p.role <> 'requester')
    order by p.id, h.at_revision, h.place
    on conflict do nothing
"""
"""Writes who hears of the change, under the names of this moment."""

_CALLS = f""",
    (select count(pg_notify('{DISPATCH_BELL}', called.team)) from (
        select row.team where row.team is not null
        union select m.team from team_members m where m.person_id = row.assignee_id or m.person_id = any({{freed}})
    ) called)"""


@cache
def open_statement(*, tells: bool) -> str:
    """One statement that writes a new ticket, unless its command was done before. With `tells` it writes notices."""
    written = f"${15 + len(OPENED_ROW)}"
    return _OPEN.format(
        notices=_NOTICES.format(notices=written, at="$4", actor_kind="$10", actor_id="$11") if tells else ""
    )


@cache
def record_statement(changed: tuple[str, ...], *, tells: bool, calls: bool) -> str:
    """One statement that writes these columns of the row: so one transaction and one trip, and no index is touched
    whose columns stay. Without effect when the row has moved on meanwhile. With `tells` it writes notices, with `calls`
    it calls the dispatchers of the ticket's team, of its assignee and of those who are freed.
    """
    columns = ", ".join(f"{name} = ${place}" for place, name in enumerate(changed, start=14))
    following = 14 + len(changed)
    clocks = f"${following}::jsonb"
    written = f"${following + ('sla' in changed)}"
    notices = _NOTICES.format(notices=written, at="$5", actor_kind="$6", actor_id="$7") if tells else ""
    freed = f"${following + ('sla' in changed) + tells}::uuid[]"
    keep_clocks = f"""
), clocks as (
    insert into sla_clocks (ticket_number, {CLOCK_CIRCUMSTANCES}, {CLOCK_FIELDS})
    select row.number, {CLOCK_CIRCUMSTANCES}, {CLOCK_FIELDS} from row, jsonb_to_recordset({clocks}) as c ({CLOCK_TYPES})
    on conflict (ticket_number, audience, target, cycle) do update set {CLOCKS_KEPT}
"""
    call = _CALLS.format(freed=freed) if calls else ""
    return f"""
with row as (
    update tickets set {columns}
    where number = $2 and revision = ($10::int[])[1] - 1
    returning number, {CLOCK_CIRCUMSTANCES}, requester_id, watcher_ids
), command as (
    insert into ticket_commands (id, ticket_number, fingerprint, first_revision, revision, at)
    select $1, number, $3, ($10::int[])[1], $4, $5 from row
), events as (
    insert into events (topic, type, at, ticket_number, revision, actor_kind, actor_id, actor_role, internal,
        text_id, data)
    select 'tickets', type, $5, number, revision, $6, $7, $8, internal, text_id, data
    from row, unnest($9::text[], $10::int[], $11::boolean[], $12::uuid[], $13::jsonb[])
        as new (type, revision, internal, text_id, data)
{keep_clocks if "sla" in changed else ""}{notices})
select pg_notify('{BELL}', ''){call} from row
"""


ASSIGNABLE = f"""
select t.team, p.role in ('supervisor', 'admin') or t.team is null
    or exists (select from team_members m where m.person_id = p.id and m.team = t.team) as in_team
from (select case when $3 then $4 else team end as team from tickets where number = $2) t
join people p on p.id = $1 and p.is_active and {IS_DESK}
"""
"""Whether a person may be given the ticket of a team: its own, or the one that the same change moves it to."""
