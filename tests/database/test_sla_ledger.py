"""Whatever happened to a ticket, its clocks counted anew from its events are those that are stored."""

import random
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from temporalio.testing import ActivityEnvironment

from activities.tickets import TicketActivities
from database.events import EventLog
from database.pool import Pool, open_pool
from database.shifts import ShiftStore
from database.sla_rollouts import RolloutStore
from database.sla_terms import SlaTermsStore
from database.staff import StaffStore
from database.tickets import TicketStore
from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, Span
from domain.errors import DomainError
from domain.lifecycle import opened
from domain.people import INTEGRATION, TIMER, Actor
from domain.sla_counting import used_by
from domain.sla_keeping import begin
from domain.sla_ladder import Ladder, LadderStep, RaiseLevel, RaisePriority
from domain.sla_ledger import ClockLedger, Ledger, calendar_versions, ledger, policy_versions
from domain.sla_policy import Conditions, Goal, Goals, Pauses, SlaPolicy, first_match
from domain.sla_recount import Recount, Versions, recounted, terms_wanted
from domain.sla_sentences import clock_sentence, ticket_sentence
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import (
    AcknowledgeTicket,
    AddReply,
    AdvanceMoment,
    CancelMoment,
    ChangeStatus,
    EditTicket,
    TakeBackTerms,
    TakeTerms,
    TicketCommand,
)
from domain.ticket_events import TicketLadderClimbed, TicketOpened
from domain.ticket_rules import decide
from domain.ticket_timers import pending_moments
from tests.database.storing import state_of, stored_text
from tests.factories import BY_AGENT, BY_REQUESTER, NOW, envelope, opening_change, store_desk, wording

STEPS = 60
DAY_SHIFT, NIGHT_SHIFT = Span(since=9 * 60, until=17 * 60 + 30), Span(since=22 * 60, until=6 * 60)
CALENDARS = {
    "Office": BusinessCalendar(zone="Europe/Berlin", week=((DAY_SHIFT,),) * 5 + ((), ())),
    "Night": BusinessCalendar(zone="America/New_York", week=((NIGHT_SHIFT,),) * 7),
    "Always": ALWAYS_OPEN,
}


def goals(first: int, following: int, end: int, *, time: Any = "business") -> Goals:
    answer, wait = Goal(minutes=first, time=time), Goal(minutes=following, time=time)
    return Goals(first_response=answer, next_response=wait, resolution=Goal(minutes=end, time=time))


EVERY = {
    Priority.LOW: goals(480, 480, 2880),
    Priority.NORMAL: goals(240, 120, 1440),
    Priority.HIGH: goals(120, 60, 600),
    Priority.URGENT: goals(30, 30, 240, time="wall"),
}
LADDER = Ladder(
    steps=(
        LadderStep(after_minutes=45, since="start", actions=(RaiseLevel(level=1), RaisePriority(priority="high"))),
        LadderStep(after_minutes=60, since="last_step", time="wall", actions=(RaisePriority(priority="urgent"),)),
    ),
    repeats=2,
)
POLICIES: dict[str, tuple[str, SlaPolicy]] = {
    "Tighter": (
        "Night",
        SlaPolicy(conditions=Conditions(tags=("vip",)), goals=EVERY, carry="tighter_wins", warnings=(10, 90)),
    ),
    "Restarting": (
        "Office",
        SlaPolicy(
            conditions=Conditions(categories=("billing",)),
            goals=EVERY,
            team_goals=EVERY,
            carry="restart",
            pauses=Pauses(first_response=(Status.PENDING,), next_response=(Status.ON_HOLD,), resolution=()),
        ),
    ),
    "Teams": (
        "Always",
        SlaPolicy(conditions=Conditions(teams=("network",)), goals={Priority.LOW: goals(60, 30, 90)}, team_goals=EVERY),
    ),
    "Usual": (
        "Office",
        SlaPolicy(
            conditions=Conditions(priorities=(Priority.LOW, Priority.NORMAL, Priority.HIGH)),
            goals=EVERY,
            team_goals=EVERY,
            ladders={Priority.NORMAL: LADDER, Priority.LOW: LADDER},
            pauses=Pauses(first_response=(Status.ON_HOLD,), resolution=(Status.PENDING, Status.ON_HOLD)),
        ),
    ),
}
"""From the top. Nothing fits an urgent ticket without further signs."""


