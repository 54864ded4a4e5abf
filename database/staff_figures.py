"""The figures of those who work: what agents and teams did, how their time went, and how evenly the work lay.

Time is counted by one sweep over the period. Whatever begins or ends (a presence, a ticket that somebody has to work
on, a planned shift, its break, a shift that is on) is a step up or down of one counter of its agent; between two steps
nothing changes, so that each stretch is there or not, planned or not, with so many tickets. Every figure of time is a
sum over the same stretches.

Nobody was present for a team: whoever is of several teams counts in each of them with an equal part of their time, by
the memberships of today, so that teams add up to the whole.
"""

from database.report_figure import Figure, Population, count, ratio, total
from database.satisfaction_figures import SATISFACTION_FIGURES
from database.ticket_figures import TICKET_FIGURES
from domain.report import Dimension, Unit

LATE_AFTER = "interval '5 minutes'"
"""Whoever is there by then after the beginning of a shift is not late."""
LEAST_HOURS = 1
"""Whoever was there for less is left out of fairness: too little to tell a pace from."""
_PLACES = {Dimension.TEAM: "team", Dimension.AGENT: "agent_id"}
_NOW = "greatest(least({until}, {now}), {since})"
"""SQL: where the period ends for figures of time: nothing is known of what is to come."""
_PERIOD = f"tstzrange({{since}}, {_NOW})"
_SINCE, _UNTIL = "greatest(one.since, {since})", f"least(coalesce(one.until, 'infinity'), {_NOW})"
_ENDS = f"lateral (values ({_SINCE}, 1), ({_UNTIL}, -1)) step (at, way)"
"""SQL: the steps of a stretch `one`, as far as it lies in the period."""
_MEMBERS = """
(select person_id, team, 1.0::float8 / count(*) over (partition by person_id) as part from team_members) member
"""
IS_CARRIED = "assignee_id is not null and status in ('new', 'open') and not snoozed"
"""SQL: a ticket that somebody has to work on, as of the load in `docs/agents.md`."""
_CARRIED = f"""
    select assignee_id, since, until from ended_spans
    where {IS_CARRIED} and tstzrange(since, until) && {_PERIOD}
    union all
    select assignee_id, span_since, null from ticket_facts where {IS_CARRIED} and span_since < {_NOW}
"""
_STEPS = f"""
    select one.agent_id, step.at, (one.presence <> 'on_break')::int * way as present,
        (one.presence = 'on_break')::int * way as resting, 0 as carried, 0 as planned, 0 as pauses, 0 as shifts
    from presence_spans one, {_ENDS}
    where one.presence in ('online', 'busy', 'on_break') and tstzrange(one.since, one.until) && {_PERIOD}
    union all
    select one.assignee_id, step.at, 0, 0, way, 0, 0, 0 from ({_CARRIED}) one, {_ENDS}
    union all
    select one.agent_id, step.at, 0, 0, 0, way, 0, 0
    from (select agent_id, starts_at as since, ends_at as until from shifts where status = 'published') one, {_ENDS}
    where one.until > {{since}} and one.since < {_NOW}
    union all
    select one.agent_id, step.at, 0, 0, 0, 0, way, 0
    from (
        select s.agent_id, b.starts_at as since, b.ends_at as until
        from shifts s join shift_breaks b on b.shift_id = s.id
        where s.status = 'published' and not b.is_cancelled and s.ends_at > {{since}} and s.starts_at < {_NOW}
    ) one, {_ENDS}
    where one.until > {{since}} and one.since < {_NOW}
    union all
    select one.agent_id, step.at, 0, 0, 0, 0, 0, way
    from (select agent_id, started_at as since, coalesce(ended_at, 'infinity') as until from shifts) one, {_ENDS}
    where one.until > {{since}} and one.since < {_NOW}
    union all
    select a.person_id, starts.at, 0, 0, 0, 0, 0, 0 from agents a, unnest({{starts}}) starts (at)
"""
_STRETCHES = f"""
    select agent_id, at as since, lead(at) over later as until, sum(present) over later > 0 as is_present,
        sum(resting) over later > 0 as is_resting, sum(carried) over later as carried,
        sum(planned) over later > 0 and sum(pauses) over later = 0 as is_planned, sum(shifts) over later > 0 as is_on
    from ({_STEPS}) step
    window later as (partition by agent_id order by at)
"""
STAFF_TIME = Population(
    "staff_time",
    f"""(
        select time.agent_id, member.team, time.since,
            time.present * coalesce(member.part, 1) as present_seconds,
            time.busy * coalesce(member.part, 1) as busy_seconds,
            time.carried * coalesce(member.part, 1) as ticket_seconds,
            time.planned * coalesce(member.part, 1) as planned_seconds,
            time.kept * coalesce(member.part, 1) as kept_seconds,
            time.worked * coalesce(member.part, 1) as worked_seconds
        from (
            select agent_id, min(since) as since,
                coalesce(sum(seconds) filter (where is_present), 0) as present,
                coalesce(sum(seconds) filter (where is_present and carried > 0), 0) as busy,
                coalesce(sum(seconds * carried) filter (where is_present), 0) as carried,
                coalesce(sum(seconds) filter (where is_planned), 0) as planned,
                coalesce(sum(seconds) filter (where is_planned and is_present), 0) as kept,
                coalesce(sum(seconds) filter (where is_on and not is_resting), 0) as worked
            from (
                select agent_id, since, extract(epoch from until - since)::float8 as seconds, is_present, is_resting,
                    carried::float8, is_planned, is_on
                from ({_STRETCHES}) stretch where until > since and (is_present or is_planned or is_on)
            ) stretch
            group by agent_id, width_bucket(since, {{starts}})
        ) time left join {_MEMBERS} on member.person_id = time.agent_id
    )""",
    _PLACES,
    at="since",
    ticket="",
    lasts=True,
)
"""Agents' time in each piece of the period, and each of their teams' part of it."""
SHIFTS = Population(
    "shifts",
    f"""(
        select s.agent_id, s.starts_at, coalesce(s.team, single.team) as team,
            s.starts_at + {LATE_AFTER} <= {{now}} and coalesce((
                select coalesce(p.until, 'infinity') <= s.starts_at from presence_spans p
                where p.agent_id = s.agent_id and p.presence in ('online', 'busy')
                    and p.since < least(s.starts_at + {LATE_AFTER}, s.ends_at)
                order by p.since desc limit 1
            ), true) as is_late
        from shifts s left join (
            select person_id, min(team) as team from team_members group by 1 having count(*) = 1
        ) single on single.person_id = s.agent_id
        where s.status = 'published' and s.starts_at >= {{since}} and s.starts_at < {_NOW}
    )""",
    _PLACES,
    at="starts_at",
    ticket="",
)
"""Published shifts that have begun by plan, each of its own team, or else of its agent's only one."""
PACES = Population(
    "paces",
    f"""(
        select there.agent_id, member.team, coalesce(done.handled, 0) / (there.hours * member.part) as pace
        from (
            select one.agent_id, sum(extract(epoch from {_UNTIL} - {_SINCE}))::float8 / 3600 as hours
            from presence_spans one
            where one.presence in ('online', 'busy') and tstzrange(one.since, one.until) && {_PERIOD}
            group by 1
        ) there
        join {_MEMBERS} on member.person_id = there.agent_id
        left join (
            select resolver_id, resolved_team, count(*) as handled from ticket_facts
            where resolved_at >= {{since}} and resolved_at < {{until}} group by 1, 2
        ) done on done.resolver_id = there.agent_id and done.resolved_team = member.team
        where there.hours >= {LEAST_HOURS}
    )""",
    _PLACES,
    ticket="",
)
"""Members of teams who were there, and how many tickets of the team each resolved in an hour of their time for it."""

