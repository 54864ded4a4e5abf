"""The index of open streams: it may never hide an event from somebody who may see it."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from api.streaming.audiences import Audiences
from api.streaming.feed import may_see
from database.events import EventRecord, StreamCursor
from domain.access import Reader
from domain.ids import PersonId, TicketNumber
from domain.people import Role
from domain.ticket import Slug
from tests.factories import AGENT, NOW, OTHER_REQUESTER, REQUESTER, SUPERVISOR, person_id

PEOPLE = [person_id(name) for name in "abcdef"]
TEAMS = ["support", "billing", "network"]
ORGANISATIONS = ["north", "south"]
NUMBERS = [TicketNumber(1001), TicketNumber(1002)]
TOPICS = ["tickets", "notifications", "presence", "queue", "people", "something new"]


class Listener(NamedTuple):
    """What the index knows of a subscriber."""

    place: int
    """Tells listeners with the same rights apart."""
    reader: Reader
    ticket: TicketNumber | None = None


def event(**changes: Any) -> EventRecord:
    """One of a requester's unrouted ticket."""
    values: dict[str, Any] = {
        "cursor": StreamCursor(1, 5, 1), "topic": "tickets", "type": "ticket.opened", "at": NOW, "ticket": NUMBERS[0],
        "revision": 1, "actor_kind": "person", "actor_id": REQUESTER, "actor_name": "Robin", "internal": False,
        "data": "{}", "assignee_name": None, "requester_name": None, "title": None, "person": None, "team": None,
        "requester_id": REQUESTER, "assignee_id": None, "person_name": None, "organisation": None, "watcher_ids": [],
    }  # fmt: skip
    return EventRecord(**{**values, **changes})


def found(listeners: list[Listener], happened: EventRecord) -> set[Listener]:
    audiences: Audiences[Listener] = Audiences()
    for listener in listeners:
        audiences.put(listener)
    return set(audiences.candidates(happened))


maybe_person = some.none() | some.sampled_from(PEOPLE)
readers = some.builds(
    Reader,
    id=some.sampled_from(PEOPLE),
    role=some.sampled_from(Role),
    teams=some.frozensets(some.sampled_from(TEAMS)),
    organisation=some.none() | some.sampled_from(ORGANISATIONS),
    is_service=some.booleans(),
)
listeners = some.builds(
    Listener, some.integers(0, 1_000_000), readers, some.none() | some.sampled_from(NUMBERS)
)  # fmt: skip
ticket_events = some.builds(
    event,
    topic=some.sampled_from(TOPICS),
    ticket=some.sampled_from(NUMBERS),
    internal=some.booleans(),
    team=some.none() | some.sampled_from(TEAMS),
    requester_id=some.sampled_from(PEOPLE),
    assignee_id=maybe_person,
    organisation=some.none() | some.sampled_from(ORGANISATIONS),
    watcher_ids=some.lists(some.sampled_from(PEOPLE), max_size=3),
    person=maybe_person,
)
other_events = some.builds(
    event,
    topic=some.sampled_from(TOPICS),
    ticket=some.none(),
    requester_id=some.none(),
    watcher_ids=some.none(),
    internal=some.booleans(),
    team=some.none() | some.sampled_from(TEAMS),
    person=maybe_person,
)


@settings(max_examples=500)
@given(some.lists(listeners, max_size=8), ticket_events | other_events)
def test_everyone_who_may_see_an_event_is_a_candidate(everyone: list[Listener], happened: EventRecord) -> None:
    asking = {one for one in everyone if one.ticket is None or one.ticket == happened.ticket}

    assert found(everyone, happened) >= {one for one in asking if may_see(one.reader, happened)}


@settings(max_examples=150)
@given(some.lists(some.tuples(listeners, readers), max_size=6), ticket_events | other_events)
def test_the_index_follows_a_change_of_rights(changes: list[tuple[Listener, Reader]], happened: EventRecord) -> None:
    class Changing:
        def __init__(self, one: Listener) -> None:
            self.reader, self.ticket = one.reader, one.ticket

    audiences: Audiences[Changing] = Audiences()
    everyone = [Changing(one) for one, _ in changes]
    for one in everyone:
        audiences.put(one)
    for one, (_, now) in zip(everyone, changes, strict=True):
        one.reader = now
        audiences.put(one)

    asking = {one for one in everyone if one.ticket is None or one.ticket == happened.ticket}
    assert set(audiences.candidates(happened)) >= {one for one in asking if may_see(one.reader, happened)}
    for one in everyone:
        audiences.remove(one)
    assert not audiences.candidates(happened)


def reader(person: PersonId, role: Role, *teams: Slug, organisation: Slug | None = None) -> Reader:
    return Reader(id=person, role=role, teams=frozenset(teams), organisation=organisation)


SUPPORT = Listener(1, reader(AGENT, Role.AGENT, "support"))
BILLING = Listener(2, reader(person_id("b"), Role.AGENT, "billing"))
OVERSEER = Listener(3, reader(SUPERVISOR, Role.SUPERVISOR))
OWNER = Listener(4, reader(REQUESTER, Role.REQUESTER))
COLLEAGUE = Listener(5, reader(person_id("c"), Role.REQUESTER, organisation="north"))
STRANGER = Listener(6, reader(OTHER_REQUESTER, Role.REQUESTER, organisation="south"))
ON_ONE_TICKET = Listener(7, reader(SUPERVISOR, Role.SUPERVISOR), NUMBERS[1])
EVERYONE = [SUPPORT, BILLING, OVERSEER, OWNER, COLLEAGUE, STRANGER, ON_ONE_TICKET]


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        (event(team="support"), {SUPPORT, OVERSEER, OWNER}),
        (event(), {SUPPORT, BILLING, OVERSEER, OWNER}),
        (event(team="support", organisation="north"), {SUPPORT, OVERSEER, OWNER, COLLEAGUE}),
        (event(team="support", watcher_ids=[OTHER_REQUESTER]), {SUPPORT, OVERSEER, OWNER, STRANGER}),
        (event(team="support", ticket=NUMBERS[1]), {SUPPORT, OVERSEER, OWNER, ON_ONE_TICKET}),
        (event(topic="presence", ticket=None, requester_id=None, person=AGENT), {SUPPORT, BILLING, OVERSEER}),
        (event(topic="queue", ticket=None, requester_id=None, team="billing"), {BILLING, OVERSEER}),
        (event(topic="notifications", ticket=None, requester_id=None, person=REQUESTER), {OWNER}),
        (event(topic="people", type="person.changed", ticket=None, requester_id=None, person=AGENT), set()),
    ],
)  # fmt: skip
def test_an_event_meets_only_those_whom_it_may_concern(happened: EventRecord, expected: set[Listener]) -> None:
    assert found(EVERYONE, happened) == expected
