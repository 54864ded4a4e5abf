"""Makers of what the tests need. Everything has a default, so that a test says only what differs."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import asyncpg

from database.ticket_rows import NewWording
from domain.access import Reader
from domain.audit import Author
from domain.ids import AttachmentId, CommandId, PersonId, TextId, TicketNumber
from domain.lifecycle import LifecycleRules, open_ticket, opening
from domain.people import Actor, Role
from domain.ticket import Priority, Slug, Status, Ticket
from domain.ticket_commands import CommandEnvelope, OpenTicket, TicketCommand
from domain.ticket_events import TicketChange, TicketEvent, TicketOpened

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
"""A Monday morning."""
RULES = LifecycleRules(auto_close_days=7, reopen_days=30)
NUMBER = TicketNumber(1001)


def _id(kind: str, name: str) -> UUID:
    return uuid5(NAMESPACE_OID, f"{kind}:{name}")


def person_id(name: str) -> PersonId:
    """The id of the person whom the tests call so."""
    return PersonId(_id("person", name))


def text_id(name: str) -> TextId:
    """The id of the text that the tests call so."""
    return TextId(_id("text", name))


def attachment_id(name: str) -> AttachmentId:
    """The id of the file that the tests call so."""
    return AttachmentId(_id("attachment", name))


def command_id(name: str) -> CommandId:
    """The id of the command that the tests call so."""
    return CommandId(_id("command", name))


REQUESTER = person_id("requester")
OTHER_REQUESTER = person_id("other requester")
AGENT = person_id("agent")
"""Of team `support`."""
OTHER_AGENT = person_id("other agent")
"""Of team `support`."""
BILLING_AGENT = person_id("billing agent")
"""Of team `billing`."""
INACTIVE_AGENT = person_id("inactive agent")
"""Of team `support`, but gone."""
SUPERVISOR = person_id("supervisor")
ADMIN = person_id("admin")

TEAMS: tuple[Slug, ...] = ("support", "billing", "network")
PEOPLE: dict[PersonId, tuple[str, Role, tuple[Slug, ...]]] = {
    REQUESTER: ("requester", Role.REQUESTER, ()),
    OTHER_REQUESTER: ("other requester", Role.REQUESTER, ()),
    AGENT: ("agent", Role.AGENT, ("support",)),
    OTHER_AGENT: ("other agent", Role.AGENT, ("support",)),
    BILLING_AGENT: ("billing agent", Role.AGENT, ("billing",)),
    INACTIVE_AGENT: ("inactive agent", Role.AGENT, ("support",)),
    SUPERVISOR: ("supervisor", Role.SUPERVISOR, ()),
    ADMIN: ("admin", Role.ADMIN, ()),
}
"""Name, role and teams of everybody at the tests' desk."""

BY_REQUESTER = Actor.person(REQUESTER, Role.REQUESTER)
BY_AGENT = Actor.person(AGENT, Role.AGENT)
BY_SUPERVISOR = Actor.person(SUPERVISOR, Role.SUPERVISOR)
SERVICE = Actor.service(person_id("service"), Role.AGENT)
"""The account of a service, with an agent's rights."""


def reader(person: PersonId) -> Reader:
    """A person of the tests' desk, signed in."""
    _, role, teams = PEOPLE[person]
    return Reader(id=person, role=role, teams=frozenset(teams))


def author(person: PersonId) -> Author:
    """A person of the tests' desk, as the author of a change."""
    return Author(person, PEOPLE[person][1], "192.0.2.7", "access-token")


def ticket(**changes: Any) -> Ticket:
    """A new ticket without a team or an assignee; a resolved or closed one became so just now."""
    status = Status(changes.get("status", Status.NEW))
    return Ticket(
        **{
            "number": NUMBER,
            "revision": 1,
            "wording_id": text_id("wording"),
            "status": status,
            "priority": Priority.NORMAL,
            "category": "general",
            "team": None,
            "requester_id": REQUESTER,
            "auto_close_days": RULES.auto_close_days,
            "reopen_days": RULES.reopen_days,
            "created_at": NOW,
            "updated_at": NOW,
            "resolved_at": NOW if status in (Status.RESOLVED, Status.CLOSED) else None,
            "closed_at": NOW if status is Status.CLOSED else None,
            **changes,
        }
    )


def envelope(command: TicketCommand, **changes: Any) -> CommandEnvelope:
    """The command, sent by an agent who did not say which revision they saw."""
    return CommandEnvelope(**{"id": CommandId(uuid4()), "actor": BY_AGENT, "command": command, **changes})


def opening_change(
    number: int = NUMBER, *, at: datetime = NOW, by: Actor = BY_REQUESTER, **changes: Any
) -> TicketChange:
    """The opening of a ticket, by its requester or by somebody else for them; `changes` are fields of OpenTicket, or
    `command_id`, `fingerprint`."""
    command = CommandId(changes.pop("command_id", uuid4()))
    fingerprint = changes.pop("fingerprint", "")
    asked = OpenTicket(**{"wording_id": TextId(uuid4()), "requester_id": REQUESTER, **changes})
    event = open_ticket(asked, RULES, at)
    return opening(TicketNumber(number), command, fingerprint, by, event, at)


def change(ticket: Ticket, *events: TicketEvent, **changes: Any) -> TicketChange:
    """What an agent did to the ticket."""
    return TicketChange(
        **{
            "command_id": CommandId(uuid4()),
            "number": ticket.number,
            "actor": BY_AGENT,
            "at": NOW,
            "first_revision": ticket.revision + 1,
            "events": events,
            **changes,
        }
    )


def wording(
    opening: TicketChange, title: str = "The printer is on fire", description: str = "Since nine."
) -> NewWording:
    """The title and description that the opening names."""
    event = opening.events[0]
    assert isinstance(event, TicketOpened)
    return NewWording(event.wording_id, REQUESTER, title, description)


async def store_desk(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Put the tests' teams and people into the database; nobody of them can sign in."""
    await pool.executemany("insert into teams (slug, name) values ($1, $1)", [(team,) for team in TEAMS])
    await pool.executemany(
        "insert into people (id, email, name, role, password_hash, is_active) values ($1, $2, $3, $4, '', $5)",
        [
            (person, f"{name.replace(' ', '.')}@example.com", name, role, person != INACTIVE_AGENT)
            for person, (name, role, _) in PEOPLE.items()
        ],
    )
    await pool.executemany(
        "insert into team_members (person_id, team) values ($1, $2)",
        [(person, team) for person, (_, _, teams) in PEOPLE.items() for team in teams],
    )
