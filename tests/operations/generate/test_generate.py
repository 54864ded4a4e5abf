"""A made desk is one that the product could have written."""

import asyncio
from datetime import timedelta
from random import Random
from uuid import uuid4

import pytest

from database.pool import open_pool
from database.presence_spans import rebuild_presences
from database.report_catalogue import REPORTS
from database.report_log import ReportLog
from database.reports import Reports
from database.ticket_facts import facts_of
from database.ticket_rows import SELECT, ticket_of
from database.tickets import TicketStore
from domain.ids import TicketNumber
from domain.lifecycle import rebuild as rebuilt
from domain.period import Period
from domain.report import Dimension, Question
from domain.sla_policy import Terms
from domain.ticket_events import TICKET_EVENT
from operations.generate.desk import OFFICE, POLICY, TEAMS, DeskError, MadeDesk
from operations.generate.life import live
from operations.generate.rows import Copier, rows_of
from operations.generate.run import generate
from operations.generate.shape import BEGIN, END
from operations.rebuild_reports import rebuild
from tests.counted_facts import counted_facts
from tests.database.figure_lives import raw_events
from tests.factories import AGENT, NUMBER, REQUESTER

TICKETS = 300


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311  nothing secret


@pytest.fixture
async def made(database_dsn: str) -> str:
    """A desk most of whose tickets are copies."""
    await asyncio.to_thread(generate, database_dsn, TICKETS, 1, least_lives=60, weeks_worked=2)
    return database_dsn


async def test_a_made_ticket_is_the_sum_of_its_events(made: str) -> None:
    async with await open_pool(made, 2) as pool:
        rows = await pool.fetch(f"select {SELECT} from tickets t")  # noqa: S608  our own columns
        tickets = {row["number"]: ticket_of(row) for row in rows}
        assert len(tickets) == TICKETS
        for number, ticket in tickets.items():
            rows = await pool.fetch(
                "select data, at from events where ticket_number = $1 order by revision", number
            )  # fmt: skip
            events = [(TICKET_EVENT.validate_json(row["data"]), row["at"]) for row in rows]
            assert rebuilt(number, events) == ticket
            assert BEGIN <= events[0][1] <= events[-1][1] <= END
        assert len({ticket.wording_id for ticket in tickets.values()}) == TICKETS
        assert {ticket.status for ticket in tickets.values()} > {"closed"}
        assert max(ticket.created_at for ticket in tickets.values()) > END - timedelta(days=14)
        clocks = await pool.fetch(
            "select c.*, t.sla from sla_clocks c join tickets t on t.number = c.ticket_number"
        )  # fmt: skip
        kept = {
            (number, clock.audience, clock.target, clock.cycle): clock
            for number, ticket in tickets.items()
            for clock in (ticket.sla.clocks if ticket.sla else ())
        }
        for row in clocks:
            clock = kept.get((row["ticket_number"], row["audience"], row["target"], row["cycle"]))
            if clock is not None:
                assert (row["phase"], row["started_at"], row["ended_at"]) == (
                    clock.phase,
                    clock.started_at,
                    clock.ended_at,
                )
                assert (row["due_at"], row["used_seconds"]) == (clock.due_at, clock.used.total_seconds())


async def test_its_facts_are_what_hands_count_and_its_tickets_go_on(made: str) -> None:
    async with await open_pool(made, 2) as pool:
        calendars = {
            row["calendar_version"]: None
            for row in await pool.fetch("select distinct calendar_version from sla_clocks")
        }  # fmt: skip
        told: list[int] = []
        events = await rebuild(ReportLog(pool), resume=False, tell=told.append, batch=500)

        assert events == await pool.fetchval("select count(ticket_number) from events") + 1
        assert told[-1] == events
        facts = {row["number"]: facts_of(row) for row in await pool.fetch("select * from ticket_facts")}
        assert len(calendars) == 1
        for number in list(facts)[:40]:
            one = facts[number]
            counted = counted_facts(await raw_events(pool, number), dict.fromkeys(calendars))  # type: ignore[arg-type]
            for name in ("response_business_seconds", "resolution_business_seconds"):
                del counted[name]  # counted in other office hours
            assert counted.items() <= one._asdict().items()
        assert await TicketStore(pool).next_number() == max(facts) + 1


async def test_its_agents_were_at_work_in_office_hours(made: str) -> None:
    async with await open_pool(made, 2) as pool:
        period = Period(END - timedelta(weeks=2), END)
        question = Question(period, END, group_by=Dimension.AGENT)
        await rebuild(ReportLog(pool), resume=False, tell=lambda _: None)

        answer = await Reports(pool).ask(REPORTS["agents"], question)

        kept = await pool.fetch("select * from presence_spans order by agent_id, since")
        await rebuild_presences(pool)
        assert await pool.fetch("select * from presence_spans order by agent_id, since") == kept
    agents = sum(TEAMS.values())
    assert len(answer.groups) >= agents
    assert answer.values["planned_seconds"] == pytest.approx(agents * 10 * 7.5 * 3600)
    assert answer.values["shifts"] == agents * 10
    for name in ("occupancy", "adherence"):
        value = answer.values[name]
        assert isinstance(value, float)
        assert 0 < value < 1, name


async def test_a_desk_that_is_there_is_left_alone(made: str) -> None:
    with pytest.raises(DeskError):
        await asyncio.to_thread(generate, made, 10, 1)


def test_about_a_fifth_of_what_is_resolved_is_rated_and_mostly_well() -> None:
    terms = Terms(1, 1, POLICY, 1, OFFICE, "test")
    desk = MadeDesk((REQUESTER,), dict.fromkeys(TEAMS, (AGENT,)), terms)

    tickets = [live(desk, NUMBER, BEGIN, chance(seed)).ticket for seed in range(400)]

    scores = [one.rating for one in tickets if one.rating is not None]
    assert 0.14 < len(scores) / len(tickets) < 0.26
    assert sum(score >= 4 for score in scores) > 0.7 * len(scores)
    assert min(scores) < 3


def test_the_same_seed_leads_the_same_life() -> None:
    terms = Terms(1, 1, POLICY, 1, OFFICE, "test")
    desk = MadeDesk((REQUESTER,), dict.fromkeys(TEAMS, (AGENT,)), terms)

    one, same, other = [rows_of(live(desk, NUMBER, BEGIN, chance(seed))) for seed in (5, 5, 6)]

    assert one == same
    assert one != other


def test_a_copy_is_the_same_life_so_much_later() -> None:
    terms = Terms(1, 1, POLICY, 1, OFFICE, "test")
    desk = MadeDesk((REQUESTER,), dict.fromkeys(TEAMS, (AGENT,)), terms)
    later = timedelta(weeks=3)
    monday = BEGIN + timedelta(hours=9)
    words = uuid4()

    rows = rows_of(live(desk, NUMBER, monday, chance(1)))
    copy = Copier(later).copy(rows, NUMBER + 1, words)
    lived = rows_of(live(desk, TicketNumber(NUMBER + 1), monday + later, chance(1)))
    (text,) = lived.ticket_texts

    assert Copier(timedelta()).copy(copy, NUMBER + 1, text[0]) == lived
