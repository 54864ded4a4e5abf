"""What the stream tells of teams' counts, put on top of what an overview showed, is what the next overview shows."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest

from database.events import EventLog, StreamCursor
from database.overview import Overviews
from database.overview_log import OverviewLog
from database.pool import Pool
from database.report_log import FACTS_LOCK, ReportLog
from database.reports import Reports
from database.tickets import TicketStore
from domain.period import Period
from domain.queue_counts import QueueCounts
from domain.report import Question
from domain.ticket import Slug, Status
from domain.ticket_commands import AddReply, ChangeStatus, ClaimTicket, EditTicket
from tests.counted_queue import QUEUE_RULES, life_of, standing
from tests.database.figure_lives import Lives, OfficeTerms, office_calendar, raw_events
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.factories import NOW

AT_ONCE = 0.0
ANY = Question(Period(NOW, NOW + timedelta(days=1)), NOW)


@pytest.fixture
async def terms(pool: Pool) -> AsyncIterator[OfficeTerms]:
    async with office_calendar(pool) as version:
        yield OfficeTerms(version)


@pytest.fixture
def overviews(pool: Pool) -> Overviews:
    return Overviews(Reports(pool), ReportLog(pool))


async def told(pool: Pool, after: StreamCursor | None = None) -> list[QueueCounts]:
    """What the stream told, in its order."""
    events, place = list[QueueCounts](), after or StreamCursor(1, 0, 0)
    while page := await EventLog(pool).after(place):
        place = page[-1].cursor
        events += [QueueCounts.model_validate_json(one.data) for one in page if one.type == "overview.changed"]
    return events


async def folded(pool: Pool) -> None:
    log = ReportLog(pool)
    while await log.catch_up():
        pass


class Client(NamedTuple):
    """Somebody who read the overview once, and listens from then on."""

    counts: dict[Slug | None, QueueCounts]
    cursor: StreamCursor

    @classmethod
    async def reads(cls, overviews: Overviews) -> "Client":
        overview = await overviews.read(ANY)
        assert overview.stream_cursor is not None
        return cls({one.team: one for one in overview.teams}, overview.stream_cursor)

    async def listens(self, pool: Pool) -> dict[Slug | None, QueueCounts]:
        for one in await told(pool, self.cursor):
            known = self.counts.get(one.team)
            if known is None or one.revision > known.revision:
                self.counts[one.team] = one
        return self.counts


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_reads_and_then_listens_knows_what_a_new_read_shows(
    pool: Pool, store: TicketStore, terms: OfficeTerms, overviews: Overviews, seed: int
) -> None:
    lives, clients = Lives(store, terms, seed), list[Client]()
    chance = lives.chance

    async def worker() -> None:
        """One of two that fold and tell as they like."""
        log, overview = ReportLog(pool), OverviewLog(pool, AT_ONCE)
        while len(lives.numbers) < 30:
            await log.catch_up(chance.randint(1, 20))
            if chance.random() < 0.3:
                await overview.tell()

    async def desk() -> None:
        for _ in range(30):
            await lives.open()
            for _ in range(chance.randint(1, 8)):
                await lives.step()
            clients.append(await Client.reads(overviews))

    await asyncio.gather(desk(), worker(), worker())
    await folded(pool)
    await OverviewLog(pool, AT_ONCE).tell()

    fresh = (await overviews.read(ANY)).teams
    events = await told(pool)
    last = {one.team: one for one in events}
    assert len(events) > 10
    for team in last:
        revisions = [one.revision for one in events if one.team == team]
        assert revisions == sorted(set(revisions)), "they rise"
    assert {one.team: one for one in fresh} == last
    for client in clients:
        assert await client.listens(pool) == last
    lived = [life_of(await raw_events(pool, number), terms.calendars) for number in lives.numbers]
    for one in fresh:
        tickets = [it for it in standing(lived, lives.now) if it.ticket.team == one.team]
        counts = one.model_dump(exclude={"team", "revision"})
        assert counts == {name: sum(QUEUE_RULES[name](it.ticket, it.age) for it in tickets) for name in counts}


async def test_what_changes_no_count_is_not_told(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store, team="support")
    await folded(pool)
    log = OverviewLog(pool, AT_ONCE)

    first = await log.tell()
    ticket = await recorded(store, ticket, AddReply(text_id=await stored_text(store, ticket.number), internal=True))
    await folded(pool)

    assert (first, await log.tell()) == (1, 0)
    (event,) = await told(pool)
    assert (event.team, event.open, event.waiting, event.unassigned, event.status_new) == ("support", 1, 1, 1, 1)


async def test_who_gets_an_owner_waits_no_more(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store, team="support")
    await folded(pool)
    log = OverviewLog(pool, AT_ONCE)
    await log.tell()

    await recorded(store, ticket, ClaimTicket())
    await folded(pool)
    await log.tell()

    assert [(one.open, one.waiting, one.unassigned) for one in await told(pool)] == [(1, 1, 1), (1, 0, 0)]


async def test_a_move_is_told_of_both_teams_and_a_closed_ticket_counts_nowhere(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store, team="support")
    await folded(pool)
    log = OverviewLog(pool, AT_ONCE)
    await log.tell()

    ticket = await recorded(store, ticket, EditTicket(clear=("team",)))
    await folded(pool)
    moved = await log.tell()
    for status in (Status.RESOLVED, Status.CLOSED):
        ticket = await recorded(store, ticket, ChangeStatus(status=status))
    await folded(pool)
    await log.tell()

    assert moved == 2
    assert [(one.team, one.open) for one in await told(pool)] == [("support", 1), ("support", 0), (None, 1), (None, 0)]


async def test_it_is_told_once_in_a_while_and_then_as_it_stands(pool: Pool, store: TicketStore) -> None:
    rarely = OverviewLog(pool, 3600)
    for _ in range(3):
        await stored_ticket(store, team="support")
        await folded(pool)
        await rarely.tell()
    before = await told(pool)

    await OverviewLog(pool, AT_ONCE).tell()

    assert [one.open for one in before] == [1]
    assert [one.open for one in await told(pool)] == [1, 3]


async def test_what_was_not_told_before_a_crash_is_told_after_it(pool: Pool, store: TicketStore) -> None:
    """Facts and revisions are one transaction; who folded them has told nobody."""
    await stored_ticket(store, team="support")
    await folded(pool)

    assert await told(pool) == []
    assert await OverviewLog(pool).tell() == 1
    assert await OverviewLog(pool).tell() == 0


async def test_who_folds_is_not_disturbed_and_tells_later(pool: Pool, store: TicketStore) -> None:
    await stored_ticket(store, team="support")
    await folded(pool)

    async with pool.acquire() as folding, folding.transaction():
        await folding.execute("select pg_advisory_xact_lock($1)", FACTS_LOCK)
        meanwhile = await OverviewLog(pool, AT_ONCE).tell()

    assert (meanwhile, await OverviewLog(pool, AT_ONCE).tell()) == (0, 1)


async def test_a_rebuild_tells_of_what_it_corrects_and_of_nothing_else(pool: Pool, store: TicketStore) -> None:
    wrong = await stored_ticket(store, team="support")
    await stored_ticket(store, team="billing")
    await folded(pool)
    log = OverviewLog(pool, AT_ONCE)
    await log.tell()
    await pool.execute("update ticket_facts set status = 'closed' where number = $1", wrong.number)

    await ReportLog(pool).rebuild()
    await folded(pool)
    corrected = await log.tell()

    assert corrected == 1
    last = (await told(pool))[-1]
    assert (last.team, last.open) == ("support", 1)


async def test_no_revision_comes_again_when_a_crash_took_the_last_ones(pool: Pool, store: TicketStore) -> None:
    await stored_ticket(store, team="support")
    await folded(pool)
    seen = await pool.fetchval("select revision from queue_revisions")
    await pool.execute("update queue_revisions set revision = 7, told_revision = 6")  # as if restored from long ago

    await stored_ticket(store, team="support")
    await folded(pool)

    assert await pool.fetchval("select revision from queue_revisions") > seen


async def test_the_event_is_of_the_queue_and_for_the_desk_alone(pool: Pool, store: TicketStore) -> None:
    await stored_ticket(store, team=None)
    await folded(pool)
    await OverviewLog(pool).tell()

    row = await pool.fetchrow("select * from events where type = 'overview.changed'")

    assert row is not None
    assert (row["topic"], row["internal"], row["ticket_number"]) == ("queue", True, None)
    assert json.loads(row["data"])["team"] is None
