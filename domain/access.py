"""Who may see and do what. The one place that decides; routes, lists and the stream ask it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from domain.agent_commands import AgentCommand, StreamsChanged
from domain.errors import ForbiddenError
from domain.ids import PersonId
from domain.lifecycle import HasStatus, allowed_transitions
from domain.people import Actor, Role
from domain.permissions import ADMINS, DESK, PERMISSIONS, SUPERVISORS, Permission, Scope
from domain.ticket import Slug, Status, Ticket
from domain.ticket_commands import (
    AcknowledgeTicket,
    AddAttachment,
    AddReply,
    AdvanceMoment,
    AssignTicket,
    CancelMoment,
    ChangeStatus,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    OfferTicket,
    OpenTicket,
    RateTicket,
    RemoveAttachment,
    SnoozeTicket,
    TicketCommand,
    UnassignTicket,
    UnwatchTicket,
    WakeTicket,
    WatchTicket,
)


class Reader(BaseModel):
    """A signed-in person, or a service account, with the role and teams of this moment."""

    model_config = ConfigDict(frozen=True)

    id: PersonId
    role: Role
    teams: frozenset[Slug] = frozenset()
    organisation: Slug | None = None
    """The organisation whose tickets they may all see; None for whoever sees their own only."""
    scopes: frozenset[Scope] | None = None
    """What their credential is limited to; None: to nothing."""
    is_service: bool = False

    @property
    def actor(self) -> Actor:
        return Actor.service(self.id, self.role) if self.is_service else Actor.person(self.id, self.role)

    @property
    def is_agent(self) -> bool:
        """Whether the reader is somebody who works at the desk: there or not, and given tickets. No service is."""
        return self.role.is_desk and not self.is_service


class HasAudience(Protocol):
    """What decides who sees a ticket."""

    @property
    def organisation(self) -> Slug | None: ...
    @property
    def watcher_ids(self) -> Sequence[PersonId]: ...

    @property
    def team(self) -> Slug | None: ...
    @property
    def requester_id(self) -> PersonId: ...
    @property
    def assignee_id(self) -> PersonId | None: ...


class Audience(NamedTuple):
    """Whom a ticket concerns."""

    organisation: Slug | None
    """The requester's, as of today."""
    team: Slug | None
    requester_id: PersonId
    assignee_id: PersonId | None
    watcher_ids: Sequence[PersonId]

    @classmethod
    def of(cls, ticket: Ticket, organisation: Slug | None) -> "Audience":
        return cls(organisation, ticket.team, ticket.requester_id, ticket.assignee_id, ticket.watcher_ids)


class TicketScope(NamedTuple):
    """The tickets that a person may see: all of them, or their own, those they watch, their organisation's, their
    teams' and (for the desk) the unrouted.

    The database compiles it to SQL; `includes` says the same of one ticket.
    """

    everything: bool
    person: PersonId
    teams: frozenset[Slug]
    unrouted: bool
    """Whether tickets without a team are seen."""
    organisation: Slug | None = None

    def includes(self, ticket: HasAudience) -> bool:
        if self.everything or ticket.requester_id == self.person or self.person in ticket.watcher_ids:
            return True
        if self.organisation is not None and ticket.organisation == self.organisation:
            return True
        if not self.unrouted:
            return False
        return ticket.assignee_id == self.person or ticket.team is None or ticket.team in self.teams


_REFUSED_ROLES = {
    DESK: "Only the desk may see or do this.",
    SUPERVISORS: "Only a supervisor may do this.",
    ADMINS: "Only an admin may do this.",
}
_BY_SIGNAL = frozenset(
    {
        EditTicket,
        AddReply,
        ChangeStatus,
        AssignTicket,
        UnassignTicket,
        EscalateTicket,
        DeescalateTicket,
        AcknowledgeTicket,
        SnoozeTicket,
        WakeTicket,
        StreamsChanged,
    }
)
"""The commands that may come as a signal."""
_REQUESTER_MAY_EDIT = {"type", "wording_id", "previous_wording_id", "priority", "category", "due_at", "clear"}
_REQUESTER_MAY_SET = (Status.OPEN, Status.RESOLVED, Status.CLOSED)


