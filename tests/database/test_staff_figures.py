"""The figures of agents and teams are what hands count over raw events and the plan: in random periods, groups,
pieces and filters, of a desk whose agents and tickets lived by chance."""

import json
from collections import defaultdict
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from database.agent_performance import PerformanceFigures
from database.pool import Pool
from database.presence_spans import rebuild_presences
from database.report_catalogue import REPORTS
from database.report_log import ReportLog
from database.reports import Reports, Values
from database.staff_figures import FAIRNESS, TIME_FIGURES
from database.tickets import TicketStore
from domain.errors import ForbiddenError, InvalidError
from domain.ids import PersonId
from domain.period import Period, pieces_of
from domain.report import Dimension, Question, ReportFilter, Spread
from tests.counted_facts import counted_facts, counted_spans
from tests.counted_staff import (
    Asked,
    Counted,
    Desk,
    PlannedBreak,
    PlannedShift,
    Resolved,
    ToldPresence,
    counted,
    counted_figures,
    parts,
    presence_at,
)
from tests.database.figure_lives import Lives, OfficeTerms, office_calendar, raw_events
from tests.database.working_lives import WorkingLives
from tests.factories import AGENT, BILLING_AGENT, NOW, OTHER_AGENT, SUPERVISOR

AGENTS = (AGENT, OTHER_AGENT, BILLING_AGENT, SUPERVISOR)
"""Of one team, of two, of another one, and of none."""
TEAMS = ("support", "billing", "network")
FIGURES = (*TIME_FIGURES, FAIRNESS)
CHANCE = Random(11)  # noqa: S311  nothing secret


class Lived(NamedTuple):
    """A desk, and when its last thing happened."""

    pool: Pool
    desk: Desk
    now: datetime


async def lived(pool: Pool, store: TicketStore, seed: int, steps: int = 160) -> Lived:
    """A desk whose tickets and agents lived beside each other."""
    await pool.execute("insert into team_members (person_id, team) values ($1, 'network')", OTHER_AGENT)
    async with office_calendar(pool) as version:
        tickets = Lives(store, OfficeTerms(version), seed)
        agents = WorkingLives(pool, AGENTS, seed)
        await agents.plan(NOW, 40)
        for _ in range(12):
            await tickets.open()
        for _ in range(steps):
            await tickets.step()
            await agents.step(tickets.now)
        log = ReportLog(pool)
        while await log.catch_up():
            pass
        desk = await desk_of(pool, tickets, dict.fromkeys((1, version)))
    return Lived(pool, desk, tickets.now)


async def desk_of(pool: Pool, tickets: Lives, calendars: dict[int, Any]) -> Desk:
    """All that is to be counted, as it lies in the database."""
    histories = [await raw_events(pool, number) for number in tickets.numbers]
    facts = [counted_facts(history, calendars) for history in histories]
    return Desk(
        await told(pool),
        await planned(pool),
        [span for history in histories for span in counted_spans(history)],
        [Resolved(one["resolved_at"], one["resolver_id"], one["resolved_team"]) for one in facts if one["resolved_at"]],
        {
            row["person_id"]: row["teams"]
            for row in await pool.fetch("select person_id, array_agg(team) as teams from team_members group by 1")
        },
    )


async def told(pool: Pool) -> list[ToldPresence]:
    """What the log tells of presences, each at the moment at which it took effect."""
    rows = await pool.fetch("select person_id, at, data from events where type = 'agent.presence_changed' order by id")
    presences, last = list[ToldPresence](), dict[PersonId, datetime]()
    for row in rows:
        last[row["person_id"]] = max(row["at"], last.get(row["person_id"], row["at"]))
        presences.append(
            ToldPresence(row["person_id"], last[row["person_id"]], json.loads(row["data"])["presence"])
        )  # fmt: skip
    return presences


async def planned(pool: Pool) -> list[PlannedShift]:
    breaks = defaultdict[int, list[PlannedBreak]](list)
    for row in await pool.fetch("select shift_id, starts_at, ends_at, is_cancelled from shift_breaks"):
        breaks[row["shift_id"]].append(PlannedBreak(row["starts_at"], row["ends_at"], row["is_cancelled"]))
    rows = await pool.fetch("select agent_id, team, starts_at, ends_at, status, started_at, ended_at, id from shifts")
    return [PlannedShift._make((*row[:-1], breaks[row["id"]])) for row in rows]


