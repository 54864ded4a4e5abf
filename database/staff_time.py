"""How the time of those who work went, as SQL over a period: present, with tickets to work on, planned and worked.

Everything is measured by a **gauge**: for each agent the stretches in which they were present (or on a break), in their
order, each with the seconds of all before it. So how long somebody was present before any moment is one binary search,
and how long within a stretch is the difference of two: nothing is joined by time.

What two tickets have in common counts once as time with something to work on. An agent's tickets are taken from the
last end backwards, as their index gives them, and each adds what lies before the earliest beginning so far (`low` to
`high`): nothing is sorted either.

All moments are seconds since 1970, cut where a piece of the period begins.
"""

END = "greatest(least({until}, {now}), {since})"
"""SQL: where the period ends for figures of time: nothing is known of what is to come."""
PERIOD = f"tstzrange({{since}}, {END})"
IS_CARRIED = "assignee_id is not null and status in ('new', 'open') and not snoozed"
"""SQL: a ticket that somebody has to work on, as of the load in `docs/agents.md`."""
MEMBERS = "select person_id, team, 1.0::float8 / count(*) over (partition by person_id) as part from team_members"
"""SQL: who is of which team, and with what part of their time."""
_BEFORE_IT = "rows between unbounded preceding and 1 preceding"


def _seconds(moment: str) -> str:
    return f"date_part('epoch', {moment})"


def _since(column: str = "since") -> str:
    """SQL: the beginning of a stretch, as far as it lies in the period."""
    return _seconds(f"greatest({column}, {{since}})")


def _until(column: str = "until") -> str:
    """SQL: the end of a stretch, the same; null: it lasts."""
    return _seconds(f"least({column}, {END})")


def _gauge(name: str, presences: str) -> str:
    """SQL: by agent, the beginnings and ends of their stretches with these presences, and the seconds before each."""
    return f"""
        select agent_id, array_agg(since order by since) as {name}_begins,
            array_agg(until order by since) as {name}_ends, array_agg(past order by since) as {name}_past
        from (
            select agent_id, since, until,
                coalesce(sum(until - since) over (partition by agent_id order by since {_BEFORE_IT}), 0) as past
            from (
                select agent_id, {_since()} as since, {_until()} as until from presence_spans
                where presence in ({presences}) and tstzrange(since, until) && {PERIOD}
            ) span
        ) span group by agent_id
    """


def _places(gauge: str, *moments: str) -> str:
    """SQL: where moments stand in a gauge, each as a column that `_within` names."""
    return ", ".join(f"width_bucket({one}, {gauge}_begins) as {gauge}_{one}" for one in moments)


def _within(gauge: str, since: str, until: str) -> str:
    """SQL: the seconds of a gauge between two moments."""
    before = (
        f"coalesce({gauge}_past[{gauge}_{one}] + least({one}, {gauge}_ends[{gauge}_{one}]) "
        f"- {gauge}_begins[{gauge}_{one}], 0)"
        for one in (until, since)
    )
    return " - ".join(before)


