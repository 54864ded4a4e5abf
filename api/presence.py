"""Who is there: an agent's presence, and the list of those who are online."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.area_router import AreaRouter
from api.http.problems import PendingCommand, pending
from api.requests import AsReader, CommandKey, InDesk, Key
from api.state import Desk
from api.ticket_models import PersonRef
from database.agent_lives import AgentRecord
from domain.access import Reader, check_desk, check_presence
from domain.agent import BreakKind, Presence
from domain.agent_commands import AgentCommand, AgentEnvelope, SetPresence
from domain.ids import BreakId, PersonId, ShiftId
from domain.presence import PresenceCause
from domain.ticket import Slug
from workflows.client import CommandPendingError

PENDING: dict[int | str, dict[str, Any]] = {
    202: {"model": PendingCommand, "description": "The engine has not answered in time; see `location`."}
}
router = AreaRouter(prefix="/agents", tags=["agents"])
AgentPath = Annotated[UUID | Literal["me"], Path(description="The agent's id, or `me`.")]


class PresenceEdit(BaseModel):
    model_config = ConfigDict(extra="forbid")
    presence: Presence = Field(description="`on_break` begins a short break; all others end the break that is on.")


class ShiftOnOut(BaseModel):
    """The shift that is on."""

    id: ShiftId
    started_at: datetime
    ends_at: datetime = Field(description="As planned when it began.")


class BreakOnOut(BaseModel):
    """The break that is on."""

    id: BreakId | None = Field(description="None: nobody planned it.")
    kind: BreakKind
    started_at: datetime
    ends_at: datetime | None = Field(description="None: when the agent ends it, or the shift.")


class PresenceOut(BaseModel):
    """Whether an agent is there, since when and why."""

    agent: PersonRef
    presence: Presence
    since: datetime
    cause: PresenceCause
    connected: bool = Field(description="Whether any event stream of theirs is open.")
    shift: ShiftOnOut | None
    current_break: BreakOnOut | None
    revision: int


class AvailableAgentOut(BaseModel):
    """Somebody who is online now."""

    id: PersonId
    name: str
    teams: tuple[Slug, ...]
    presence: Presence
    since: datetime


class AvailableAgentsOut(BaseModel):
    items: list[AvailableAgentOut]


@router.get("/available")
async def list_available_agents(desk: InDesk, reader: AsReader) -> AvailableAgentsOut:
    """Who is online now; for the desk."""
    check_desk(reader)
    return AvailableAgentsOut(items=[AvailableAgentOut(**one._asdict()) for one in await desk.agent_lives.available()])


@router.get("/{agent}/presence")
async def get_presence(agent: AgentPath, desk: InDesk, reader: AsReader) -> PresenceOut:
    """Whether an agent is there; for the desk."""
    check_desk(reader)
    return _spoken(await desk.agent_lives.read(_agent_of(agent, reader)))


@router.put("/{agent}/presence", response_model=PresenceOut, responses=PENDING)
async def set_presence(agent: AgentPath, body: PresenceEdit, desk: InDesk, reader: AsReader, key: Key) -> Response:
    """Say what an agent is: oneself, or as a supervisor anybody."""
    whose = _agent_of(agent, reader)
    check_presence(reader, whose)
    return await told(desk, reader, whose, SetPresence(presence=body.presence), key)


async def told(desk: Desk, reader: Reader, agent: PersonId, command: AgentCommand, key: CommandKey) -> Response:
    """Have the agent's workflow do the command, and answer with what they are then, or with 202 when the engine takes
    its time. The caller has checked that the reader may."""
    record = await desk.agent_lives.read(agent)
    envelope = AgentEnvelope(
        id=key.id,
        actor=reader.actor,
        command=command,
        fingerprint=key.fingerprint,
        at=datetime.now(UTC),
        row_revision=record.state.revision,
    )
    try:
        await desk.agent_workflows.apply(agent, envelope)
    except CommandPendingError as error:
        return pending(error, f"/api/agents/{agent}/presence")
    spoken = _spoken(await desk.agent_lives.read(agent))
    return Response(spoken.model_dump_json(), media_type="application/json")


def _agent_of(given: UUID | Literal["me"], reader: Reader) -> PersonId:
    return reader.id if given == "me" else PersonId(given)


def _spoken(record: AgentRecord) -> PresenceOut:
    state = record.state
    on, taken = state.shift, state.break_on
    return PresenceOut(
        agent=PersonRef(id=state.id, name=record.name),
        presence=state.presence,
        since=state.since,
        cause=state.cause,
        connected=state.is_connected,
        shift=None if on is None else ShiftOnOut(**on.model_dump()),
        current_break=None if taken is None else BreakOnOut(**taken.model_dump()),
        revision=state.revision,
    )
