"""One made ticket: a script drawn by chance, played by the desk's real rules, with its timers ringing in between.

What is legal, what the clocks count and what an event holds is therefore what the product would have written.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple, cast

from domain.errors import DomainError
from domain.ids import CommandId, PersonId, TextId, TicketNumber
from domain.lifecycle import LifecycleRules, apply, open_ticket, opened, opening
from domain.people import DISPATCHER, INTEGRATION, TIMER, Actor, Role
from domain.sla_clock import Clock, ClockKey
from domain.sla_keeping import asks_for_terms, begin, concerns, follow, terms_for
from domain.sla_policy import first_match
from domain.ticket import Priority, Slug, Status, Ticket
from domain.ticket_commands import (
    AddReply,
    AssignTicket,
    ChangeStatus,
    CommandEnvelope,
    EditTicket,
    EscalateTicket,
    OpenTicket,
    RateTicket,
    TicketCommand,
)
from domain.ticket_events import TicketChange, TicketOpened, TicketSlaChanged
from domain.ticket_rules import decide
from domain.ticket_timers import pending_moments
from operations.generate.desk import CATEGORIES, TEAMS, MadeDesk, new_id
from operations.generate.shape import ANSWERED, ASSIGNED, MINUTE, RATED, REOPENED, REQUESTER_ANSWERED, WORKED

RULES = LifecycleRules(auto_close_days=7, reopen_days=30)
PRIORITIES = {Priority.URGENT: 0.03, Priority.HIGH: 0.12, Priority.NORMAL: 0.5, Priority.LOW: 0.35}
PACE = {Priority.URGENT: 0.2, Priority.HIGH: 0.5, Priority.NORMAL: 1.0, Priority.LOW: 1.8}
"""How long everything takes, beside a normal ticket."""
BY_DESK, BY_INTEGRATION = 0.15, 0.12
"""The shares of tickets that somebody of the desk opened for the requester, and that a machine did."""
FURTHER_ROUND, NOTED, MOVED, HANDED_OVER, ESCALATED, REOPENED_SHARE = 0.3, 0.12, 0.12, 0.08, 0.04, 0.06
RATED_SHARE, SCORES = 0.2, {5: 0.55, 4: 0.25, 3: 0.1, 2: 0.04, 1: 0.06}
"""The share of resolved tickets that are rated, and how often each score is given: most are content."""
SAME_MOMENT = timedelta(microseconds=1)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


class ClockRow(NamedTuple):
    """A cycle of a clock with what `sla_clocks` keeps of the ticket: as it was when the clock was decided."""

    clock: Clock
    team: Slug | None
    priority: Priority
    category: Slug
    assignee_id: PersonId | None


class MadeTicket(NamedTuple):
    """A ticket, all that happened to it, and every cycle of its clocks."""

    ticket: Ticket
    changes: list[TicketChange]
    clocks: list[ClockRow]


class _Step(NamedTuple):
    """After so long, this."""

    after: timedelta
    command: TicketCommand
    actor: Actor


def live(desk: MadeDesk, number: TicketNumber, at: datetime, chance: Random, until: datetime = FAR) -> MadeTicket:
    """A ticket that came at this moment, as it stands at another."""
    return _Life(desk, number, at, chance).lived(until)


class _Life:
    def __init__(self, desk: MadeDesk, number: TicketNumber, at: datetime, chance: Random) -> None:
        self._desk = desk
        self._chance = chance
        self._calendars = {desk.terms.calendar_version: desk.terms.calendar}.__getitem__
        self._requester = chance.choice(desk.requesters)
        self._team: Slug = chance.choices(list(TEAMS), list(TEAMS.values()))[0]
        self._agent = chance.choice(desk.agents[self._team])
        self._clocks: dict[ClockKey, ClockRow] = {}
        change = self._opening(number, at)
        self._changes = [change]
        self._ticket = opened(number, cast(TicketOpened, change.events[0]), at)
        self._pace = PACE[self._ticket.priority]
        self._words = self._ticket.wording_id
        self._keep_clocks([])

    def lived(self, until: datetime) -> MadeTicket:
        now = self._ticket.created_at
        for after, command, actor in self._script():
            now += after + SAME_MOMENT
            if now >= until:
                break
            self._let_moments_come(now)
            self._do(command, actor, now)
        self._let_moments_come(until)
        return MadeTicket(self._ticket, self._changes, list(self._clocks.values()))

    def _opening(self, number: TicketNumber, at: datetime) -> TicketChange:
        chance = self._chance
        asked = OpenTicket(
            wording_id=TextId(new_id(chance)),
            requester_id=self._requester,
            priority=chance.choices(list(PRIORITIES), list(PRIORITIES.values()))[0],
            category=chance.choices(list(CATEGORIES), list(CATEGORIES.values()))[0],
            team=self._team if chance.random() < 0.93 else None,
        )
        event = open_ticket(asked, RULES, at)
        ticket, terms = opened(number, event, at), self._desk.terms
        sla = begin(ticket, first_match([terms], ticket, "standard"), terms.zone_data)
        who = chance.random()
        if who < BY_INTEGRATION:
            actor = INTEGRATION
        elif who < BY_INTEGRATION + BY_DESK:
            actor = Actor.person(self._agent, Role.AGENT)
        else:
            actor = Actor.person(self._requester, Role.REQUESTER)
        return opening(number, CommandId(new_id(chance)), "", actor, event.model_copy(update={"sla": sla}), at)

    def _script(self) -> Iterator[_Step]:
        """What people do, one after the other."""
        chance, pace = self._chance, self._pace
        if self._ticket.team is None:
            yield _Step(ASSIGNED.drawn(chance) * pace, EditTicket(team=self._team), self._by_agent)
        if chance.random() < MOVED:
            self._team = chance.choice([team for team in TEAMS if team != self._team])
            self._agent = chance.choice(self._desk.agents[self._team])
            yield _Step(ASSIGNED.drawn(chance) * pace, EditTicket(team=self._team), self._by_agent)
        yield _Step(ASSIGNED.drawn(chance) * pace, AssignTicket(assignee_id=self._agent), DISPATCHER)
        if chance.random() < NOTED:
            yield _Step(5 * MINUTE, AddReply(text_id=self._words, internal=True), self._by_agent)
        yield _Step(ANSWERED.drawn(chance) * pace, self._reply, self._by_agent)
        while chance.random() < FURTHER_ROUND:
            yield _Step(MINUTE, ChangeStatus(status=Status.PENDING), self._by_agent)
            yield _Step(REQUESTER_ANSWERED.drawn(chance), self._reply, self._by_requester)
            yield _Step(ANSWERED.drawn(chance) * pace, self._reply, self._by_agent)
        if chance.random() < ESCALATED:
            yield _Step(WORKED.drawn(chance) * pace, EscalateTicket(), self._by_agent)
        if chance.random() < HANDED_OVER:
            self._agent = chance.choice(self._desk.agents[self._team])
            yield _Step(ANSWERED.drawn(chance), AssignTicket(assignee_id=self._agent), self._by_agent)
        yield _Step(WORKED.drawn(chance) * pace, ChangeStatus(status=Status.RESOLVED), self._by_agent)
        if chance.random() < REOPENED_SHARE:
            yield _Step(REOPENED.drawn(chance), self._reply, self._by_requester)
            yield _Step(WORKED.drawn(chance) * pace, ChangeStatus(status=Status.RESOLVED), self._by_agent)
        if chance.random() < RATED_SHARE:
            score = chance.choices(list(SCORES), list(SCORES.values()))[0]
            yield _Step(RATED.drawn(chance), RateTicket(score=score), self._by_requester)

    @property
    def _reply(self) -> AddReply:
        """Its words are those of the opening: no text is made for each reply."""
        return AddReply(text_id=self._words)

    @property
    def _by_agent(self) -> Actor:
        return Actor.person(self._agent, Role.AGENT)

    @property
    def _by_requester(self) -> Actor:
        return Actor.person(self._requester, Role.REQUESTER)

    def _let_moments_come(self, until: datetime) -> None:
        """The timers that ring before a moment, each at its own."""
        while moment := next((one for one in pending_moments(self._ticket) if one.command), None):
            if moment.at >= until or moment.command is None:
                return
            self._do(moment.command, TIMER, max(moment.at, self._ticket.updated_at))

    def _do(self, command: TicketCommand, actor: Actor, at: datetime) -> None:
        asked = CommandEnvelope(id=CommandId(new_id(self._chance)), actor=actor, command=command)
        try:
            change = decide(self._ticket, asked, at)
        except DomainError:
            return  # a timer was quicker: closed is closed
        if not change.events:
            return
        change = change.followed_by(*self._kept(change))
        self._ticket = apply(self._ticket, change)
        self._changes.append(change)
        self._keep_clocks([clock for event in change.events for clock in getattr(event, "over", ())])

    def _kept(self, change: TicketChange) -> list[TicketSlaChanged]:
        """As the activity that records a change keeps its clocks."""
        if not concerns(change.events):
            return []
        before, terms = self._ticket, self._desk.terms
        present = None if before.sla is None or before.sla.policy_version is None else terms
        if asks_for_terms(change.events):
            present = terms_for(apply(before, change), "standard", [terms], present)
        kept = follow(before, change.events, change.at, present, self._calendars, terms.zone_data)
        return [] if kept is None else [TicketSlaChanged(sla=kept.sla, segments=kept.segments, over=kept.over)]

    def _keep_clocks(self, over: list[Clock]) -> None:
        ticket = self._ticket
        for clock in (*over, *(ticket.sla.clocks if ticket.sla else ())):
            before = self._clocks.get(clock.key)
            if before is not None and (before.clock.breached_at or before.clock.ended_at):
                self._clocks[clock.key] = before._replace(clock=clock)
                continue
            place = ticket.team, ticket.priority, ticket.category, ticket.assignee_id
            self._clocks[clock.key] = ClockRow(clock, *place)