class SlaDesk(NamedTuple):
    """A database with these policies, and the activities that the workflows use."""

    taken_over: list[int]
    """The rollouts that the ticket took the terms of."""
    pool: Pool
    store: TicketStore
    terms: SlaTermsStore
    activities: TicketActivities

    async def opened(self, at: datetime = NOW, **changes: Any) -> Ticket:
        """A ticket with its clocks, as the API opens it."""
        made = opening_change(await self.store.next_number(), at=at, **changes)
        event = made.events[0]
        assert isinstance(event, TicketOpened)
        offer = await self.terms.offer_to(event.requester_id)
        ticket = opened(made.number, event, at)
        sla = begin(ticket, first_match(offer.terms, ticket, offer.tier), self.terms.zone_data)
        made = made.model_copy(update={"events": (event.model_copy(update={"sla": sla}),)})
        await self.store.open(made, wording(made))
        return await state_of(self.store, made.number)

    async def does(self, ticket: Ticket, command: TicketCommand, at: datetime, by: Actor = BY_AGENT) -> Ticket:
        """The ticket after the command, and after all that was due before it."""
        while (moment := next(iter(pending_moments(ticket)), None)) and moment.at < at and moment.command:
            due = max(moment.at, ticket.updated_at)
            after = await self._recorded(ticket, moment.command, due, TIMER)
            assert after.revision > ticket.revision, f"{moment.kind} had no effect"
            ticket = after
        return await self._recorded(ticket, command, at, by)

    async def _recorded(self, ticket: Ticket, command: TicketCommand, at: datetime, by: Actor) -> Ticket:
        change = decide(ticket, envelope(command, actor=by), at)
        if change.events:
            climbs = isinstance(change.events[0], TicketLadderClimbed)
            activity = self.activities.escalate if climbs else self.activities.record
            await ActivityEnvironment().run(activity, change, ticket)
        after = await state_of(self.store, ticket.number)
        if isinstance(command, TakeTerms) and after.revision > ticket.revision:
            self.taken_over.append(command.rollout_id)
        return after

    async def taken(self, ticket: Ticket) -> TakeTerms:
        """The newest version of some policy, by the next rollout."""
        row = await self.pool.fetchrow(
            "select pv.id as policy_version, cv.id as calendar_version from sla_policy_versions pv "
            "join sla_policies p on p.id = pv.policy_id and not p.is_deleted "
            "join sla_calendar_versions cv on cv.calendar_id = pv.calendar_id order by (pv.id + $1) % 5 limit 1",
            ticket.revision,
        )
        assert row is not None
        return TakeTerms(rollout_id=len(self.taken_over) + 1, **row, moves_ladder=False)

    async def publish(self, name: str, policy: SlaPolicy) -> None:
        """A newer version of a policy."""
        await self.pool.execute(
            "insert into sla_policy_versions (policy_id, version, calendar_id, policy) "
            "select p.id, max(v.version) + 1, max(v.calendar_id), $2 "
            "from sla_policies p join sla_policy_versions v on v.policy_id = p.id where p.name = $1 group by p.id",
            name,
            policy.model_dump_json(),
        )
        await self.pool.execute("update sla_edition set number = number + 1")

    async def recount(self, ticket: Ticket) -> Recount:
        """Counted anew, with what a process knows that has just begun."""
        past = await EventLog(self.pool).changes(ticket.number)
        terms = SlaTermsStore(self.pool)
        known = {versions: await terms.terms_of(sla) for versions, sla in terms_wanted(past).items()}
        stored = await state_of(self.store, ticket.number)
        return recounted(ticket.number, past, {key: one for key, one in known.items() if one}, stored.sla)

    async def ledger(self, ticket: Ticket, now: datetime) -> Ledger:
        past = await EventLog(self.pool).changes(ticket.number)
        return ledger(past, await self.terms.calendars_by(calendar_versions(past)), now)


@pytest.fixture
async def desk(database_dsn: str) -> AsyncIterator[SlaDesk]:
    pool = await open_pool(database_dsn, size=4)
    await store_desk(pool)
    await pool.execute("update sla_policies set is_deleted = true")
    ids = {name: await _calendar(pool, name, calendar) for name, calendar in CALENDARS.items()}
    for place, (name, (calendar, policy)) in enumerate(POLICIES.items(), start=1):
        await pool.execute(
            "with made as (insert into sla_policies (name, place) values ($1, $2) returning id) "
            "insert into sla_policy_versions (policy_id, version, calendar_id, policy) select id, 1, $3, $4 from made",
            name,
            place,
            ids[calendar],
            policy.model_dump_json(),
        )
    store, terms, rollouts = TicketStore(pool), SlaTermsStore(pool), RolloutStore(pool)
    yield SlaDesk([], pool, store, terms, TicketActivities(store, terms, StaffStore(pool, ShiftStore(pool)), rollouts))
    await pool.close()