_THERE = _gauge("there", "'online', 'busy'")
_RESTING = _gauge("resting", "'on_break'")
_PIECES = f"""
    select array_agg({_seconds("at")} order by at) as begin,
        (array_agg({_seconds("at")} order by at))[2:] || {_seconds(END)} as finish
    from unnest({{starts}}) at
"""
"""SQL: the beginnings and ends of the pieces, in one row."""
_CUT = "generate_series(width_bucket(since, begin), width_bucket(until, begin)) as place"
"""SQL: a stretch once for each of the pieces in which it lies."""
_CARRIED = f"""
    select agent_id, since, {_seconds(END)} as until, since as low,
        coalesce(lag(since) over (partition by agent_id order by since desc), {_seconds(END)}) as high
    from across
    union all
    select there.agent_id, one.since, one.until, least(one.since, one.first), least(one.until, one.first)
    from there left join (select agent_id, min(since) as since from across group by 1) last using (agent_id),
        lateral (
            select since, until, least(last.since, min(since) over (order by at desc {_BEFORE_IT})) as first
            from (
                select {_since()} as since, {_seconds("until")} as until, until as at from ended_spans
                where assignee_id = there.agent_id and {IS_CARRIED} and until > {{since}} and until <= {END}
            ) one
        ) one
"""
"""SQL: tickets to work on; those that are so still at the end of the period (`across`) come first."""
STAFF_TIME = f"""(
    with there as materialized ({_THERE}),
    pieces as materialized ({_PIECES}),
    across as materialized (
        select assignee_id as agent_id, {_since()} as since from (
            select assignee_id, since from ended_spans
            where {IS_CARRIED} and status <> 'closed' and tstzrange(since, until) @> {END}
            union all
            select assignee_id, span_since from ticket_facts where {IS_CARRIED} and span_since < {END}
        ) span
    ),
    cut as (
        select agent_id, there_begins, there_ends, there_past, place, greatest(since, begin[place]) as since,
            least(until, finish[place]) as until, greatest(low, begin[place]) as low, least(high, finish[place]) as high
        from (select *, {_CUT} from ({_CARRIED}) carried join there using (agent_id), pieces) carried
    ),
    tickets as (
        select agent_id, place, sum(seconds) as seconds, sum(busy) as busy
        from (
            select agent_id, place, {_within("there", "since", "until")} as seconds,
                case when low < high then {_within("there", "low", "high")} end as busy
            from (select *, {_places("there", "since", "until", "low", "high")} from cut offset 0) measured offset 0
        ) measured group by 1, 2
    ),
    presence as (
        select agent_id, place::int, {_within("there", "since", "until")} as present
        from (
            select there.*, piece.*, {_places("there", "since", "until")}
            from there, pieces, unnest(begin, finish) with ordinality piece (since, until, place) offset 0
        ) measured
    )
    select agent_id, member.team, ({{starts}})[place] as since, present * coalesce(part, 1) as present_seconds,
        coalesce(busy, 0) * coalesce(part, 1) as busy_seconds,
        coalesce(seconds, 0) * coalesce(part, 1) as ticket_seconds
    from presence left join tickets using (agent_id, place) left join ({MEMBERS}) member on member.person_id = agent_id
    where present > 0
)"""
"""SQL: agents' presence in each piece of the period, how long of it they had tickets, and each team's part of it."""
SHIFT_TIME = f"""(
    with there as materialized ({_THERE}),
    resting as materialized ({_RESTING}),
    pieces as materialized ({_PIECES}),
    stretches as (
        select agent_id, team, starts_at as since, ends_at as until, 1 as plan, 0 as work from shifts
        where status = 'published'
        union all
        select s.agent_id, s.team, b.starts_at, b.ends_at, -1, 0 from shifts s join shift_breaks b on b.shift_id = s.id
        where s.status = 'published' and not b.is_cancelled and s.starts_at < {END} and s.ends_at > {{since}}
        union all
        select agent_id, team, started_at, coalesce(ended_at, 'infinity'), 0, 1 from shifts
        where coalesce(ended_at, 'infinity') > started_at
    ),
    cut as (
        select agent_id, team, plan, work, there_begins, there_ends, there_past, resting_begins, resting_ends,
            resting_past, place, greatest(since, begin[place]) as since, least(until, finish[place]) as until
        from (
            select *, {_CUT}
            from (
                select agent_id, team, {_since()} as since, {_until()} as until, plan, work from stretches
                where since < {END} and until > {{since}}
            ) stretch left join there using (agent_id) left join resting using (agent_id), pieces
        ) stretch
    ),
    time as (
        select agent_id, team, place, sum(planned) as planned, sum(kept) as kept, sum(worked) as worked
        from (
            select agent_id, team, place, plan * (until - since) as planned,
                plan * ({_within("there", "since", "until")}) as kept,
                work * (until - since - ({_within("resting", "since", "until")})) as worked
            from (
                select *, {_places("there", "since", "until")}, {_places("resting", "since", "until")} from cut offset 0
            ) measured offset 0
        ) measured group by 1, 2, 3
    )
    select agent_id, coalesce(time.team, member.team) as team, ({{starts}})[place] as since,
        planned * coalesce(part, 1) as planned_seconds, kept * coalesce(part, 1) as kept_seconds,
        worked * coalesce(part, 1) as worked_seconds
    from time left join ({MEMBERS}) member on member.person_id = agent_id and time.team is null
)"""
"""SQL: agents' shifts in each piece of the period, as planned, as kept and as worked, and each team's part of them."""