def some_period(lived: Lived) -> tuple[Period, datetime]:
    """A period, and the moment of asking: mostly after it, sometimes in the middle of it."""
    length = lived.now - NOW
    since = NOW + length * CHANCE.uniform(-0.1, 0.7)
    until = since + length * CHANCE.uniform(0.05, 0.5)
    return Period(since, until), CHANCE.choice([lived.now, since + (until - since) * CHANCE.random()])


def agree(values: Values, by_hand: dict[str, float | None]) -> None:
    for name, value in by_hand.items():
        assert values[name] == (None if value is None else pytest.approx(value, rel=1e-6, abs=1e-3)), name


def done_in(lived: Lived, since: datetime, until: datetime, now: datetime) -> Counted:
    return counted(lived.desk, AGENTS, since, max(min(until, now), since))


@pytest.mark.parametrize("seed", range(3))
async def test_figures_are_what_hands_count(pool: Pool, store: TicketStore, seed: int) -> None:
    at_desk = await lived(pool, store, seed)
    reports, found = Reports(pool), 0
    for _ in range(4):
        period, now = some_period(at_desk)
        done = done_in(at_desk, *period, now)
        for dimension in (Dimension.AGENT, Dimension.TEAM):
            asked = CHANCE.choice([Asked(), Asked(agents=(OTHER_AGENT, SUPERVISOR)), Asked(teams=("support",))])
            wanted = ReportFilter(team=asked.teams, agent=asked.agents)  # type: ignore[arg-type]
            answer = await reports.ask(FIGURES, Question(period, now, wanted, dimension))

            agree(answer.values, counted_figures(at_desk.desk, done, asked, *period, now))
            groups = {group.key: group.values for group in answer.groups}
            for agent in AGENTS if dimension is Dimension.AGENT else ():
                one = Asked((agent,), asked.teams) if not asked.agents or agent in asked.agents else None
                if one is not None and str(agent) in groups:
                    agree(groups[str(agent)], counted_figures(at_desk.desk, done, one, *period, now))
                    found += 1
            for team in TEAMS if dimension is Dimension.TEAM else ():
                if team in groups:
                    narrowed = Asked(asked.agents, (team,))
                    agree(groups[team], counted_figures(at_desk.desk, done, narrowed, *period, now))
                    found += 1
            there = [(one, team) for one in AGENTS if done.times[one].present for team in parts(at_desk.desk, one)]
            place = 0 if dimension is Dimension.AGENT else 1
            assert {str(one[place]) for one in there if asked.fits(*one)} <= {str(key) for key in groups}
    assert found > 8, "too dull to prove anything"


async def test_pieces_and_the_period_before_are_what_hands_count(pool: Pool, store: TicketStore) -> None:
    at_desk = await lived(pool, store, 7, steps=120)
    days = pieces_of(Period(NOW + timedelta(days=3), NOW + timedelta(days=16, hours=5)), "week", "Europe/Berlin")
    period = Period(days[0].since, days[-1].until)
    question = Question(period, at_desk.now, group_by=Dimension.TEAM, pieces=days, compare=True)

    answer = await Reports(pool).ask(FIGURES, question)

    for place, values in answer.pieces:
        since, until = place.since, place.until
        by_hand = counted_figures(
            at_desk.desk, done_in(at_desk, since, until, at_desk.now), Asked(), since, until, at_desk.now
        )
        del by_hand["fairness"]  # of a period as a whole
        agree(values, by_hand)
        assert values["fairness"] is None
    before = answer.previous_period
    assert before is not None
    assert answer.previous is not None
    done = done_in(at_desk, *before, at_desk.now)
    agree(answer.previous, counted_figures(at_desk.desk, done, Asked(), *before, at_desk.now))
    whole = counted_figures(
        at_desk.desk, done_in(at_desk, *period, at_desk.now), Asked(), *period, at_desk.now
    )  # fmt: skip
    agree(answer.values, whole)
    for figure in TIME_FIGURES:
        if figure.adds_up:
            assert sum(group.values[figure.name] or 0 for group in answer.groups) == pytest.approx(whole[figure.name])  # type: ignore[misc]
    assert whole["late_starts"], "nobody was late"


async def test_presences_follow_the_log_and_are_made_anew_from_it(pool: Pool, store: TicketStore) -> None:
    at_desk = await lived(pool, store, 3, steps=60)
    ask = "select * from presence_spans order by agent_id, since"
    kept = await pool.fetch(ask)

    for row in kept:
        assert presence_at(at_desk.desk, row["agent_id"], row["since"]) == row["presence"]
        assert row["until"] is None or presence_at(at_desk.desk, row["agent_id"], row["until"]) is not None
    assert {row["agent_id"] for row in kept if row["until"] is None} == {one.agent for one in at_desk.desk.presences}
    await pool.execute("delete from presence_spans")
    await rebuild_presences(pool)
    assert await pool.fetch(ask) == kept
    assert len(kept) > 20


