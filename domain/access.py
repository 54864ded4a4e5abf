"""Who may see and do what. The one place that decides; routes, lists and the stream ask it."""

from datetime import datetime
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from domain.errors import ForbiddenError
from domain.ids import PersonId
from domain.lifecycle import HasStatus, allowed_transitions
from domain.people import Actor, Role
from domain.ticket import Slug, Status
from domain.ticket_commands import (
    AddAttachment,
    AddReply,
    AdvanceMoment,
    AssignTicket,
    CancelMoment,
    ChangeStatus,
    EditTicket,
    OfferTicket,
    OpenTicket,
    RemoveAttachment,
    TicketCommand,
)


class Reader(BaseModel):
    """A signed-in person with the role and teams of this moment."""

    model_config = ConfigDict(frozen=True)

    id: PersonId
    role: Role
    teams: frozenset[Slug] = frozenset()

    @property
    def actor(self) -> Actor:
        return Actor.person(self.id, self.role)


class HasAudience(Protocol):
    """What decides who sees a ticket."""

    @property
    def team(self) -> Slug | None: ...
    @property
    def requester_id(self) -> PersonId: ...
    @property
    def assignee_id(self) -> PersonId | None: ...


class TicketScope(NamedTuple):
    """The tickets that a person may see: all of them, or their own, their teams' and (for the desk) the unrouted.

    The database compiles it to SQL; `includes` says the same of one ticket.
    """

    everything: bool
    person: PersonId
    teams: frozenset[Slug]
    unrouted: bool
    """Whether tickets without a team are seen."""

    def includes(self, ticket: HasAudience) -> bool:
        if self.everything or ticket.requester_id == self.person:
            return True
        if not self.unrouted:
            return False
        return ticket.assignee_id == self.person or ticket.team is None or ticket.team in self.teams


_REQUESTER_MAY_EDIT = {"type", "wording_id", "previous_wording_id", "priority", "category", "due_at", "clear"}
_REQUESTER_MAY_SET = (Status.OPEN, Status.RESOLVED, Status.CLOSED)


def ticket_scope(reader: Reader) -> TicketScope:
    """Supervisors and admins see every ticket, agents their teams', requesters their own."""
    return TicketScope(
        everything=reader.role in (Role.SUPERVISOR, Role.ADMIN),
        person=reader.id,
        teams=reader.teams if reader.role.is_desk else frozenset(),
        unrouted=reader.role.is_desk,
    )


def teams_with_figures(reader: Reader) -> frozenset[Slug] | None:
    """The teams whose figures a person sees: supervisors and admins everything (None), agents their teams'.

    Raises ForbiddenError for requesters.
    """
    check_desk(reader)
    return reader.teams if reader.role is Role.AGENT else None


def may_see_internal(reader: Reader, ticket: HasAudience) -> bool:
    """Internal notes are the desk's. A desk person reads their own ticket in another team's queue as its requester."""
    if reader.role is not Role.AGENT:
        return reader.role.is_desk
    return ticket.team is None or ticket.team in reader.teams or ticket.assignee_id == reader.id


class HasAudienceAndStatus(HasAudience, HasStatus, Protocol):
    """A ticket, or its record."""


def may_see_queue(reader: Reader, team: Slug | None) -> bool:
    """How a team's queue stands: supervisors and admins see every one, agents their teams'."""
    if reader.role is Role.AGENT:
        return team in reader.teams
    return reader.role.is_desk


def allowed_statuses(reader: Reader, ticket: HasAudienceAndStatus, now: datetime) -> tuple[Status, ...]:
    """The statuses that this reader may set now."""
    legal = allowed_transitions(ticket, now)
    return legal if may_see_internal(reader, ticket) else tuple(s for s in legal if s in _REQUESTER_MAY_SET)


def check_open(reader: Reader, command: OpenTicket) -> None:
    """Raises ForbiddenError when a requester opens a ticket for somebody else."""
    if command.requester_id != reader.id and not reader.role.is_desk:
        raise ForbiddenError("You may open tickets only for yourself.")


def check_command(reader: Reader, command: TicketCommand, ticket: HasAudience) -> None:
    """Raises ForbiddenError when the reader, who may see the ticket, may not do this to it.

    Whoever sees a ticket as desk may do every command, except that only supervisors and admins cancel or advance what
    is to come, and give somebody else more than they can carry; its requester may write, reopen, resolve, close what is
    resolved, and edit the wording, priority, category and due date.
    """
    if isinstance(command, CancelMoment | AdvanceMoment | OfferTicket):
        check_supervisor(reader)
    if isinstance(command, AssignTicket) and command.override and command.assignee_id != reader.id:
        check_supervisor(reader)
    if may_see_internal(reader, ticket):
        return
    match command:
        case AddReply(internal=False) | AddAttachment(internal=False) | RemoveAttachment(internal=False):
            return
        case ChangeStatus(status=status) if status in _REQUESTER_MAY_SET:
            return
        case EditTicket():
            given = {name for name in command.model_fields_set if getattr(command, name) is not None}
            if given <= _REQUESTER_MAY_EDIT and set(command.clear) <= {"due_at"}:
                return
            raise ForbiddenError("As the requester you may edit title, description, priority, category and due date.")
        case _:
            raise ForbiddenError("Only the desk may do this.")
    raise ForbiddenError("Only the desk may do this.")


def check_admin(reader: Reader) -> None:
    """Raises ForbiddenError for everyone but admins."""
    if reader.role is not Role.ADMIN:
        raise ForbiddenError("Only an admin may do this.")


def check_supervisor(reader: Reader) -> None:
    """Raises ForbiddenError for everyone but supervisors and admins."""
    if reader.role not in (Role.SUPERVISOR, Role.ADMIN):
        raise ForbiddenError("Only a supervisor may do this.")


def check_own_or_supervisor(reader: Reader, person: PersonId) -> None:
    """What is kept of somebody's work is for themselves and for supervisors and admins. Raises ForbiddenError."""
    if reader.id != person:
        check_supervisor(reader)


def check_desk(reader: Reader) -> None:
    """Raises ForbiddenError for requesters."""
    if not reader.role.is_desk:
        raise ForbiddenError("Only the desk may see this.")


def may_see_presence(reader: Reader) -> bool:
    """Who is there is the desk's own affair."""
    return reader.role.is_desk


def check_presence(reader: Reader, agent: PersonId) -> None:
    """Raises ForbiddenError when the reader may not say what this agent is, or start and end their shifts and breaks:
    agents do that for themselves, supervisors and admins for anybody."""
    check_desk(reader)
    if reader.id != agent:
        check_supervisor(reader)
