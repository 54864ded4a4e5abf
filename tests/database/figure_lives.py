"""Many tickets that live beside each other, stored as the worker stores them, in transactions that overlap."""

import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import asyncpg
from temporalio.exceptions import ApplicationError

from activities.tickets import TicketActivities
from database.pool import Connection, Pool
from database.tickets import TicketStore
from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar
from domain.errors import DomainError
from domain.ids import PersonId, TicketNumber
from domain.lifecycle import opened
from domain.people import INTEGRATION, TIMER, Actor
from domain.sla_clock import TicketSla
from domain.sla_keeping import begin
from domain.sla_ladder import Ladder, LadderStep, RaiseLevel, RaisePriority
from domain.sla_policy import Conditions, Goal, Goals, SlaPolicy, Terms
from domain.ticket import Priority, Slug, Status, Ticket
from domain.ticket_commands import AddReply, AssignTicket, ChangeStatus, EditTicket, RateTicket, TicketCommand
from domain.ticket_events import TICKET_EVENT, TicketOpened
from domain.ticket_rules import decide
from domain.ticket_timers import pending_moments
from tests.counted_facts import OFFICE, Told
from tests.database.storing import state_of, stored_text
from tests.database.test_tickets_properties import ACTORS, PEOPLE, some_command
from tests.factories import BY_AGENT, BY_REQUESTER, NOW, REQUESTER, envelope, opening_change, wording
from tests.workflows.records import NoRollouts, NoSeniors

RATED_SHARE = 0.5
OPENERS: tuple[Actor, ...] = (BY_REQUESTER, BY_REQUESTER, BY_AGENT, INTEGRATION)
_GOALS = Goals(
    first_response=Goal(minutes=60), next_response=Goal(minutes=120, time="wall"), resolution=Goal(minutes=600)
)
_STEPS = (
    LadderStep(after_minutes=90, actions=(RaiseLevel(level=1),)),
    LadderStep(after_minutes=300, actions=(RaiseLevel(level=2), RaisePriority(priority="urgent"))),
)
_POLICY = SlaPolicy(
    goals=dict.fromkeys(Priority, _GOALS),
    ladders=dict.fromkeys(Priority, Ladder(target="resolution", steps=_STEPS)),
)


@asynccontextmanager
async def office_calendar(pool: Pool) -> AsyncIterator[int]:
    """The version under which the database keeps the office's calendar, as long as the block lasts."""
    calendar = await pool.fetchval("insert into sla_calendars (name) values ('Office') returning id")
    version: int = await pool.fetchval(
        "insert into sla_calendar_versions (calendar_id, version, calendar) values ($1, 1, $2) returning id",
        calendar,
        OFFICE.model_dump_json(),
    )
    yield version
    await pool.execute("delete from sla_clocks where calendar_version = $1", version)
    await pool.execute("delete from sla_calendar_versions where id = $1", version)
    await pool.execute("delete from sla_calendars where id = $1", calendar)


class OfficeTerms:
    """A desk with office hours; team `network` works around the clock, and nobody promises team `billing` anything."""

    zone_data = "test"

    def __init__(self, office: int) -> None:
        network, support = (
            _POLICY.model_copy(update={"conditions": Conditions(teams=(team,))}) for team in ("network", "support")
        )
        self._terms = {
            1: Terms(1, 1, network, 1, ALWAYS_OPEN, "test"),
            2: Terms(2, 2, support, office, OFFICE, "test"),
        }
        self.calendars = {1: ALWAYS_OPEN, office: OFFICE}

    async def offer_to(self, requester: PersonId) -> tuple[Slug, tuple[Terms, ...]]:
        return "standard", tuple(self._terms.values())

    async def terms_of(self, sla: TicketSla | None) -> Terms | None:
        return None if sla is None or sla.policy_version is None else self._terms[sla.policy_version]

    async def terms_at(self, policy_version: int | None, calendar_version: int | None) -> Terms | None:
        return None if policy_version is None else self._terms[policy_version]

    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]:
        return self.calendars.__getitem__


class HeldPool:
    """A pool of one connection that is in the middle of a transaction: what is stored through it commits late."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        yield self._connection

    async def fetchrow(self, *args: Any) -> Any:
        return await self._connection.fetchrow(*args)

    async def fetchval(self, *args: Any) -> Any:
        return await self._connection.fetchval(*args)

    async def execute(self, *args: Any) -> Any:
        return await self._connection.execute(*args)


@asynccontextmanager
async def held_store(dsn: str) -> AsyncIterator[TicketStore]:
    """A store whose changes commit at the end of the block."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            yield TicketStore(cast(Pool, HeldPool(connection)))
    finally:
        await connection.close()


