"""Figures of escalations: every number is that of a count by hand over the raw events."""

from datetime import timedelta
from itertools import pairwise
from typing import Any, get_args

import pytest

from database.escalation_figures import ESCALATION_FIGURES
from database.pool import Pool
from database.report_log import ReportLog
from database.reports import Reports
from database.tickets import TicketStore
from domain.ids import TicketNumber
from domain.period import IntervalKind, Period, pieces_of
from domain.report import Dimension, Question, ReportFilter
from domain.ticket import Priority, Status
from domain.ticket_commands import AcknowledgeTicket, ChangeStatus, DeescalateTicket, EscalateTicket, TicketCommand
from domain.ticket_facts import Channel
from tests.counted_facts import Told
from tests.counted_kept import (
    CountedRow,
    close_to,
    counted_opening,
    counted_raises,
    escalation_values,
    opened_values,
)
from tests.database.figure_lives import Lives, OfficeTerms, office_calendar, raw_events
from tests.database.storing import state_of
from tests.database.test_tickets_properties import ACTORS
from tests.factories import AGENT, BY_AGENT, NOW, OTHER_AGENT, SUPERVISOR, TEAMS

STEPS = 220
TICKETS = 16
OPENED_ONLY = {"opened_and_escalated", "escalated_share"}


class RaisedLives(Lives):
    """Every other thing that happens is about a ticket's level, or its end. What is new is often raised at once, and
    somebody takes it on before its ladder is at its end."""

    async def open(self, held: TicketStore | None = None) -> TicketNumber:
        number = await super().open(held)
        for command in (EscalateTicket(), AcknowledgeTicket())[: self.chance.randint(0, 2)]:
            self._pass_time(2)
            ticket = await self._let_moments_come(number, self._store)
            await self._do(ticket, command, self.chance.choice(ACTORS), self.now, self._store)
        return number

    async def step(self) -> None:
        if self.chance.random() < 0.5:
            await super().step()
            return
        self._pass_time(20)
        ticket = await self._let_moments_come(self.chance.choice(self.numbers), self._store)
        commands: list[TicketCommand] = [
            EscalateTicket(), EscalateTicket(), EscalateTicket(level=3), DeescalateTicket(),
            ChangeStatus(status=Status.RESOLVED), ChangeStatus(status=Status.OPEN),
        ]  # fmt: skip
        await self._do(ticket, self.chance.choice(commands), self.chance.choice(ACTORS), self.now, self._store)

    async def does(self, number: TicketNumber, command: TicketCommand) -> None:
        await self._do(await state_of(self._store, number), command, BY_AGENT, self.now, self._store)


async def told(pool: Pool, store: TicketStore, seed: int) -> tuple[RaisedLives, list[list[Told]], Any]:
    """Lives that the facts know, with their raw events and the calendars that they ran on."""
    async with office_calendar(pool) as version:
        terms = OfficeTerms(version)
        lives = RaisedLives(store, terms, seed)
        for _ in range(TICKETS):
            await lives.open()
        for _ in range(STEPS):
            await (lives.open() if lives.chance.random() < 0.15 else lives.step())
        log = ReportLog(pool)
        while await log.catch_up():
            pass
        histories = [await raw_events(pool, number) for number in lives.numbers]
    return lives, histories, terms.calendars


def some_wanted(lives: Lives) -> ReportFilter:
    chance = lives.chance

    def some(values: Any) -> list[Any]:
        known = list(values)
        return chance.sample(known, chance.randint(1, len(known))) if chance.random() < 0.3 else []

    return ReportFilter(
        team=some(TEAMS),
        priority=some(Priority),
        category=some(["general", "technical"]),
        channel=some(get_args(Channel)),
        agent=some([AGENT, OTHER_AGENT, SUPERVISOR]),
        no_agent=chance.random() < 0.2,
        within=frozenset(some(TEAMS)) or None,
    )


