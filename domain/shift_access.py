"""Who may see and plan which shifts. Supervisors plan for everyone; agents see their teams' published shifts."""

from typing import NamedTuple

from domain.access import Reader, check_desk, check_supervisor
from domain.errors import ForbiddenError
from domain.ids import PersonId
from domain.people import Role
from domain.shift import Shift
from domain.ticket import Slug


class ShiftScope(NamedTuple):
    """The shifts that a person of the desk may see: all with drafts, or the published ones of themselves and of their
    teams; a shift without a team is its agent's teams'. The database compiles it to SQL."""

    everything: bool
    person: PersonId
    teams: frozenset[Slug]


def is_supervisor(reader: Reader) -> bool:
    """Whether the reader plans for others."""
    return reader.role in (Role.SUPERVISOR, Role.ADMIN)


def shift_scope(reader: Reader) -> ShiftScope:
    """Raises ForbiddenError for requesters."""
    check_desk(reader)
    return ShiftScope(is_supervisor(reader), reader.id, reader.teams)


def check_plans_breaks(reader: Reader, shift: Shift) -> None:
    """Raises ForbiddenError unless the shift is the reader's own or they are a supervisor."""
    if shift.agent_id != reader.id:
        check_supervisor(reader)


def check_for_agent(reader: Reader, agent: PersonId) -> None:
    """Raises ForbiddenError unless this is the reader themselves or they are a supervisor."""
    check_desk(reader)
    if agent != reader.id and not is_supervisor(reader):
        raise ForbiddenError("Only a supervisor may do this for somebody else.")


def check_sees_team(reader: Reader, team: Slug | None) -> None:
    """Raises ForbiddenError when an agent asks for a team that is not theirs, or for all teams."""
    check_desk(reader)
    if not is_supervisor(reader) and team not in reader.teams:
        raise ForbiddenError("You see the coverage of your own teams: name one of them.")
