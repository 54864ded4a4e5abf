"""A ticket under a simple policy, minute by minute, and what its clocks say of it."""

from datetime import datetime, timedelta
from typing import Any

from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, Span
from domain.sla_clock import Audience, Clock, ClockKey, Target
from domain.sla_policy import CarryRule, Goal, Goals, SlaPolicy, Terms
from domain.ticket import Priority, Status
from domain.ticket_commands import AddReply, ChangeStatus, EditTicket
from tests.domain.sla_desk import ZONE_DATA, SlaDesk
from tests.factories import BY_AGENT, BY_REQUESTER, NOW, text_id, ticket

MINUTE = timedelta(minutes=1)
OFFICE = BusinessCalendar(zone="UTC", week=((Span(since=9 * 60, until=17 * 60),),) * 5 + ((), ()))
ANSWER = AddReply(text_id=text_id("an answer"))
QUESTION = AddReply(text_id=text_id("a question"))
NOTE = AddReply(text_id=text_id("a note"), internal=True)
CALENDARS = {1: ALWAYS_OPEN, 2: OFFICE}
Minutes = int


def after(minutes: Minutes) -> datetime:
    """So long after the opening."""
    return NOW + minutes * MINUTE


def goals(response: Minutes | None, resolution: Minutes | None, time: Any = "business") -> Goals:
    answer = None if response is None else Goal(minutes=response, time=time)
    end = None if resolution is None else Goal(minutes=resolution, time=time)
    return Goals(first_response=answer, next_response=answer, resolution=end)


def terms(policy: SlaPolicy, version: int = 1, calendar: int = 1, policy_id: int = 1) -> Terms:
    return Terms(policy_id, version, policy, calendar, CALENDARS[calendar], ZONE_DATA)


def policy(carry: CarryRule = "carry", **changes: Any) -> SlaPolicy:
    """An hour to answer and four to solve; half of that for a high priority; no goals for a low one."""
    table = {Priority.NORMAL: goals(60, 240), Priority.HIGH: goals(30, 120)}
    return SlaPolicy(**{"goals": table, "carry": carry, **changes})


HOUR_TO_ANSWER = terms(policy())


def desk(*offers: Terms, **fields: Any) -> SlaDesk:
    """A ticket that was opened just now; by default under the policy above."""
    return SlaDesk(ticket(**fields), offers or (HOUR_TO_ANSWER,), CALENDARS.__getitem__)


def becomes(desk: SlaDesk, status: Status, minutes: Minutes) -> None:
    assert desk.does(ChangeStatus(status=status), BY_AGENT, after(minutes))


def edits(desk: SlaDesk, minutes: Minutes, **fields: Any) -> None:
    assert desk.does(EditTicket(**fields), BY_AGENT, after(minutes))


def answers(desk: SlaDesk, minutes: Minutes) -> None:
    assert desk.does(ANSWER, BY_AGENT, after(minutes))


def asks(desk: SlaDesk, minutes: Minutes) -> None:
    assert desk.does(QUESTION, BY_REQUESTER, after(minutes))


def clock(desk: SlaDesk, target: Target, cycle: int = 1, audience: Audience = "customer") -> Clock:
    return desk.clocks[ClockKey(audience, target, cycle)]


def spent(desk: SlaDesk, target: Target, minutes: Minutes, cycle: int = 1, audience: Audience = "customer") -> Minutes:
    """The minutes that a clock has counted by then."""
    return int(desk.used(clock(desk, target, cycle, audience), after(minutes)) / 60)


def names(desk: SlaDesk) -> list[tuple[Audience, Target, int, str]]:
    """Every cycle that there was, and its state."""
    return [(*clock.key, clock.state) for clock in desk.clocks.values()]


def parts(desk: SlaDesk, target: Target) -> list[tuple[str, Minutes, Minutes]]:
    """The segments of the customer's clocks that are over: what they were, how long, and what they counted."""
    return [
        (part.phase, (part.until - part.since) // MINUTE, part.used // MINUTE)
        for part in desk.segments
        if part.target == target and part.audience == "customer"
    ]
