"""Figures of satisfaction: every number is that of a count by hand over the raw events."""

from datetime import timedelta
from itertools import pairwise
from typing import get_args

import pytest

from database.pool import Pool
from database.report_log import ReportLog
from database.reports import Reports
from database.satisfaction_figures import SATISFACTION_FIGURES
from database.tickets import TicketStore
from domain.period import IntervalKind, Period, pieces_of
from domain.report import Dimension, Question, ReportFilter
from domain.ticket import Status, Ticket
from domain.ticket_commands import ChangeStatus, RateTicket
from tests.counted_kept import (
    CountedRow,
    close_to,
    counted_rating,
    counted_resolution,
    rating_values,
    resolution_values,
)
from tests.database.figure_lives import Lives, OfficeTerms, office_calendar, raw_events
from tests.database.storing import state_of
from tests.database.test_escalation_figures import some_wanted
from tests.factories import BY_AGENT, BY_REQUESTER, NOW

STEPS = 150
TICKETS = 20


class RatedLives(Lives):
    """Many are resolved, and rated with any score, now or never, once or again."""

    async def step(self) -> None:
        await super().step()
        self._pass_time(20)
        ticket = await self._let_moments_come(self.chance.choice(self.numbers), self._store)
        change = ChangeStatus(status=self.chance.choice([Status.RESOLVED, Status.RESOLVED, Status.OPEN]))
        await self._do(ticket, change, BY_AGENT, self.now, self._store)

    async def _is_rated(self, ticket: Ticket) -> None:
        await super()._is_rated(ticket)
        if self.chance.random() < 0.9:
            self._pass_time(5)
            rating = RateTicket(score=self.chance.randint(1, 5))
            await self._do(await state_of(self._store, ticket.number), rating, BY_REQUESTER, self.now, self._store)


@pytest.mark.parametrize("seed", range(3))
async def test_figures_are_those_of_a_count_by_hand(pool: Pool, store: TicketStore, seed: int) -> None:
    async with office_calendar(pool) as version:
        terms = OfficeTerms(version)
        lives = RatedLives(store, terms, seed)
        for _ in range(TICKETS):
            await lives.open()
        for _ in range(STEPS):
            await lives.step()
        log = ReportLog(pool)
        while await log.catch_up():
            pass
        histories = [await raw_events(pool, number) for number in lives.numbers]
    ratings = [row for one in histories if (row := counted_rating(one, terms.calendars))]
    resolutions = [row for one in histories if (row := counted_resolution(one, terms.calendars))]
    reports, chance, zone = Reports(pool), lives.chance, "Europe/Berlin"
    whole = Period(NOW - timedelta(days=1), lives.now + timedelta(hours=1))
    edges = sorted(chance.sample([row.at for row in ratings], 3))
    assert {row.told["score"] for row in ratings} >= {1, 5}
    assert {row.told["is_rated"] for row in resolutions} == {True, False}
    groups = [one for one in Dimension if SATISFACTION_FIGURES[0].population.knows(one)]

    for period in [whole, *(Period(*ends) for ends in pairwise(edges) if ends[0] < ends[1])]:
        for wanted in (ReportFilter(), *(some_wanted(lives) for _ in range(3))):
            for group_by in chance.sample(groups, 3):
                pieces = pieces_of(period, chance.choice(get_args(IntervalKind)), zone)

                answer = await reports.ask(
                    SATISFACTION_FIGURES, Question(period, lives.now, wanted, group_by, pieces, zone)
                )

                rated = [row for row in ratings if row.fits(wanted, period)]
                resolved = [row for row in resolutions if row.fits(wanted, period)]
                assert not list(close_to(dict(answer.values), rating_values(rated) | resolution_values(resolved)))
                assert {row.key(group_by, zone) for row in rated} <= {group.key for group in answer.groups}
                for group in answer.groups:
                    by_hand = rating_values(_of(rated, group_by, zone, group.key)) | (
                        {"resolved_and_rated": None, "response_rate": None}
                        if group_by is Dimension.SCORE
                        else resolution_values(_of(resolved, group_by, zone, group.key))
                    )
                    assert not list(close_to(dict(group.values), by_hand)), (group_by, group.key)
                for piece, values in answer.pieces:
                    part = Period(piece.since, piece.until)
                    by_hand = rating_values([row for row in rated if row.fits(wanted, part)]) | resolution_values(
                        [row for row in resolved if row.fits(wanted, part)]
                    )
                    assert not list(close_to(dict(values), by_hand)), piece


def _of(rows: list[CountedRow], group_by: Dimension, zone: str, key: str | None) -> list[CountedRow]:
    return [row for row in rows if row.key(group_by, zone) == key]