def ticket_scope(reader: Reader) -> TicketScope:
    """Supervisors and admins see every ticket, agents their teams', requesters their own."""
    return TicketScope(
        everything=reader.role in (Role.SUPERVISOR, Role.ADMIN),
        person=reader.id,
        teams=reader.teams if reader.role.is_desk else frozenset(),
        unrouted=reader.role.is_desk,
        organisation=reader.organisation,
    )


def check_permission(reader: Reader, operation: str) -> None:
    """Raises ForbiddenError when the reader's role, or the scopes of their credential, do not reach to an operation of
    the API; one that is not in the table reaches nobody."""
    permission = PERMISSIONS.get(operation, Permission(frozenset(), None))
    if reader.role not in permission.roles:
        raise ForbiddenError(_REFUSED_ROLES.get(permission.roles, "This is open to nobody."))
    if reader.scopes is not None and permission.scope is not None and permission.scope not in reader.scopes:
        raise ForbiddenError(f"This credential has no scope {permission.scope}.")


def teams_with_figures(reader: Reader) -> frozenset[Slug] | None:
    """The teams whose figures a person sees: supervisors and admins everything (None), agents their teams'.

    Raises ForbiddenError for requesters.
    """
    check_desk(reader)
    return reader.teams if reader.role is Role.AGENT else None


def may_see_internal(reader: Reader, ticket: HasAudience) -> bool:
    """Internal notes are the desk's: its team's, and of those whom somebody of it made watch the ticket.

    A desk person reads their own ticket in another team's queue as its requester.
    """
    if reader.role is not Role.AGENT:
        return reader.role.is_desk
    if ticket.team is None or ticket.team in reader.teams or ticket.assignee_id == reader.id:
        return True
    return reader.id in ticket.watcher_ids and reader.id != ticket.requester_id


def may_see_rating_comment(reader: Reader, ticket: HasAudience) -> bool:
    """What its requester wrote about how a ticket was handled is between them and the ticket's desk. The score is for
    whoever sees the ticket."""
    return reader.id == ticket.requester_id or may_see_internal(reader, ticket)


def may_see_queue(reader: Reader, team: Slug | None) -> bool:
    """How a team's queue stands: supervisors and admins see every one, agents their teams'."""
    if reader.role is Role.AGENT:
        return team in reader.teams
    return reader.role.is_desk


def allowed_statuses(reader: Reader, ticket: HasStatus, audience: HasAudience, now: datetime) -> tuple[Status, ...]:
    """The statuses that this reader may set now."""
    legal = allowed_transitions(ticket, now)
    if may_see_internal(reader, audience):
        return legal
    return tuple(s for s in legal if s in _REQUESTER_MAY_SET) if audience.requester_id == reader.id else ()


def check_open(reader: Reader, command: OpenTicket) -> None:
    """Raises ForbiddenError when a requester opens a ticket for somebody else."""
    if command.requester_id != reader.id and not reader.role.is_desk:
        raise ForbiddenError("You may open tickets only for yourself.")


def check_command(reader: Reader, command: TicketCommand, ticket: HasAudience) -> None:
    """Raises ForbiddenError when the reader, who may see the ticket, may not do this to it.

    Whoever sees a ticket as desk may do every command, except that only supervisors and admins cancel or advance what
    is to come, and give somebody else more than they can carry; its requester may write, reopen, resolve, close what is
    resolved, and edit the wording, priority, category and due date; whoever watches it, or belongs to the requester's
    organisation, may write. How it was handled is for its requester alone to say, whoever that is.
    """
    if isinstance(command, RateTicket) and reader.id != ticket.requester_id:
        raise ForbiddenError("Only its requester may rate how a ticket was handled.")
    if isinstance(command, CancelMoment | AdvanceMoment | OfferTicket):
        check_supervisor(reader)
    if isinstance(command, AssignTicket) and command.override and command.assignee_id != reader.id:
        check_supervisor(reader)
    if not may_see_internal(reader, ticket):
        _check_outside(reader, command, ticket)