async def _calendar(pool: Pool, name: str, calendar: BusinessCalendar) -> int:
    id: int = await pool.fetchval(
        "with made as (insert into sla_calendars (name) values ($1) returning id) "
        "insert into sla_calendar_versions (calendar_id, version, calendar) select id, 1, $2 from made "
        "returning calendar_id",
        name,
        calendar.model_dump_json(),
    )
    return id


async def some_command(desk: SlaDesk, ticket: Ticket, chance: random.Random) -> tuple[TicketCommand, Actor]:
    text = await stored_text(desk.store, ticket.number)
    commands: list[tuple[TicketCommand, Actor]] = [
        (AddReply(text_id=text), BY_AGENT),
        (AddReply(text_id=text), BY_REQUESTER),
        (AddReply(text_id=text), BY_REQUESTER),
        (ChangeStatus(status=chance.choice(list(Status))), BY_AGENT),
        (ChangeStatus(status=chance.choice([Status.OPEN, Status.PENDING, Status.ON_HOLD])), BY_AGENT),
        (EditTicket(priority=chance.choice(list(Priority))), BY_AGENT),
        (EditTicket(category=chance.choice(["general", "billing"])), BY_AGENT),
        (EditTicket(tags=chance.choice([(), ("vip",)])), BY_AGENT),
        (EditTicket(team=chance.choice(["support", "billing", "network"])), BY_AGENT),
        (EditTicket(priority=chance.choice(list(Priority)), team="network", tags=("vip",)), BY_AGENT),
        (EditTicket(clear=("team",)), BY_AGENT),
        (AcknowledgeTicket(), BY_AGENT),
        (await desk.taken(ticket), INTEGRATION),
        *[(TakeBackTerms(rollout_id=one), INTEGRATION) for one in desk.taken_over[-1:]],
    ]
    for pending in pending_moments(ticket)[:1]:
        commands += [(CancelMoment(moment=pending.id), BY_AGENT), (AdvanceMoment(moment=pending.id), BY_AGENT)]
    return chance.choice(commands)


async def lived(desk: SlaDesk, seed: int) -> tuple[Ticket, datetime]:
    """A ticket after many things, and the moment of the last one."""
    chance = random.Random(seed)  # noqa: S311  nothing secret
    ticket = await desk.opened(team="support", priority=chance.choice(list(Priority)))
    now = NOW
    for step in range(STEPS):
        now += timedelta(minutes=chance.choice([0, 1, 7, 45, 200, 1000]), microseconds=chance.randint(0, 999_999))
        if step == STEPS // 2:
            await desk.publish("Usual", POLICIES["Restarting"][1].model_copy(update={"conditions": Conditions()}))
        command, by = await some_command(desk, ticket, chance)
        try:
            ticket = await desk.does(ticket, command, now, by)
        except DomainError:
            ticket = await state_of(desk.store, ticket.number)
    return ticket, now


@pytest.mark.parametrize("seed", [*range(6), 105, 111])
async def test_what_is_stored_is_what_the_events_come_to(desk: SlaDesk, seed: int) -> None:
    ticket, now = await lived(desk, seed)

    recount = await desk.recount(ticket)

    assert recount.differences == ()
    assert recount.sla is not None
    assert ticket.sla is not None
    assert recount.sla.clocks == ticket.sla.clocks
    told = await desk.ledger(ticket, now + timedelta(hours=5))
    assert len(told.clocks) >= 5, "the life was too dull to prove anything"
    assert len({versions for versions, _ in terms_of(told)}) > 1


@pytest.mark.parametrize("seed", range(8, 12))
async def test_the_entries_tile_each_clocks_life_and_add_up(desk: SlaDesk, seed: int) -> None:
    ticket, now = await lived(desk, seed)
    now += timedelta(days=3)

    told = await desk.ledger(ticket, now)

    past = await EventLog(desk.pool).changes(ticket.number)
    calendars = await desk.terms.calendars_by(calendar_versions(past))
    names = await desk.terms.names_of(policy_versions(past), calendar_versions(past))
    assert ticket_sentence(told, names).startswith(("This ticket runs on policy ", "No SLA policy fits this ticket"))
    for page in told.clocks:
        assert_tiled(page, now)
        assert page.used == (used_by(page.clock, now, calendars) if page.clock.is_open else page.clock.used)
        assert clock_sentence(page, told, calendars, names).endswith(".")
    latest = {(page.clock.audience, page.clock.target): page.clock for page in told.clocks}
    assert ticket.sla is not None
    assert set(latest.values()) == set(ticket.sla.clocks)


