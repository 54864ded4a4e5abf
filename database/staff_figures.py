"""The figures of those who work: what agents and teams did, how their time went, and how evenly the work lay.

Nobody was present for a team: whoever is of several teams counts in each of them with an equal part of their time, by
the memberships of today, so that teams add up to the whole.
"""

from database.report_figure import Figure, Population, count, ratio, total
from database.satisfaction_figures import SATISFACTION_FIGURES
from database.staff_time import END, MEMBERS, PERIOD, SHIFT_TIME, STAFF_TIME
from database.ticket_figures import TICKET_FIGURES
from domain.report import Dimension, Unit

LATE_AFTER = "interval '5 minutes'"
"""Whoever is there by then after the beginning of a shift is not late."""
LEAST_HOURS = 1
"""Whoever was there for less is left out of fairness: too little to tell a pace from."""
_PLACES = {Dimension.TEAM: "team", Dimension.AGENT: "agent_id"}
PRESENCE = Population("presence", STAFF_TIME, _PLACES, at="since", ticket="", lasts=True)
"""Agents' time in each piece of the period, and each of their teams' part of it."""
ROSTER = Population("roster", SHIFT_TIME, _PLACES, at="since", ticket="", lasts=True)
"""Agents' shifts in each piece of the period, each of its own team, or else of their teams in equal parts."""
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
        where s.status = 'published' and s.starts_at >= {{since}} and s.starts_at < {END}
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
            select agent_id, date_part('epoch', sum(least(until, {END}) - greatest(since, {{since}}))) / 3600 as hours
            from presence_spans
            where presence in ('online', 'busy') and tstzrange(since, until) && {PERIOD} group by 1
        ) there
        join ({MEMBERS}) member on member.person_id = there.agent_id
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
    total("present_seconds", PRESENCE, "Time online or busy.", "present_seconds", Unit.SECONDS),
    ratio("occupancy", PRESENCE, "Of the present time: with at least one ticket to work on.", "busy_seconds",
          "present_seconds"),
    ratio("load", PRESENCE, "Tickets to work on at once, on average over the present time.", "ticket_seconds",
          "present_seconds", Unit.NUMBER),
    total("planned_seconds", ROSTER, "Published shifts without their planned breaks, until now.",
          "planned_seconds", Unit.SECONDS),
    ratio("adherence", ROSTER, "Of the planned time: present.", "kept_seconds", "planned_seconds"),
    total("worked_seconds", ROSTER, "Time with a shift on, without the breaks that were taken.", "worked_seconds",
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