async def test_nothing_is_known_of_what_is_to_come(pool: Pool) -> None:
    period = Period(NOW, NOW + timedelta(days=1))

    answer = await Reports(pool).ask(REPORTS["teams"], Question(period, NOW - timedelta(days=1)))

    assert answer.values["present_seconds"] == answer.values["planned_seconds"] == answer.values["shifts"] == 0
    assert answer.values["occupancy"] is None


@pytest.mark.parametrize(
    ("came", "until", "asked", "late"),
    [(0, 60, 60, 0), (-30, -1, 60, 1), (4, 60, 60, 0), (5, 60, 60, 1), (None, None, 60, 1), (None, None, 4, 0),
     (None, None, 5, 1), (-30, None, 60, 0)],
)  # fmt: skip
async def test_who_comes_five_minutes_after_the_beginning_is_late(
    pool: Pool, came: int | None, until: int | None, asked: int, late: int
) -> None:
    def minute(one: int | None) -> datetime | None:
        return None if one is None else NOW + timedelta(minutes=one)

    await pool.execute(
        "insert into shifts (agent_id, starts_at, ends_at, status) values ($1, $2, $3, 'published')",
        AGENT,
        NOW,
        minute(480),
    )
    if came is not None:
        spans = [(AGENT, minute(came), minute(until), "online"), (AGENT, minute(came - 60), minute(came), "away")]
        if until is not None:
            spans.append((AGENT, minute(until), None, "offline"))
        await pool.executemany(
            "insert into presence_spans (agent_id, since, until, presence) values ($1, $2, $3, $4)", spans
        )

    answer = await Reports(pool).ask(FIGURES, Question(Period(NOW, NOW + timedelta(days=1)), minute(asked) or NOW))

    assert (answer.values["shifts"], answer.values["late_starts"]) == (1, late)


async def test_a_shift_rests_on_no_tickets_and_has_no_priority(pool: Pool) -> None:
    period = Period(NOW, NOW + timedelta(days=1))
    reports = Reports(pool)

    answer = await reports.ask(FIGURES, Question(period, NOW, ReportFilter(priority=["high"])))  # type: ignore[list-item]

    assert set(answer.values.values()) == {None}
    with pytest.raises(InvalidError):
        await reports.tickets_of(TIME_FIGURES[0], Question(period, NOW))
    assert not TIME_FIGURES[0].population.knows(Dimension.HOUR_OF_WEEK), "its rows are longer than an hour"


async def test_who_is_alone_is_told_of_nobody_else(pool: Pool, store: TicketStore) -> None:
    at_desk = await lived(pool, store, 5, steps=60)
    period = Period(NOW, at_desk.now)
    question = Question(period, at_desk.now, ReportFilter(alone=AGENT), Dimension.AGENT)
    reports = Reports(pool)

    answer = await reports.ask(REPORTS["agents"], question)

    whole = await reports.ask(REPORTS["agents"], question._replace(wanted=ReportFilter()))
    assert {group.key for group in whole.groups} > {str(AGENT)}
    assert {group.key for group in answer.groups} <= {str(AGENT), None}
    assert answer.values == whole.values
    resolved = next(one for one in REPORTS["agents"] if one.name == "resolved")
    await reports.tickets_of(resolved, question, str(AGENT), has_key=True)
    assert whole.values["first_response"]
    with pytest.raises(ForbiddenError):
        await reports.tickets_of(resolved, question, str(OTHER_AGENT), has_key=True)


async def test_first_responses_are_those_of_an_agents_performance(pool: Pool, store: TicketStore) -> None:
    at_desk = await lived(pool, store, 9, steps=100)
    period = Period(NOW + timedelta(days=1), at_desk.now)

    answer = await Reports(pool).ask(REPORTS["agents"], Question(period, at_desk.now, group_by=Dimension.AGENT))

    measured = [group for group in answer.groups if isinstance(group.values["first_response"], Spread)]
    assert measured, "nobody answered anything"
    for group in measured:
        assert group.key is not None
        did = await PerformanceFigures(pool).of(PersonId(UUID(group.key)), period)
        spread = group.values["first_response"]
        assert isinstance(spread, Spread)
        assert did.first_response is not None
        assert did.first_responses == spread.size
        assert did.first_response == pytest.approx((spread.median, spread.p90))