CHANGES_OF_TERMS = ("another policy fits", "the former terms were taken back", "the former terms hold again")
"""Under the rule `restart` they forget what was used, and an undo brings it back."""


def assert_tiled(page: ClockLedger, now: datetime) -> None:
    moment, used = page.clock.started_at, timedelta()
    for entry in page.entries:
        assert entry.since == moment
        assert entry.since < entry.until
        assert entry.counted == (entry.until - entry.since if entry.kind == "running" else timedelta())
        if entry.why not in CHANGES_OF_TERMS and not entry.why.startswith("priority became"):
            assert entry.used == used + entry.counted
        moment, used = entry.until, entry.used
    assert moment == (page.clock.ended_at or now)
    assert used == page.used


def terms_of(told: Ledger) -> list[tuple[Versions, str]]:
    return [
        (Versions(entry.policy_version, entry.calendar_version), entry.kind)
        for page in told.clocks
        for entry in page.entries
    ]


async def test_a_ticket_that_no_policy_fits_agrees_too(desk: SlaDesk) -> None:
    ticket = await desk.opened(priority=Priority.URGENT)

    ticket = await desk.does(ticket, ChangeStatus(status=Status.RESOLVED), NOW + timedelta(hours=1))

    assert (await desk.recount(ticket)).differences == ()
    told = await desk.ledger(ticket, NOW + timedelta(hours=2))
    assert (told.clocks, ticket_sentence(told, None)) == (
        (),
        "No SLA policy fits this ticket, so it has no clock.",
    )


ROW = "update tickets set sla = jsonb_set(sla::jsonb, '{clocks,0,used}', '\"PT1S\"') where number = $1"
SEGMENT = (
    "update events set data = jsonb_set(data, '{segments,0,used}', '\"PT1S\"') "
    "where ticket_number = $1 and type = 'ticket.sla_changed' and data #>> '{segments,0,target}' is not null"
)
TOLD = (
    "update events set data = jsonb_set(data, '{sla,clocks,1,why}', '\"no idea\"') "
    "where ticket_number = $1 and type = 'ticket.sla_changed'"
)


@pytest.mark.parametrize(
    ("falsify", "words"),
    [
        (ROW, ["the ticket: first response: used is stored as 0:00:01, counted anew it is 0:37:00"]),
        (SEGMENT, ["is stored only", "is not stored", "add up to 0:00:01, the clock says 0:37:00"]),
        (TOLD, ["revision 4: resolution: why is stored as no idea, counted anew it is opened"]),
    ],
    ids=["in the row", "in a segment", "in an event"],
)
async def test_what_somebody_falsified_is_found(desk: SlaDesk, falsify: str, words: list[str]) -> None:
    ticket = await desk.opened(priority=Priority.NORMAL)
    text = await stored_text(desk.store, ticket.number)
    await desk.does(ticket, AddReply(text_id=text), NOW + timedelta(minutes=37))
    assert (await desk.recount(ticket)).differences == ()

    await desk.pool.execute(falsify, ticket.number)

    found = (await desk.recount(ticket)).differences
    for said in words:
        assert any(said in difference for difference in found), found


def names_by_id(rows: Mapping[int, Any]) -> set[tuple[str, int]]:
    return {(name.name, name.version) for name in rows.values()}


async def test_versions_are_told_by_the_names_that_people_gave(desk: SlaDesk) -> None:
    ticket = await desk.opened(priority=Priority.NORMAL)
    await desk.publish("Usual", POLICIES["Usual"][1])
    younger = await desk.opened(priority=Priority.NORMAL)
    past = [*await EventLog(desk.pool).changes(ticket.number), *await EventLog(desk.pool).changes(younger.number)]

    names = await desk.terms.names_of(policy_versions(past), calendar_versions(past))

    assert names_by_id(names.policies) == {("Usual", 1), ("Usual", 2)}
    assert names_by_id(names.calendars) == {("Office", 1)}
