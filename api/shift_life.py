"""Shifts and breaks as they really are: started and ended by hand."""

from typing import Annotated

from fastapi import Path, Response

from api.http.area_router import AreaRouter
from api.presence import PENDING, PresenceOut, told
from api.requests import AsReader, InDesk, Key
from api.state import Desk
from api.ticket_models import Nothing
from domain.access import Reader, check_desk, check_presence
from domain.agent_commands import EndBreak, EndShift, StartBreak, StartShift
from domain.ids import BreakId, PersonId, ShiftId

router = AreaRouter(prefix="/shifts/{shift}", tags=["shifts"], responses=PENDING)
ShiftPath = Annotated[ShiftId, Path(ge=1, le=2**53, description="The shift's id.")]
BreakPath = Annotated[BreakId, Path(ge=1, le=2**53, description="The break's id.")]


@router.post("/start", response_model=PresenceOut)
async def start_shift(
    shift: ShiftPath, desk: InDesk, reader: AsReader, key: Key, body: Nothing | None = None
) -> Response:
    """Begin a shift, up to an hour before its plan: one's own, or as a supervisor anybody's. An overtime shift ends the
    one that is on. Answers with the agent's presence."""
    agent = await _whose(desk, reader, shift)
    return await told(desk, reader, agent, StartShift(shift_id=shift), key)


@router.post("/end", response_model=PresenceOut)
async def end_shift(
    shift: ShiftPath, desk: InDesk, reader: AsReader, key: Key, body: Nothing | None = None
) -> Response:
    """End the shift that is on. Answers with the agent's presence."""
    agent = await _whose(desk, reader, shift)
    return await told(desk, reader, agent, EndShift(shift_id=shift), key)


@router.post("/breaks/{break_id}/start", response_model=PresenceOut)
async def start_break(
    shift: ShiftPath, break_id: BreakPath, desk: InDesk, reader: AsReader, key: Key, body: Nothing | None = None
) -> Response:
    """Begin a break of the shift that is on, now; it takes as long as planned. Answers with the agent's presence."""
    agent = await _whose(desk, reader, shift, break_id)
    return await told(desk, reader, agent, StartBreak(break_id=break_id), key)


@router.post("/breaks/{break_id}/end", response_model=PresenceOut)
async def end_break(
    shift: ShiftPath, break_id: BreakPath, desk: InDesk, reader: AsReader, key: Key, body: Nothing | None = None
) -> Response:
    """End the break that is on. Answers with the agent's presence."""
    agent = await _whose(desk, reader, shift, break_id)
    return await told(desk, reader, agent, EndBreak(break_id=break_id), key)


async def _whose(desk: Desk, reader: Reader, shift: ShiftId, with_break: BreakId | None = None) -> PersonId:
    """Whose shift it is, if the reader may start and end it."""
    check_desk(reader)
    agent = await desk.agent_lives.agent_of_shift(shift, with_break)
    check_presence(reader, agent)
    return agent
