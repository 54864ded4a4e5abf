"""Facts and spans in the database are what a count by hand over the raw events gives, whatever happened meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from database.events import EventLog
from database.past import Past
from database.pool import Pool
from database.report_log import ReportLog
from database.ticket_facts import FACT_COLUMNS, facts_of, span_of
from database.tickets import TicketStore
from domain.ids import TicketNumber
from domain.lifecycle import rebuild
from domain.ticket import Status
from domain.ticket_commands import AddReply, ChangeStatus
from domain.ticket_facts import TicketFacts
from domain.ticket_span import TicketSpan
from tests.counted_facts import counted_facts, counted_spans
from tests.database.figure_lives import Lives, OfficeTerms, held_store, office_calendar, raw_events
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.factories import NOW

STEPS = 120


@pytest.fixture
async def terms(pool: Pool) -> AsyncIterator[OfficeTerms]:
    async with office_calendar(pool) as version:
        yield OfficeTerms(version)


@pytest.fixture
def reports(pool: Pool) -> ReportLog:
    return ReportLog(pool)


async def all_folded(reports: ReportLog, limit: int = 50) -> int:
    """How many events there were."""
    count = 0
    while some := await reports.catch_up(limit):
        count += some
    return count


async def stored_facts(pool: Pool) -> dict[TicketNumber, TicketFacts]:
    return {row["number"]: facts_of(row) for row in await pool.fetch("select * from ticket_facts")}


async def stored_spans(pool: Pool, number: TicketNumber) -> list[TicketSpan]:
    rows = await pool.fetch("select * from ticket_spans where ticket_number = $1 order by place", number)
    return [span_of(row) for row in rows]


async def expect_what_hands_count(pool: Pool, numbers: list[TicketNumber], terms: OfficeTerms) -> None:
    facts = await stored_facts(pool)
    assert set(facts) == set(numbers)
    for number in numbers:
        events = await raw_events(pool, number)
        assert facts[number]._asdict() == counted_facts(events, terms.calendars)
        assert [tuple(span) for span in await stored_spans(pool, number)] == [
            tuple(span) for span in counted_spans(events)
        ]


async def lived(lives: Lives, reports: ReportLog, dsn: str, steps: int = STEPS) -> None:
    """Many lives at once, some of them in transactions that commit late, folded at random moments meanwhile."""
    for _ in range(4):
        await lives.open()
    for _ in range(steps // 12):
        async with held_store(dsn) as held:
            late = await lives.open(held)
            for _ in range(4):
                await lives.step_held(late, held)
                await lives.step()
                await lives.step()
                if lives.chance.random() < 0.5:
                    await reports.catch_up(lives.chance.randint(1, 15))
        lives.numbers.append(late)
        if lives.chance.random() < 0.5:
            await reports.catch_up(lives.chance.randint(1, 40))


async def test_the_columns_are_those_of_the_facts(pool: Pool) -> None:
    rows = await pool.fetch(
        "select table_name, column_name from information_schema.columns "
        "where table_name in ('ticket_facts', 'ended_spans', 'ticket_spans') order by table_name, ordinal_position"
    )
    columns: dict[str, list[str]] = {}
    for row in rows:
        columns.setdefault(row["table_name"], []).append(row["column_name"])

    assert tuple(columns["ticket_facts"]) == tuple(FACT_COLUMNS) == TicketFacts._fields
    assert tuple(columns["ended_spans"]) == tuple(columns["ticket_spans"]) == TicketSpan._fields


@pytest.mark.parametrize("seed", range(3))
async def test_facts_and_spans_are_what_hands_count(
    pool: Pool, store: TicketStore, reports: ReportLog, terms: OfficeTerms, desk_dsn: str, seed: int
) -> None:
    lives = Lives(store, terms, seed)

    await lived(lives, reports, desk_dsn)
    await all_folded(reports, 7)

    await expect_what_hands_count(pool, lives.numbers, terms)
    facts = await stored_facts(pool)
    happened = await pool.fetchval("select count(ticket_number) from events")
    assert sum(one.revision for one in facts.values()) == happened
    assert {one.sla_state for one in facts.values()} > {"breached"}
    assert any(one.response_business_seconds != one.response_seconds for one in facts.values())
    assert all(sum(getattr(one, name) for one in facts.values()) for name in ("desk_replies", "assignments", "moves"))
    assert any(one.rating for one in facts.values())


@pytest.mark.parametrize("seed", [7, 8])
async def test_a_rebuild_comes_to_the_same_also_while_tickets_go_on(
    pool: Pool, store: TicketStore, reports: ReportLog, terms: OfficeTerms, desk_dsn: str, seed: int
) -> None:
    lives = Lives(store, terms, seed)
    await lived(lives, reports, desk_dsn, STEPS // 2)
    await pool.execute("update ticket_facts set desk_replies = 99, spans = spans + 7 where number % 2 = 0")
    await pool.execute("delete from ended_spans where ticket_number % 2 = 0")
    await pool.execute("update ticket_facts set number = 999999 where number = (select min(number) from ticket_facts)")

    await reports.rebuild()
    await reports.catch_up(20)
    standing = await reports.standing()
    await lived(lives, reports, desk_dsn, STEPS // 2)
    await all_folded(reports)

    assert standing.is_rebuilding
    assert (await reports.standing()).is_rebuilding is False
    await expect_what_hands_count(pool, lives.numbers, terms)


async def test_the_queue_at_any_past_moment_is_what_the_events_up_to_then_make(
    pool: Pool, store: TicketStore, reports: ReportLog, terms: OfficeTerms, desk_dsn: str
) -> None:
    lives = Lives(store, terms, 11)
    await lived(lives, reports, desk_dsn)
    await all_folded(reports)
    past, known = Past(pool, store), 0
    histories = {number: await raw_events(pool, number) for number in lives.numbers}

    for _ in range(15):
        at = NOW + lives.chance.random() * (lives.now - NOW)
        expected: dict[tuple[Any, ...], int] = {}
        for number, history in histories.items():
            events = [one for one in history if one.at <= at]
            record = await past.ticket_at(number, at)
            if not events:
                assert record is None
                continue
            ticket = rebuild(number, [(one.event, one.at) for one in events])
            assert record is not None
            assert record.ticket == ticket
            if ticket.status is not Status.CLOSED:
                key = (ticket.status, ticket.team, ticket.priority, ticket.is_waiting)
                expected[key] = expected.get(key, 0) + 1
        found: dict[tuple[Any, ...], int] = {}
        for one in await past.queue_at(at):
            standing = (one.status, one.team, one.priority, one.is_waiting)
            found[standing] = found.get(standing, 0) + one.tickets
        assert found == expected
        known += len(found)
        support = await past.queue_at(at, ["support"])
        assert sum(one.tickets for one in support) == sum(
            count for key, count in expected.items() if key[1] == "support"
        )

    assert known > 40, "the past was too dull to prove anything"
    assert await past.queue_at(NOW - timedelta(days=1)) == []


async def test_an_event_that_commits_late_is_folded_when_it_comes(
    pool: Pool, store: TicketStore, reports: ReportLog, terms: OfficeTerms, desk_dsn: str
) -> None:
    lives = Lives(store, terms, 1)
    async with held_store(desk_dsn) as held:
        late = await lives.open(held)
        quick = await lives.open()
        before = await all_folded(reports)
        assert (before, await stored_facts(pool)) == (0, {}), "nothing behind which something may still come"

    assert await all_folded(reports) == await pool.fetchval("select count(*) from events") >= 2
    assert set(await stored_facts(pool)) == {late, quick}


async def test_whoever_comes_second_leaves_it_to_the_first(
    pool: Pool, store: TicketStore, reports: ReportLog, terms: OfficeTerms, desk_dsn: str
) -> None:
    lives = Lives(store, terms, 2)
    await lived(lives, reports, desk_dsn, 48)
    events = await pool.fetchval("select count(ticket_number) from events")
    await reports.rebuild()

    async def one_of_many() -> int:
        mine, count = ReportLog(pool), 0
        while (await mine.standing()).is_rebuilding:
            count += await mine.catch_up(10)
        return count

    counts = await asyncio.gather(*(one_of_many() for _ in range(4)))

    assert sum(counts) == events + 1, "and one look that found the end"
    await expect_what_hands_count(pool, lives.numbers, terms)


async def test_what_was_begun_and_not_ended_is_begun_again(
    pool: Pool, store: TicketStore, reports: ReportLog, terms: OfficeTerms
) -> None:
    ticket = await stored_ticket(store)
    await all_folded(reports)
    await recorded(store, ticket, ChangeStatus(status=Status.RESOLVED), at=NOW + timedelta(hours=1))
    await pool.execute("alter table ended_spans add constraint full_disk check (place < 1)")

    with pytest.raises(asyncpg.CheckViolationError):
        await reports.catch_up()
    behind = await stored_facts(pool)
    await pool.execute("alter table ended_spans drop constraint full_disk")
    await all_folded(reports)

    assert behind[ticket.number].revision == 1
    await expect_what_hands_count(pool, [ticket.number], terms)


async def test_a_new_epoch_of_the_log_begins_a_rebuild(
    pool: Pool, store: TicketStore, reports: ReportLog, terms: OfficeTerms, desk_dsn: str
) -> None:
    """As after a dump is restored into another cluster: the old transaction ids mean nothing there."""
    lives = Lives(store, terms, 3)
    await lived(lives, reports, desk_dsn, 24)
    await all_folded(reports)
    await pool.execute("update events set xid = '9000000000000'")
    await pool.execute("update report_cursor set xid = '9000000000000'")
    epoch = await EventLog(pool).heal_epoch()
    await lives.step()

    await all_folded(reports)

    assert await pool.fetchval("select epoch from report_cursor") == epoch
    await expect_what_hands_count(pool, lives.numbers, terms)


async def test_a_log_that_cannot_be_read_stops_no_other_figure(
    pool: Pool, store: TicketStore, reports: ReportLog, terms: OfficeTerms
) -> None:
    broken, headless, sound = [await stored_ticket(store) for _ in range(3)]
    for ticket in (broken, sound):
        await recorded(store, ticket, AddReply(text_id=await stored_text(store, ticket.number)))
    await pool.execute(
        "update events set data = data - 'by_desk' where ticket_number = $1 and type = 'ticket.replied'", broken.number
    )
    await pool.execute("delete from events where ticket_number = $1", headless.number)
    await recorded(store, headless, AddReply(text_id=await stored_text(store, headless.number)))

    await all_folded(reports)

    facts = await stored_facts(pool)
    assert (facts[broken.number].revision, facts[broken.number].desk_replies) == (3, 0)
    assert headless.number not in facts
    assert facts[sound.number]._asdict() == counted_facts(await raw_events(pool, sound.number), terms.calendars)


async def test_how_far_it_is_behind_is_told(pool: Pool, store: TicketStore, reports: ReportLog) -> None:
    assert (await reports.standing()).behind_seconds == 0
    await stored_ticket(store)
    await pool.execute("update events set recorded_at = now() - interval '1 minute'")

    behind = await reports.standing()
    await all_folded(reports)

    assert 60 <= behind.behind_seconds < 100
    assert (await reports.standing()).behind_seconds == 0