TIME_FIGURES: tuple[Figure, ...] = (
    total("present_seconds", STAFF_TIME, "Time online or busy.", "present_seconds", Unit.SECONDS),
    ratio("occupancy", STAFF_TIME, "Of the present time: with at least one ticket to work on.", "busy_seconds",
          "present_seconds"),
    ratio("load", STAFF_TIME, "Tickets to work on at once, on average over the present time.", "ticket_seconds",
          "present_seconds", Unit.NUMBER),
    total("planned_seconds", STAFF_TIME, "Published shifts without their planned breaks, until now.",
          "planned_seconds", Unit.SECONDS),
    ratio("adherence", STAFF_TIME, "Of the planned time: present.", "kept_seconds", "planned_seconds"),
    total("worked_seconds", STAFF_TIME, "Time with a shift on, without the breaks that were taken.", "worked_seconds",
          Unit.SECONDS),
    count("shifts", SHIFTS, "Published shifts that began by plan."),
    count("late_starts", SHIFTS, "Of the shifts: nobody was there within five minutes.", "is_late"),
)  # fmt: skip
FAIRNESS = Figure(
    "fairness",
    PACES,
    Unit.NUMBER,
    "power(sum(pace), 2) / nullif(count(*) * sum(pace * pace), 0)",
    "How evenly resolved tickets lie among the members who were there, by their time: 1 is evenly, 1/n all with one of "
    "n (Jain's index).",
)
"""R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness and Discrimination for Resource Allocation in Shared
Computer Systems, DEC Research Report TR-301, 1984: (sum x)^2 / (n sum x^2)."""
_DONE = {
    *("resolved", "resolutions", "reopen_rate", "first_response", "first_response_business", "resolution"),
    *("resolution_business", "one_touch", "reassigned"),
}
DONE_FIGURES = tuple(figure for figure in TICKET_FIGURES if figure.name in _DONE)
"""The same figures as of tickets: an agent's are those that they resolved or answered."""
SAID_FIGURES = tuple(figure for figure in SATISFACTION_FIGURES if figure.name in ("ratings", "mean_score", "csat"))
"""What requesters said of tickets that they resolved."""
AGENT_FIGURES = (*DONE_FIGURES, *SAID_FIGURES, *TIME_FIGURES)
TEAM_FIGURES = (*DONE_FIGURES, *SAID_FIGURES, *TIME_FIGURES, FAIRNESS)
