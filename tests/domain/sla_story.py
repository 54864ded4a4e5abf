"""Tells the life of a ticket's clocks without a server: what is decided, what was due before, what is kept of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, Span
from domain.lifecycle import apply, evolve
from domain.people import TIMER, Actor
from domain.sla_clock import Audience, Clock, ClockKey, Target
from domain.sla_keeping import asks_for_terms, begin, concerns, follow, terms_for
from domain.sla_ledger import ClockLedger, Ledger, ledger
from domain.sla_policy import Goal, Goals, SlaPolicy, Terms, first_match
from domain.sla_recount import Recount, recounted, terms_wanted
from domain.sla_sentences import VersionName, VersionNames, clock_sentence
from domain.ticket import Priority, Ticket
from domain.ticket_commands import AddReply, ChangeStatus, TicketCommand
from domain.ticket_events import PastChange, TicketEvent, TicketOpened, TicketSlaChanged
from domain.ticket_rules import decide
from domain.ticket_timers import pending_moments
from tests.factories import BY_AGENT, BY_REQUESTER, envelope, text_id, ticket

OFFICE = BusinessCalendar(zone="Europe/Berlin", week=((Span(since=9 * 60, until=17 * 60),),) * 5 + ((), ()))
"""Monday to Friday, nine to five."""
ANSWER = AddReply(text_id=text_id("an answer"))
QUESTION = AddReply(text_id=text_id("a question"))


def moment(text: str, zone: str = "Europe/Berlin") -> datetime:
    """A moment by a zone's wall clock. `+` behind it: the second time that the clock shows this."""
    local = datetime.fromisoformat(text.rstrip("+")).replace(tzinfo=ZoneInfo(zone), fold=int(text.endswith("+")))
    return local.astimezone(UTC)


def terms(policy: SlaPolicy, calendar: BusinessCalendar = OFFICE, version: int = 1, policy_id: int = 1) -> Terms:
    """A policy and its calendar, both of this version id."""
    return Terms(policy_id, version, policy, version, calendar, "test")


def same_goals(response: int, resolution: int, *priorities: Priority, **more: Any) -> SlaPolicy:
    """A policy with the same goals in working minutes for these priorities (normal when none is named)."""
    goals = Goals(
        first_response=Goal(minutes=response),
        next_response=Goal(minutes=response),
        resolution=Goal(minutes=resolution),
    )
    return SlaPolicy(goals=dict.fromkeys(priorities or (Priority.NORMAL,), goals), **more)


NAMES = VersionNames(
    {version: VersionName("Standard", version) for version in range(1, 10)},
    {version: VersionName("Office", version) for version in range(1, 10)},
)


class Story:
    """One ticket from its opening on. Moments are told by the wall clock of `zone`."""

    def __init__(self, at: str, *offer: Terms, zone: str = "Europe/Berlin", **changes: Any) -> None:
        self._zone = zone
        self._offer = offer
        self._calendars = {one.calendar_version: one.calendar for one in offer} | {0: ALWAYS_OPEN}
        self._terms = {one.policy_version: one for one in offer}
        self.past: list[PastChange] = []
        began = moment(at, zone)
        new = ticket(created_at=began, updated_at=began, **changes)
        sla = begin(new, first_match(offer, new, "standard"), "test")
        self.ticket: Ticket = new.model_copy(update={"sla": sla})
        fields = {name: getattr(self.ticket, name) for name in TicketOpened.model_fields if name != "type"}
        self.past.append(PastChange(began, 1, (TicketOpened(**fields),)))

    def does(self, at: str, command: TicketCommand, by: Actor = BY_AGENT) -> "Story":
        """What somebody does at a moment, after everything that was due by then."""
        self.waits(at)
        self._record(command, moment(at, self._zone), by)
        return self

    def answers(self, at: str) -> "Story":
        return self.does(at, ANSWER)

    def asks(self, at: str) -> "Story":
        return self.does(at, QUESTION, BY_REQUESTER)

    def becomes(self, at: str, status: str) -> "Story":
        return self.does(at, ChangeStatus.model_validate({"status": status}))

    def waits(self, until: str) -> "Story":
        """Until a moment nothing happens but what the ticket does by itself."""
        end = moment(until, self._zone)
        while (due := next(iter(pending_moments(self.ticket)), None)) and due.at < end and due.command:
            revision = self.ticket.revision
            self._record(due.command, max(due.at, self.ticket.updated_at), TIMER)
            assert self.ticket.revision > revision, due
        return self

    def takes(self, at: str, new: Terms) -> "Story":
        """Somebody gives the ticket a newer version of its terms."""
        self.waits(at)
        self._terms[new.policy_version] = new
        self._calendars[new.calendar_version] = new.calendar
        kept = follow(self.ticket, (), moment(at, self._zone), new, self._calendars.__getitem__, "test")
        assert kept is not None
        event = TicketSlaChanged(sla=kept.sla, segments=kept.segments, over=kept.over)
        self._take(moment(at, self._zone), (event,))
        return self

    def _record(self, command: TicketCommand, at: datetime, by: Actor) -> None:
        change = decide(self.ticket, envelope(command, actor=by), at)
        if concerns(change.events):
            present = None if self.ticket.sla is None else self._terms.get(self.ticket.sla.policy_version or 0)
            if asks_for_terms(change.events):
                present = terms_for(apply(self.ticket, change), "standard", self._offer, present)
            kept = follow(self.ticket, change.events, at, present, self._calendars.__getitem__, "test")
            if kept is not None:
                change = change.followed_by(TicketSlaChanged(sla=kept.sla, segments=kept.segments, over=kept.over))
        if change.events:
            self._take(at, change.events, by_timer=by is TIMER)

    def _take(self, at: datetime, events: tuple[TicketEvent, ...], *, by_timer: bool = False) -> None:
        self.past.append(PastChange(at, self.ticket.revision + 1, events, by_timer))
        for event in events:
            self.ticket = evolve(self.ticket, event, at)

    # What is told of it.

    def clock(self, target: Target, audience: Audience = "customer") -> Clock:
        assert self.ticket.sla is not None
        clock = self.ticket.sla.clock(audience, target)
        assert clock is not None
        return clock

    def ledger(self, at: str) -> Ledger:
        return ledger(self.past, self._calendars.__getitem__, moment(at, self._zone))

    def page(self, at: str, target: Target, cycle: int = 1, audience: Audience = "customer") -> ClockLedger:
        key = ClockKey(audience, target, cycle)
        return next(page for page in self.ledger(at).clocks if page.clock.key == key)

    def says(self, at: str, target: Target, cycle: int = 1, names: VersionNames | None = NAMES, **key: Any) -> str:
        """The sentence about a clock."""
        page = self.page(at, target, cycle, **key)
        return clock_sentence(page, self.ledger(at), self._calendars.__getitem__, names)

    def entries(self, at: str, target: Target, cycle: int = 1, **key: Any) -> list[tuple[str, str, str, str, int]]:
        """From, to, kind, why, and the minutes counted; moments by the zone's wall clock."""
        return [
            (self.local(entry.since), self.local(entry.until), entry.kind, entry.why, entry.counted // MINUTE)
            for entry in self.page(at, target, cycle, **key).entries
        ]

    def local(self, at: datetime) -> str:
        return f"{at.astimezone(ZoneInfo(self._zone)):%Y-%m-%d %H:%M}"

    def recount(self) -> Recount:
        wanted = terms_wanted(self.past)
        return recounted(
            self.ticket.number,
            self.past,
            {versions: self._terms[versions.policy] for versions in wanted},
            self.ticket.sla,
        )


MINUTE = timedelta(minutes=1)
