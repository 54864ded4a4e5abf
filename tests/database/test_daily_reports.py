"""Days as they are kept: told anew they say what changed, and facts that are behind are waited for."""

from datetime import timedelta

import pytest

from database.daily_reports import DailyReports
from database.pool import Pool
from database.report_log import FactsBehindError, ReportLog
from database.tickets import TicketStore
from domain.errors import InvalidError
from domain.ticket import Status
from domain.ticket_commands import AddReply, ChangeStatus
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.factories import NOW

DAY = timedelta(days=1)


async def folded(pool: Pool) -> None:
    log = ReportLog(pool)
    while await log.catch_up():
        pass


async def test_a_later_edition_says_which_figures_it_tells_otherwise(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store, at=NOW, team="support")
    ticket = await recorded(store, ticket, AddReply(text_id=await stored_text(store, ticket.number)), at=NOW)
    ticket = await recorded(store, ticket, ChangeStatus(status=Status.RESOLVED), at=NOW)
    await folded(pool)
    kept = DailyReports(pool)

    first = await kept.make(NOW.date(), "UTC", NOW + DAY)
    await recorded(store, ticket, ChangeStatus(status=Status.OPEN), at=NOW + DAY)
    await folded(pool)
    second = await kept.make(NOW.date(), "UTC", NOW + 2 * DAY)

    assert await kept.read(NOW.date()) == second
    assert (first.edition, second.edition) == (1, 2)
    assert first.reports["tickets"].values["resolved"] == 1
    told = [(one.of_team, one.team, one.figure, one.previous, one.value) for one in second.changed]
    assert (False, None, "resolved", 1, 0) in told
    assert (True, "support", "resolved", 1, 0) in told
    assert not {one.figure for one in second.changed} & {"opened", "resolutions", "open", "status_resolved"}
    assert [(one.day, one.edition, one.changed) for one in await kept.list(5)] == [(NOW.date(), 2, len(second.changed))]
    assert await kept.list(5, before=NOW.date()) == []


async def test_nothing_is_told_while_facts_are_behind_or_the_day_goes_on(pool: Pool, store: TicketStore) -> None:
    await stored_ticket(store, at=NOW)
    await ReportLog(pool).rebuild()
    kept = DailyReports(pool)

    with pytest.raises(FactsBehindError):
        await kept.make(NOW.date(), "UTC", NOW + DAY)
    with pytest.raises(InvalidError):
        await kept.make(NOW.date(), "UTC", NOW)

    assert await kept.read(NOW.date()) is None