class Lives:
    """Leads tickets through random lives. All chance comes from one seed."""

    def __init__(self, store: TicketStore, terms: OfficeTerms, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311  nothing secret
        self.now = NOW
        self.numbers: list[TicketNumber] = []
        self._store = store
        self._terms = terms

    async def open(self, held: TicketStore | None = None) -> TicketNumber:
        """A ticket more; one of a transaction that is held open is for `step_held` alone, until somebody adds it to
        `numbers`."""
        chance, store = self.chance, held or self._store
        self._pass_time(2)
        change = opening_change(
            await self._store.next_number(),
            at=self.now,
            team=chance.choice([None, "support", "support", "network", "billing"]),
            category=chance.choice(["general", "technical"]),
            priority=chance.choice(list(Priority)),
        )
        event = change.events[0]
        assert isinstance(event, TicketOpened)
        ticket = opened(change.number, event, self.now)
        _, offered = await self._terms.offer_to(REQUESTER)
        fits = next((one for one in offered if one.policy.conditions.fit(ticket, "standard")), None)
        sla = begin(ticket, fits, "test")
        actor = chance.choice(OPENERS)
        change = change.model_copy(update={"actor": actor, "events": (event.model_copy(update={"sla": sla}),)})
        await store.open(change, wording(change))
        self.numbers += [] if held else [change.number]
        return change.number

    async def step(self) -> None:
        """Something happens to some ticket that is committed, or nothing when it is refused."""
        self._pass_time(20)
        ticket = await self._let_moments_come(self.chance.choice(self.numbers), self._store)
        command = await some_command(self._store, ticket, self.chance)
        await self._do(ticket, command, self.chance.choice([*ACTORS, INTEGRATION]), self.now, self._store)
        after = await state_of(self._store, ticket.number)
        if after.is_finished and self.chance.random() < RATED_SHARE:
            await self._is_rated(after)

    async def _is_rated(self, ticket: Ticket) -> None:
        """Its requester rates it, some of them after it went on to others."""
        onward: list[TicketCommand] = [
            EditTicket(team=self.chance.choice(["support", "network", "billing"])),
            AssignTicket(assignee_id=self.chance.choice(PEOPLE)),
        ]
        for command in (*self.chance.sample(onward, self.chance.randint(0, 2)), RateTicket(score=5)):
            ticket = await state_of(self._store, ticket.number)
            await self._do(ticket, command, BY_REQUESTER, self.now, self._store)

    async def step_held(self, number: TicketNumber, store: TicketStore) -> None:
        """The same for a ticket of a transaction that is held open; nothing that locks others out."""
        self._pass_time(20)
        ticket = await self._let_moments_come(number, store)
        commands: list[TicketCommand] = [
            AddReply(text_id=await stored_text(store, number)),
            EditTicket(priority=self.chance.choice(list(Priority))),
            ChangeStatus(status=self.chance.choice(list(Status))),
        ]
        await self._do(ticket, self.chance.choice(commands), BY_AGENT, self.now, store)

    async def _let_moments_come(self, number: TicketNumber, store: TicketStore) -> Ticket:
        """The ticket's timers ring, each at its moment, until now."""
        ticket = await state_of(store, number)
        while moment := next((one for one in pending_moments(ticket) if one.command and one.at <= self.now), None):
            assert moment.command is not None
            await self._do(ticket, moment.command, TIMER, max(moment.at, ticket.updated_at), store)
            ticket = await state_of(store, number)
        return ticket

    async def _do(self, ticket: Ticket, command: TicketCommand, actor: Actor, at: datetime, store: TicketStore) -> None:
        activities = TicketActivities(store, self._terms, NoSeniors(), NoRollouts())
        try:
            change = decide(ticket, envelope(command, actor=actor), max(at, ticket.updated_at))
            if change.events:
                record = activities.escalate if command.type == "climb_ladder" else activities.record
                await record(change, ticket)
        except (DomainError, ApplicationError):
            return  # nothing was stored

    def _pass_time(self, hours: int) -> None:
        """Sometimes none at all."""
        minutes = self.chance.choice([0, self.chance.randint(0, 60 * hours)])
        self.now += timedelta(minutes=minutes, microseconds=self.chance.choice([0, 0, self.chance.randint(1, 999_999)]))


async def raw_events(pool: Pool, number: TicketNumber) -> list[Told]:
    """A ticket's events as they are stored."""
    rows = await pool.fetch(
        "select revision, at, actor_kind, actor_id, actor_role, data from events where ticket_number = $1 "
        "order by revision",
        number,
    )
    return [
        Told(
            number,
            row["revision"],
            row["at"],
            Actor(kind=row["actor_kind"], id=row["actor_id"], role=row["actor_role"]),
            TICKET_EVENT.validate_json(row["data"]),
        )
        for row in rows
    ]