def _check_outside(reader: Reader, command: TicketCommand, ticket: HasAudience) -> None:
    """What those may do who do not see the ticket as its desk."""
    match command:
        case (
            AddReply(internal=False) | AddAttachment(internal=False) | RemoveAttachment(internal=False) | WatchTicket()
        ):
            return  # who it is that watches: `check_watch`
        case UnwatchTicket(person_id=watcher) if watcher == reader.id:
            return
        case _ if reader.id != ticket.requester_id:
            raise ForbiddenError("Only the requester and the desk may do this.")
        case UnwatchTicket() | RateTicket():
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


def check_watch(reader: Reader, ticket: HasAudience, watcher: Reader, organisation: Slug | None) -> None:
    """Raises ForbiddenError when the reader, who sees the ticket, may not have `watcher`, who is of `organisation`,
    watch it, or stop watching it.

    The ticket's desk may name anybody, and everybody may stop watching. Else it is about requesters only, for somebody
    of the desk who watches sees the internal side: oneself, and to one's own ticket people of one's organisation.
    """
    if may_see_internal(reader, ticket):
        return
    if watcher.role.is_desk:
        raise ForbiddenError("Whether somebody of the desk watches a ticket is up to its desk.")
    is_colleague = organisation is not None and organisation == ticket.organisation
    if watcher.id != reader.id and not (reader.id == ticket.requester_id and is_colleague):
        raise ForbiddenError("You may add yourself, and to your own tickets people of your organisation.")


def check_mention(
    reader: Reader, ticket: HasAudience, mentioned: Reader, organisation: Slug | None, *, internal: bool
) -> None:
    """Raises ForbiddenError when the reader, who may write this reply or internal note, may not mention somebody of
    that organisation in it: they will watch the ticket, and a note is only for those who then see its internal side."""
    check_watch(reader, ticket, mentioned, organisation)
    if internal and not may_see_internal(mentioned, _watched_by(ticket, mentioned.id)):
        raise ForbiddenError("An internal note is for the desk: nobody else is mentioned in it.")


def _watched_by(ticket: HasAudience, person: PersonId) -> Audience:
    watchers = (*ticket.watcher_ids, person)
    return Audience(ticket.organisation, ticket.team, ticket.requester_id, ticket.assignee_id, watchers)


def check_signal(command: TicketCommand | AgentCommand) -> None:
    """Raises ForbiddenError for what nobody without a name may ask.

    That a signal came says that its sender reaches the engine, and nothing about who it is. So it may ask what any
    agent may, whichever that is; what is a timer's, a rollout's, the dispatcher's, a supervisor's or somebody's own is
    not to be had this way. What is not in the table may not come.
    """
    if type(command) not in _BY_SIGNAL:
        raise ForbiddenError("No signal may ask this; do it over HTTP, under a name.")
    if isinstance(command, AssignTicket) and (command.override or command.decision_id is not None):
        raise ForbiddenError("Only a supervisor gives somebody more than they can carry.")
    if isinstance(command, AddReply) and command.mention_ids:
        raise ForbiddenError("Whom one may mention depends on who one is: only under a name.")
    if isinstance(command, UnassignTicket) and command.reason != "by_hand":
        raise ForbiddenError("Only the dispatcher takes tickets back for a reason of its own.")


def check_inbox(reader: Reader) -> None:
    """Raises ForbiddenError for the account of a service: nobody is told anything there."""
    if reader.is_service:
        raise ForbiddenError("The account of a service has no inbox.")


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
