"""Which open streams an event may concern: an index, so that an event meets twenty subscribers and not five thousand.

It only leaves out, it never lets in: whoever it finds is still asked for their rights (`may_see` in `feed.py`).
What it leaves out must be what those rights refuse; a test holds the two together.
"""

from collections.abc import Collection, Iterator
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from database.events import EventRecord
from domain.access import Reader
from domain.ids import PersonId, TicketNumber
from domain.people import Role
from domain.ticket import Slug

Kind = Literal["everything", "desk", "team", "person", "organisation", "ticket"]
Key: TypeAlias = "tuple[Kind, Slug | PersonId | TicketNumber | None]"
EVERYTHING: Key = ("everything", None)
"""Of supervisors and admins."""
WHOLE_DESK: Key = ("desk", None)
PRESENCE = "presence"
"""The topic of events that are about an agent."""
QUEUE = "queue"
"""The topic of events that are about a team's queue."""
NOTIFICATIONS = "notifications"
"""The topic of events that are for one person."""


class HasReader(Protocol):
    """What is known of a subscriber."""

    @property
    def reader(self) -> Reader: ...
    @property
    def ticket(self) -> TicketNumber | None: ...


One = TypeVar("One", bound=HasReader)


def keys_of(subscriber: HasReader) -> Iterator[Key]:
    """Under which keys a subscriber is found, by their rights of this moment."""
    if subscriber.ticket is not None:
        yield "ticket", subscriber.ticket
        return
    reader = subscriber.reader
    yield "person", reader.id
    if reader.organisation is not None:
        yield "organisation", reader.organisation
    if reader.role.is_desk:
        yield WHOLE_DESK
        for team in reader.teams:
            yield "team", team
    if reader.role in (Role.SUPERVISOR, Role.ADMIN):
        yield EVERYTHING


def keys_for(event: EventRecord) -> Iterator[Key]:
    """The keys of all whom an event may concern. One without a ticket is about a person, a team or nobody."""
    if event.ticket is not None:
        yield "ticket", event.ticket
    if event.topic == PRESENCE:
        yield WHOLE_DESK
    elif event.topic == NOTIFICATIONS:
        yield "person", event.person
    elif event.topic == QUEUE:
        yield EVERYTHING
        yield "team", event.team
    elif event.requester_id is not None:
        yield EVERYTHING
        yield WHOLE_DESK if event.team is None else ("team", event.team)
        if event.organisation is not None:
            yield "organisation", event.organisation
        for person in {event.requester_id, event.assignee_id, *(event.watcher_ids or ())}:
            yield "person", person


class Audiences(Generic[One]):
    """The subscribers, by key."""

    def __init__(self) -> None:
        self._by_key: dict[Key, set[One]] = {}
        self._keys: dict[One, tuple[Key, ...]] = {}

    def put(self, subscriber: One) -> None:
        """Under the keys of this moment, and no others; again when the rights have changed."""
        self.remove(subscriber)
        self._keys[subscriber] = keys = tuple(keys_of(subscriber))
        for key in keys:
            self._by_key.setdefault(key, set()).add(subscriber)

    def remove(self, subscriber: One) -> None:
        """One who is not there is no fault."""
        for key in self._keys.pop(subscriber, ()):
            members = self._by_key[key]
            members.discard(subscriber)
            if not members:
                del self._by_key[key]

    def __contains__(self, subscriber: One) -> bool:
        return subscriber in self._keys

    def candidates(self, event: EventRecord) -> Collection[One]:
        """All who may see the event are among them. Not to be kept: it may be the index's own set."""
        found = [members for key in keys_for(event) if (members := self._by_key.get(key))]
        return found[0] if len(found) == 1 else set().union(*found)
