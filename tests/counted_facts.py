"""Facts and spans counted by hand: the slow and plain way, from a ticket's raw events, all of them at once.

It shares no line with `domain.ticket_facts`. How the ticket stood comes from `lifecycle.rebuild` over the events up to
each revision; everything else is counted over the whole list for each figure anew.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, Span
from domain.ids import TicketNumber
from domain.lifecycle import rebuild
from domain.people import Actor
from domain.sla_clock import sla_state
from domain.ticket import Ticket

OFFICE = BusinessCalendar(zone="UTC", week=((Span(since=9 * 60, until=17 * 60),),) * 5 + ((), ()))
"""Nine to five, Monday to Friday, in London's winter."""
CALENDARS = {1: ALWAYS_OPEN, 2: OFFICE}


class Told(NamedTuple):
    """A raw event."""

    number: TicketNumber
    revision: int
    at: datetime
    actor: Actor
    event: Any


class CountedSpan(NamedTuple):
    """As `domain.ticket_span.TicketSpan`."""

    ticket_number: int
    place: int
    since: datetime
    until: datetime | None
    previous_status: str | None
    status: str
    team: str | None
    priority: str
    category: str
    assignee_id: object
    sla_state: str
    snoozed: bool
    escalation_level: int


def moments(history: Sequence[Told]) -> list[datetime]:
    """When each event took effect: never before the one that went before."""
    return [max(one.at for one in history[: place + 1]) for place in range(len(history))]


def stood(history: Sequence[Told]) -> list[Ticket]:
    """The ticket after each of its events."""
    told = [(one.event, one.at) for one in history]
    return [rebuild(history[0].number, told[: place + 1]) for place in range(len(told))]


def counted_spans(history: Sequence[Told]) -> list[CountedSpan]:
    """The spans. A new one begins where the state changes at a later moment, or the status at any."""
    spans: list[CountedSpan] = []
    for at, ticket in zip(moments(history), stood(history), strict=True):
        state = _state(ticket)
        last = spans[-1] if spans else None
        if last is not None and last[5:] == state:
            continue
        if last is not None and last.since == at and last.status == ticket.status:
            spans[-1] = CountedSpan(*last[:5], *state)
            continue
        if last is not None:
            spans[-1] = last._replace(until=at)
        previous = None if last is None else last.status
        spans.append(CountedSpan(ticket.number, len(spans) + 1, at, None, previous, *state))
    return spans


def _state(ticket: Ticket) -> Any:
    return (
        ticket.status,
        ticket.team,
        ticket.priority,
        ticket.category,
        ticket.assignee_id,
        sla_state(ticket.sla),
        ticket.snoozed,
        ticket.escalation_level,
    )


def counted_facts(history: Sequence[Told], calendars: dict[int, BusinessCalendar] = CALENDARS) -> dict[str, Any]:
    """Every fact by its name."""
    at, tickets, spans = moments(history), stood(history), counted_spans(history)
    first, last = tickets[0], tickets[-1]
    figures: dict[str, Any] = {
        "number": last.number,
        "revision": len(history),
        "updated_at": at[-1],
        **dict(zip(CountedSpan._fields[5:], spans[-1][5:], strict=True)),
        "spans": len(spans),
        "span_since": spans[-1].since,
        "previous_status": spans[-1].previous_status,
        "requester_id": last.requester_id,
        "channel": _channel(history[0]),
        "opened_at": at[0],
        "opened_team": first.team,
        "opened_priority": first.priority,
        "opened_category": first.category,
        "policy_version": last.sla.policy_version if last.sla else None,
        "calendar_version": last.sla.calendar_version if last.sla else None,
    }
    figures |= _response(history, at, tickets, calendars)
    figures |= _resolution(history, at, tickets, calendars)
    figures |= _counts(history, at, tickets)
    figures["one_touch"] = bool(
        last.is_finished and figures["desk_replies"] == 1 and not figures["reopenings"] and not figures["reassignments"]
    )
    return figures | _rating(history, at, tickets)


def _channel(opening: Told) -> str:
    if opening.actor.kind != "person":
        return "integration"
    return "self_service" if opening.actor.id == opening.event.requester_id else "desk"


def _response(
    history: Sequence[Told], at: list[datetime], tickets: list[Ticket], calendars: dict[int, BusinessCalendar]
) -> dict[str, Any]:
    answers = [place for place, one in enumerate(history) if getattr(one.event, "is_answer", False)]
    if not answers:
        names = ("first_responded_at", "responder_id", "responded_team")
        times = ("response_seconds", "response_business_seconds", "response_calendar")
        return dict.fromkeys((*names, *times))
    place = answers[0]
    return {
        "first_responded_at": at[place],
        "responder_id": history[place].actor.id,
        "responded_team": tickets[place - 1].team,
        **_times("response", at[0], at[place], tickets[place - 1], calendars),
    }


