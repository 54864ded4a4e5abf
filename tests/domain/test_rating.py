"""Ratings: who may say how a ticket was handled, when, whom that judges, and who hears of it."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from domain.access import Audience, Reader, check_command
from domain.errors import ForbiddenError, OwnWorkError, RatingWindowPassedError, TicketNotResolvedError
from domain.ids import PersonId
from domain.notices import Notice, notices_of
from domain.people import INTEGRATION, Actor, Role
from domain.rating import LOW_RATING, RATING_DAYS
from domain.ticket import MAX_RATING, Status, Ticket
from domain.ticket_commands import AssignTicket, ChangeStatus, EditTicket, RateTicket
from domain.ticket_events import TicketRated
from domain.ticket_rules import decide
from tests.domain.deciding import after, events_of, only
from tests.factories import (
    AGENT,
    BY_AGENT,
    BY_REQUESTER,
    NOW,
    OTHER_AGENT,
    OTHER_REQUESTER,
    REQUESTER,
    SUPERVISOR,
    envelope,
    text_id,
    ticket,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = NOW + HOUR
RESOLVE, REOPEN, CLOSE = (ChangeStatus(status=status) for status in (Status.RESOLVED, Status.OPEN, Status.CLOSED))
GOOD, BAD = RateTicket(score=5), RateTicket(score=1, text_id=text_id("comment"))
BY_OTHER_AGENT = Actor.person(OTHER_AGENT, Role.AGENT)
FINISHED = [Status.RESOLVED, Status.CLOSED]


def resolved(**changes: object) -> Ticket:
    """A ticket that its assignee has just resolved."""
    return after(ticket(**{"status": "open", "assignee_id": AGENT, **changes}), RESOLVE)


def rated(given: Ticket, command: RateTicket) -> TicketRated:
    return only(TicketRated, events_of(given, command, BY_REQUESTER, LATER))


# When.


def test_a_resolved_ticket_is_rated_with_its_comment() -> None:
    given = resolved()

    assert rated(given, BAD) == TicketRated(
        rating=1, previous_rating=None, rated_at=LATER, rating_text_id=text_id("comment"), resolver_id=AGENT
    )
    told = after(given, BAD, BY_REQUESTER, LATER)
    assert (told.rating, told.rated_at, told.rating_text_id) == (1, LATER, text_id("comment"))
    assert told.status is Status.RESOLVED, "a rating is no answer: nothing is reopened by it"


def test_a_closed_ticket_is_rated_too() -> None:
    assert rated(after(resolved(), CLOSE), GOOD).resolver_id == AGENT


@pytest.mark.parametrize("status", [status for status in Status if status not in FINISHED])
def test_a_ticket_that_is_not_resolved_is_not_rated(status: Status) -> None:
    with pytest.raises(TicketNotResolvedError, match=f"is {status}; you can rate it when it is resolved"):
        decide(ticket(status=status), envelope(GOOD, actor=BY_REQUESTER), NOW)


@pytest.mark.parametrize("status", FINISHED)
def test_it_is_rated_for_thirty_days_after_its_resolution_and_no_longer(status: Status) -> None:
    given, end = ticket(status=status, resolver_id=AGENT), NOW + RATING_DAYS * DAY

    assert events_of(given, GOOD, BY_REQUESTER, end - timedelta(microseconds=1))
    with pytest.raises(RatingWindowPassedError, match="more than 30 days ago"):
        decide(given, envelope(GOOD, actor=BY_REQUESTER), end)


def test_rating_again_replaces_score_and_comment_and_names_the_score_before() -> None:
    once = after(resolved(), BAD, BY_REQUESTER, LATER)

    twice = only(TicketRated, events_of(once, GOOD, BY_REQUESTER, LATER + HOUR))
    told = after(once, GOOD, BY_REQUESTER, LATER + HOUR)

    assert (twice.rating, twice.previous_rating) == (5, 1)
    assert (told.rating, told.rated_at, told.rating_text_id) == (5, LATER + HOUR, None)


@pytest.mark.parametrize("command", [GOOD, BAD], ids=["without a comment", "with one"])
def test_saying_the_same_once_more_is_nothing(command: RateTicket) -> None:
    once = after(resolved(), command, BY_REQUESTER, LATER)

    assert events_of(once, command, BY_REQUESTER, LATER + HOUR) == ()


def test_another_comment_with_the_same_score_is_a_new_rating() -> None:
    once = after(resolved(), BAD, BY_REQUESTER, LATER)

    said = only(TicketRated, events_of(once, RateTicket(score=1, text_id=text_id("more")), BY_REQUESTER, LATER + HOUR))

    assert said.rating_text_id == text_id("more")


def test_a_reopening_takes_no_rating_back_and_the_next_resolution_may_be_rated_the_same() -> None:
    reopened = after(after(resolved(), GOOD, BY_REQUESTER, LATER), REOPEN, BY_REQUESTER, LATER + HOUR)
    with pytest.raises(TicketNotResolvedError):
        decide(reopened, envelope(BAD, actor=BY_REQUESTER), LATER + HOUR)
    again = after(reopened, RESOLVE, BY_AGENT, LATER + DAY)

    assert (reopened.rating, reopened.rated_at) == (5, LATER)
    assert (again.rating, again.rated_at) == (5, LATER)
    assert only(TicketRated, events_of(again, GOOD, BY_REQUESTER, LATER + 2 * DAY)).previous_rating == 5


@pytest.mark.parametrize("score", [0, MAX_RATING + 1, -1])
def test_a_score_lies_between_one_and_five(score: int) -> None:
    with pytest.raises(ValidationError):
        RateTicket(score=score)


# Whom it judges.


def test_it_judges_who_had_the_ticket_when_it_was_resolved_whoever_has_it_now() -> None:
    by_another = after(ticket(status="open", assignee_id=AGENT), RESOLVE, BY_OTHER_AGENT)
    passed_on = after(by_another, AssignTicket(assignee_id=OTHER_AGENT), at=LATER)
    moved = after(by_another, EditTicket(team="billing"), at=LATER)

    assert by_another.resolver_id == AGENT
    assert rated(passed_on, GOOD).resolver_id == AGENT
    assert rated(moved, GOOD).resolver_id == AGENT


def test_without_an_assignee_it_judges_who_resolved_it() -> None:
    assert rated(resolved(assignee_id=None), GOOD).resolver_id == AGENT


def test_what_a_machine_resolved_judges_nobody_whoever_has_it_now() -> None:
    by_a_machine = after(ticket(status="open"), RESOLVE, INTEGRATION)

    assert rated(by_a_machine, GOOD).resolver_id is None
    assert rated(after(by_a_machine, AssignTicket(assignee_id=AGENT)), GOOD).resolver_id is None


def test_a_closing_keeps_the_resolver_and_a_reopening_forgets_them() -> None:
    closed = after(resolved(), CLOSE, BY_REQUESTER, LATER)

    assert closed.resolver_id == AGENT
    assert after(closed, REOPEN, BY_REQUESTER, LATER).resolver_id is None


@pytest.mark.parametrize("assignee", [REQUESTER, None], ids=["as its assignee", "without one"])
def test_nobody_rates_their_own_work(assignee: PersonId | None) -> None:
    own = after(ticket(status="open", assignee_id=assignee), RESOLVE, BY_REQUESTER)

    with pytest.raises(OwnWorkError, match="nobody rates their own work"):
        decide(own, envelope(GOOD, actor=BY_REQUESTER), LATER)


def test_who_ends_their_ticket_themselves_may_rate_whoever_had_it() -> None:
    assert rated(after(ticket(status="open", assignee_id=AGENT), RESOLVE, BY_REQUESTER), BAD).resolver_id == AGENT


# Who may.


@pytest.mark.parametrize("role", Role)
def test_only_the_requester_may_rate_whatever_they_are(role: Role) -> None:
    given = resolved(team="support", watcher_ids=(OTHER_REQUESTER,))
    audience = Audience.of(given, "acme")
    teams: frozenset[str] = frozenset({"support"} if role.is_desk else ())

    check_command(Reader(id=REQUESTER, role=role, teams=teams), GOOD, audience)
    for other in (OTHER_REQUESTER, AGENT, SUPERVISOR):
        with pytest.raises(ForbiddenError, match="Only its requester may rate"):
            check_command(Reader(id=other, role=role, teams=teams, organisation="acme"), GOOD, audience)


# Who hears.


def heard(given: Ticket, score: int) -> list[Notice]:
    return notices_of(decide(given, envelope(RateTicket(score=score), actor=BY_REQUESTER), LATER))


@pytest.mark.parametrize("score", range(1, MAX_RATING + 1))
def test_the_resolver_hears_of_it_and_of_a_low_one_the_supervisors_too(score: int) -> None:
    told = [(one.to, one.who) for one in heard(resolved(), score)]

    assert told == [("person", str(AGENT)), *([("role", "supervisor")] if score <= LOW_RATING else [])]


def test_what_judges_nobody_is_told_to_supervisors_when_it_is_low() -> None:
    given = after(ticket(status="open"), RESOLVE, INTEGRATION)

    assert [one.to for one in heard(given, 1)] == ["role"]
    assert heard(given, 5) == []