def values_of(changes: list[CountedRow], openings: list[CountedRow], *, knows: bool, knows_level: bool) -> Any:
    """The figures by hand. `knows`: openings know what is asked; `knows_level`: `escalated_share` does too."""
    of_opening = opened_values(openings)
    if not knows:
        of_opening = dict.fromkeys(of_opening)
    elif not knows_level:
        of_opening["escalated_share"] = None
    return escalation_values(changes) | of_opening


@pytest.mark.parametrize("seed", range(3))
async def test_figures_are_those_of_a_count_by_hand(pool: Pool, store: TicketStore, seed: int) -> None:
    lives, histories, calendars = await told(pool, store, seed)
    changes = [row for history in histories for row in counted_raises(history)]
    openings = [counted_opening(history, calendars) for history in histories]
    reports, chance = Reports(pool), lives.chance
    whole = Period(NOW - timedelta(days=1), lives.now + timedelta(hours=1))
    edges = sorted(chance.sample([row.at for row in changes], 4))
    assert {row.told["by"] for row in changes} >= {"timer", "person"}
    assert any(row.told["acknowledgement"] for row in changes)
    groups = [one for one in Dimension if ESCALATION_FIGURES[0].population.knows(one)]

    for period in [whole, whole, *(Period(*ends) for ends in pairwise(edges) if ends[0] < ends[1])]:
        for wanted in (ReportFilter(), *(some_wanted(lives) for _ in range(3))):
            group_by = chance.choice(groups)
            pieces = pieces_of(period, chance.choice(get_args(IntervalKind)), "Europe/Berlin")
            question = Question(period, lives.now, wanted, group_by, pieces, "Europe/Berlin")

            answer = await reports.ask(ESCALATION_FIGURES, question)

            knows = not (wanted.agent or wanted.no_agent)
            ours = [row for row in changes if row.fits(wanted, period)]
            opened = [row for row in openings if knows and row.fits(wanted, period)]
            by_hand = values_of(ours, opened, knows=knows, knows_level=True)
            assert not list(close_to(dict(answer.values), by_hand)), question
            keys = {row.key(group_by, question.zone) for row in ours}
            knows_group = knows and group_by is not Dimension.AGENT
            assert keys <= {group.key for group in answer.groups}
            for group in answer.groups:
                by_hand = values_of(
                    [row for row in ours if row.key(group_by, question.zone) == group.key],
                    [row for row in opened if knows_group and row.key(group_by, question.zone) == group.key],
                    knows=knows_group,
                    knows_level=group_by is not Dimension.LEVEL,
                )
                assert not list(close_to(dict(group.values), by_hand)), (question, group.key)
            for piece, values in answer.pieces:
                part = Period(piece.since, piece.until)
                by_hand = values_of(
                    [row for row in ours if row.fits(wanted, part)],
                    [row for row in opened if row.fits(wanted, part)],
                    knows=knows,
                    knows_level=True,
                )
                assert not list(close_to(dict(values), by_hand)), (question, piece)


async def test_a_raise_counts_only_once_the_facts_know_it(pool: Pool, store: TicketStore) -> None:
    """Its place would be that of before."""
    lives, *_ = await told(pool, store, 9)
    number = lives.numbers[0]
    question = Question(Period(NOW - timedelta(days=1), lives.now + timedelta(days=9)), lives.now)
    reports, log = Reports(pool), ReportLog(pool)
    before = (await reports.ask(ESCALATION_FIGURES, question)).values["escalations"]
    for command in (ChangeStatus(status=Status.OPEN), DeescalateTicket(), EscalateTicket()):
        await lives.does(number, command)

    unknown = (await reports.ask(ESCALATION_FIGURES, question)).values["escalations"]
    while await log.catch_up():
        pass
    known = (await reports.ask(ESCALATION_FIGURES, question)).values["escalations"]

    assert (unknown, known) == (before, int(before or 0) + 1)  # type: ignore[arg-type]
