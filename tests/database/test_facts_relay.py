"""The relay keeps facts current by itself, whatever happens to what it calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from database import facts_relay
from database.bell import BELL, Bell
from database.facts_relay import FactsRelay
from database.overview_log import OverviewLog
from database.pool import Pool
from database.report_log import BATCH, ReportLog, ReportStanding
from database.tickets import TicketStore
from tests.database.storing import stored_ticket


class FaultyFigures:
    """Fails at first; then has so many portions of events to fold, one a look."""

    def __init__(self, faults: int = 0, portions: int = 0, portion: int = 1, *, is_rebuilding: bool = False) -> None:
        self.faults = faults
        self.portions = portions
        self.portion = portion
        self.is_rebuilding = is_rebuilding
        self.looks = 0

    async def catch_up(self) -> int:
        self.looks += 1
        if self.faults:
            self.faults -= 1
            raise OSError("the database is away")
        if not self.portions:
            return 0
        self.portions -= 1
        return self.portion

    async def standing(self) -> ReportStanding:
        return ReportStanding(self.is_rebuilding, None, 0.0)


class SilentOverview:
    """Has nothing to tell."""

    async def tell(self) -> int:
        return 0


@asynccontextmanager
async def running(*parts: FactsRelay | Bell) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part.run()) for part in parts]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await check():
            await asyncio.sleep(0.01)


async def test_a_fault_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    figures = FaultyFigures(faults=2, portions=5)
    relay = FactsRelay(figures, SilentOverview())

    async def is_done() -> bool:
        relay.ring()
        return figures.portions == 0

    async with running(relay):
        await until(is_done)

    assert caplog.text.count("the database is away") == 2


@pytest.mark.parametrize(("portion", "is_rebuilding"), [(BATCH, False), (1, True)])
async def test_it_goes_on_at_once_while_there_is_much(
    portion: int, is_rebuilding: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_relay, "SHORTEST_PAUSE_SECONDS", 1000.0)
    figures = FaultyFigures(portions=5, portion=portion, is_rebuilding=is_rebuilding)

    async def is_done() -> bool:
        return figures.portions == 0

    async with running(FactsRelay(figures, SilentOverview())):
        await until(is_done)


async def test_it_waits_for_more_events_where_there_were_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_relay, "SHORTEST_PAUSE_SECONDS", 1000.0)
    figures = FaultyFigures(portions=5, portion=1)
    told = asyncio.Event()

    class Overview:
        async def tell(self) -> int:
            told.set()
            return 0

    async with running(FactsRelay(figures, Overview())):
        async with asyncio.timeout(20):
            await told.wait()
        assert figures.looks == 1


async def test_what_a_ticket_does_is_in_the_facts_soon(pool: Pool, store: TicketStore, desk_dsn: str) -> None:
    relay = FactsRelay(ReportLog(pool), OverviewLog(pool))
    async with running(relay, Bell(desk_dsn, {BELL: relay.ring})):
        ticket = await stored_ticket(store)

        async def is_folded() -> bool:
            return bool(await pool.fetchval("select revision from ticket_facts where number = $1", ticket.number))

        await until(is_folded)


async def test_a_tickets_own_transaction_leaves_the_facts_alone(pool: Pool, store: TicketStore) -> None:
    """They are nobody's work but the relay's."""
    await stored_ticket(store)

    counts = [await pool.fetchval(f"select count(*) from {table}") for table in ("ticket_facts", "ended_spans")]  # noqa: S608
    assert counts == [0, 0]
    triggers = await pool.fetch(
        "select tgname from pg_trigger where not tgisinternal and tgrelid in ('tickets'::regclass, 'events'::regclass)"
    )
    assert [row["tgname"] for row in triggers if "fact" in row["tgname"] or "report" in row["tgname"]] == []
    locks = await pool.fetch(
        "select conname from pg_constraint where contype = 'f' and conrelid = any(array['ticket_facts'::regclass, "
        "'ended_spans'::regclass])"
    )
    assert locks == [], "a foreign key would lock rows of tickets"
