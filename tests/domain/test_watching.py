"""Who watches a ticket, and who may say so."""

import pytest
from pydantic import ValidationError

from domain.access import Audience, Reader, check_command, check_mention, check_watch
from domain.errors import ForbiddenError, TooManyWatchersError
from domain.ids import PersonId
from domain.mention import MOST_MENTIONS
from domain.people import Role
from domain.ticket import Slug, Ticket
from domain.ticket_commands import AddReply, CommandEnvelope, UnwatchTicket, WatchTicket
from domain.ticket_events import TicketNoted, TicketReplied, TicketUnwatched, TicketWatched
from domain.ticket_rules import decide
from domain.watching import MOST_WATCHERS
from tests.factories import (
    AGENT,
    BY_REQUESTER,
    NOW,
    OTHER_AGENT,
    OTHER_REQUESTER,
    REQUESTER,
    envelope,
    person_id,
    text_id,
    ticket,
)

COLLEAGUE, STRANGER, OTHER_TEAM = person_id("colleague"), person_id("stranger"), person_id("other team")
TEAM = Reader(id=AGENT, role=Role.AGENT, teams=frozenset({"support"}))


def person(id: PersonId, role: Role = Role.REQUESTER, team: Slug = "billing") -> Reader:
    return Reader(id=id, role=role, teams=frozenset({team}) if role.is_desk else frozenset())


def test_a_watcher_is_added_once_and_taken_away_once() -> None:
    given = ticket()

    added = decide(given, envelope(WatchTicket(person_id=COLLEAGUE)), NOW).events
    assert added == (TicketWatched(watcher_ids=(COLLEAGUE,)),)
    watched = ticket(watcher_ids=(AGENT, COLLEAGUE))
    assert decide(watched, envelope(WatchTicket(person_id=COLLEAGUE)), NOW).events == ()
    gone = decide(watched, envelope(UnwatchTicket(person_id=COLLEAGUE)), NOW).events
    assert gone == (TicketUnwatched(watcher_ids=(AGENT,)),)
    assert decide(given, envelope(UnwatchTicket(person_id=COLLEAGUE)), NOW).events == ()


def test_a_closed_ticket_can_be_watched() -> None:
    assert decide(ticket(status="closed"), envelope(WatchTicket(person_id=COLLEAGUE)), NOW).events


@pytest.mark.parametrize("internal", [False, True])
def test_whom_a_reply_mentions_watches_the_ticket_from_then_on(internal: bool) -> None:
    reply = AddReply(text_id=text_id("reply"), internal=internal, mention_ids=(COLLEAGUE, STRANGER, COLLEAGUE))

    replied, watched, *_ = decide(ticket(watcher_ids=(STRANGER,)), envelope(reply), NOW).events

    assert isinstance(replied, TicketReplied | TicketNoted)
    assert replied.mention_ids == (COLLEAGUE, STRANGER)
    assert watched == TicketWatched(watcher_ids=(STRANGER, COLLEAGUE))


def test_who_sees_the_ticket_anyway_and_who_writes_need_not_watch() -> None:
    given = ticket(assignee_id=OTHER_AGENT, status="open")
    reply = AddReply(text_id=text_id("reply"), mention_ids=(REQUESTER, OTHER_AGENT, AGENT))

    (replied,) = decide(given, envelope(reply), NOW).events

    assert isinstance(replied, TicketReplied)
    assert replied.mention_ids == (REQUESTER, OTHER_AGENT), "but not the writer"


def test_those_mentioned_watch_before_the_ticket_comes_back() -> None:
    reply = AddReply(text_id=text_id("reply"), mention_ids=(COLLEAGUE,))

    events = decide(ticket(status="pending"), envelope(reply, actor=BY_REQUESTER), NOW).events

    assert [event.type for event in events] == ["ticket.replied", "ticket.watched", "ticket.status_changed"]


def test_a_reply_mentions_no_more_than_may_watch() -> None:
    nearly = ticket(watcher_ids=tuple(person_id(f"watcher {number}") for number in range(MOST_WATCHERS - 1)))

    def reply(*people: PersonId) -> CommandEnvelope:
        return envelope(AddReply(text_id=text_id("reply"), mention_ids=people))

    assert decide(nearly, reply(COLLEAGUE, person_id("watcher 3")), NOW).events
    with pytest.raises(TooManyWatchersError):
        decide(nearly, reply(COLLEAGUE, STRANGER), NOW)


def test_a_command_mentions_at_most_so_many() -> None:
    with pytest.raises(ValidationError):
        AddReply(text_id=text_id("reply"), mention_ids=tuple(person_id(str(n)) for n in range(MOST_MENTIONS + 1)))


def test_there_is_an_end_to_watchers() -> None:
    full = ticket(watcher_ids=tuple(person_id(f"watcher {number}") for number in range(MOST_WATCHERS)))

    with pytest.raises(TooManyWatchersError):
        decide(full, envelope(WatchTicket(person_id=COLLEAGUE)), NOW)
    assert decide(full, envelope(WatchTicket(person_id=person_id("watcher 7"))), NOW).events == ()