def _resolution(
    history: Sequence[Told], at: list[datetime], tickets: list[Ticket], calendars: dict[int, BusinessCalendar]
) -> dict[str, Any]:
    places = [
        place
        for place, ticket in enumerate(tickets)
        if place and ticket.status == "resolved" and tickets[place - 1].status != "resolved"
    ]
    figures: dict[str, Any] = {
        "first_resolved_at": at[places[0]] if places else None,
        "closed_at": tickets[-1].closed_at,
    }
    names = ("resolved_at", "resolver_id", "resolved_team")
    times = ("resolution_seconds", "resolution_business_seconds", "resolution_calendar")
    if tickets[-1].status not in ("resolved", "closed"):
        return figures | dict.fromkeys((*names, *times))
    place = places[-1]
    before = tickets[place - 1]
    return figures | {
        "resolved_at": at[place],
        "resolver_id": before.assignee_id or history[place].actor.id,
        "resolved_team": before.team,
        **_times("resolution", at[0], at[place], before, calendars),
    }


def _rating(history: Sequence[Told], at: list[datetime], tickets: list[Ticket]) -> dict[str, Any]:
    """The last one. It is of the resolution before it: who had the ticket then, and whose team's it was."""
    names = ("rating", "rated_at", "rated_resolver_id", "rated_team")
    ratings = [place for place, one in enumerate(history) if one.event.type == "ticket.rated"]
    if not ratings:
        return dict.fromkeys(names)
    place = ratings[-1]
    resolved = max(
        before + 1
        for before, (ticket, later) in enumerate(pairwise(tickets[: place + 1]))
        if later.status == "resolved" and ticket.status != "resolved"
    )
    before = tickets[resolved - 1]
    resolver = before.assignee_id or history[resolved].actor.id
    assert history[place].event.resolver_id == resolver, "the event itself says the same"
    return dict(zip(names, (history[place].event.rating, at[place], resolver, before.team), strict=True))


def _times(
    what: str, since: datetime, until: datetime, ticket: Ticket, calendars: dict[int, BusinessCalendar]
) -> dict[str, Any]:
    version = ticket.sla.calendar_version if ticket.sla else None
    wall = (until - since) / timedelta(seconds=1)
    office = version is not None and calendars[version] == OFFICE
    return {
        f"{what}_seconds": wall,
        f"{what}_business_seconds": office_seconds(since, until) if office else wall,
        f"{what}_calendar": version,
    }


def office_seconds(since: datetime, until: datetime) -> float:
    """Working time of `OFFICE`, day by day."""
    total = timedelta()
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < until:
        if day.weekday() < 5:
            begin, end = max(since, day.replace(hour=9)), min(until, day.replace(hour=17))
            total += max(end - begin, timedelta())
        day += timedelta(days=1)
    return total / timedelta(seconds=1)


def _counts(history: Sequence[Told], at: list[datetime], tickets: list[Ticket]) -> dict[str, Any]:
    types = [one.event.type for one in history]
    statuses = [ticket.status for ticket in tickets]
    changed = [place for place in range(1, len(statuses)) if statuses[place] != statuses[place - 1]]
    stays = list(zip([0, *changed], changed, strict=False))
    replies = [one.event for one in history if one.event.type == "ticket.replied"]
    owners = [one.event.assignee_id for one in history if one.event.type == "ticket.assigned"]
    levels = [one.event.escalation_level for one in history if one.event.type == "ticket.escalated"]
    return {
        "status_since": at[changed[-1]] if changed else at[0],
        **{
            f"{status}_seconds": sum(
                (at[end] - at[begin]).total_seconds() for begin, end in stays if statuses[begin] == status
            )
            for status in ("pending", "on_hold")
        },
        "reopenings": sum(
            statuses[place - 1] in ("resolved", "closed") and statuses[place] not in ("resolved", "closed")
            for place in changed
        ),
        "desk_replies": sum(reply.is_answer for reply in replies),
        "requester_replies": sum(not reply.by_desk for reply in replies),
        "notes": types.count("ticket.noted"),
        "assignments": len(owners),
        "reassignments": sum(one != other for one, other in pairwise(owners)),
        "last_assignee_id": owners[-1] if owners else None,
        "moves": sum(one.event.type == "ticket.moved" and one.event.previous is not None for one in history),
        "escalations": len(levels),
        "highest_level": max(levels, default=0),
    }