AUDIENCE = Audience.of(ticket(team="support", requester_id=REQUESTER), "acme")
SEEN_BY_ORGANISATION = Reader(id=OTHER_TEAM, role=Role.AGENT, teams=frozenset({"billing"}), organisation="acme")
WATCHES = {
    "the desk adds its own": (TEAM, person(AGENT, Role.AGENT, "support"), None, True),
    "the desk adds somebody of another team": (TEAM, person(OTHER_TEAM, Role.AGENT), None, True),
    "the desk adds any requester": (TEAM, person(STRANGER), None, True),
    "the requester adds a colleague": (person(REQUESTER), person(COLLEAGUE), "acme", True),
    "the requester adds a stranger": (person(REQUESTER), person(STRANGER), "globex", False),
    "the requester adds somebody of no organisation": (person(REQUESTER), person(STRANGER), None, False),
    "the requester adds somebody of the desk": (person(REQUESTER), person(AGENT, Role.AGENT), "acme", False),
    "a colleague adds themselves": (person(COLLEAGUE), person(COLLEAGUE), "acme", True),
    "a colleague adds another one": (person(COLLEAGUE), person(OTHER_REQUESTER), "acme", False),
    "an agent who sees it as a colleague adds themselves": (
        SEEN_BY_ORGANISATION,
        person(OTHER_TEAM, Role.AGENT),
        "acme",
        False,
    ),
}


@pytest.mark.parametrize(("by", "watcher", "organisation", "is_permitted"), WATCHES.values(), ids=WATCHES)
def test_who_may_have_whom_watch(by: Reader, watcher: Reader, organisation: Slug | None, is_permitted: bool) -> None:
    """Nobody comes to see the internal side of a ticket who was not let in by its desk."""
    if is_permitted:
        check_watch(by, AUDIENCE, watcher, organisation)
    else:
        with pytest.raises(ForbiddenError):
            check_watch(by, AUDIENCE, watcher, organisation)


def test_nobody_of_no_organisation_is_a_colleague() -> None:
    nowhere = Audience.of(ticket(team="support", requester_id=REQUESTER), None)

    with pytest.raises(ForbiddenError):
        check_watch(person(REQUESTER), nowhere, person(STRANGER), None)


def test_everybody_may_stop_watching_and_the_requester_may_stop_others() -> None:
    check_command(person(COLLEAGUE), UnwatchTicket(person_id=COLLEAGUE), AUDIENCE)
    check_command(person(REQUESTER), UnwatchTicket(person_id=COLLEAGUE), AUDIENCE)
    check_command(TEAM, UnwatchTicket(person_id=COLLEAGUE), AUDIENCE)
    with pytest.raises(ForbiddenError):
        check_command(person(COLLEAGUE), UnwatchTicket(person_id=STRANGER), AUDIENCE)


def test_watchers_are_among_whom_a_ticket_concerns() -> None:
    given: Ticket = ticket(watcher_ids=(COLLEAGUE,))

    assert Audience.of(given, "acme") == Audience("acme", given.team, given.requester_id, None, (COLLEAGUE,))


MENTIONS = {
    "an agent mentions another team": (TEAM, person(OTHER_TEAM, Role.AGENT), None, False, True),
    "an agent mentions a requester": (TEAM, person(STRANGER), None, False, True),
    "the requester mentions a colleague": (person(REQUESTER), person(COLLEAGUE), "acme", False, True),
    "the requester mentions a stranger": (person(REQUESTER), person(STRANGER), "globex", False, False),
    "the requester mentions the desk": (person(REQUESTER), person(AGENT, Role.AGENT), None, False, False),
    "a colleague mentions another one": (person(COLLEAGUE), person(OTHER_REQUESTER), "acme", False, False),
    "a note mentions another team": (TEAM, person(OTHER_TEAM, Role.AGENT), None, True, True),
    "a note mentions a supervisor": (TEAM, person(STRANGER, Role.SUPERVISOR), None, True, True),
    "a note mentions the requester": (TEAM, person(REQUESTER), "acme", True, False),
    "a note mentions another requester": (TEAM, person(STRANGER), None, True, False),
    "a note mentions an agent whose own ticket it is": (TEAM, person(REQUESTER, Role.AGENT), None, True, False),
}


@pytest.mark.parametrize(("by", "whom", "organisation", "internal", "is_permitted"), MENTIONS.values(), ids=MENTIONS)
def test_who_may_mention_whom(
    by: Reader, whom: Reader, organisation: Slug | None, internal: bool, is_permitted: bool
) -> None:
    """Nobody comes to see more of a ticket by being mentioned than by being made to watch it."""
    if is_permitted:
        check_mention(by, AUDIENCE, whom, organisation, internal=internal)
    else:
        with pytest.raises(ForbiddenError):
            check_mention(by, AUDIENCE, whom, organisation, internal=internal)
