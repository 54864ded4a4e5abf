"""What happened to an agent, in the past tense. Applied in order, the events give the agent's state.

Most are facts; `AgentPresenceChanged` says what they came to, and is the one that others are told.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.agent import BreakKind, Presence
from domain.ids import BreakId, CommandId, PersonId, ShiftId
from domain.people import Actor
from domain.presence import PresenceCause


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)


class PresenceChosen(_Event):
    """Somebody set the presence by hand: the agent, or a supervisor for them."""

    type: Literal["agent.presence_chosen"] = "agent.presence_chosen"
    presence: Presence


class AgentConnected(_Event):
    """Their app is there: a first stream was opened."""

    type: Literal["agent.connected"] = "agent.connected"


class AgentDisconnected(_Event):
    """All their streams are gone."""

    type: Literal["agent.disconnected"] = "agent.disconnected"


class AgentMissed(_Event):
    """They have been gone for longer than the grace time."""

    type: Literal["agent.missed"] = "agent.missed"


class ShiftStarted(_Event):
    """A shift is on. `is_there`: whether the agent is, too, as far as one can tell; None: as before, for it follows
    another shift at once."""

    type: Literal["shift.started"] = "shift.started"
    shift_id: ShiftId
    ends_at: datetime
    is_there: bool | None


class ShiftEnded(_Event):
    """No shift is on any more. `stays`: the next one begins at once, so the agent does not go."""

    type: Literal["shift.ended"] = "shift.ended"
    shift_id: ShiftId
    stays: bool = False


class BreakStarted(_Event):
    type: Literal["break.started"] = "break.started"
    break_id: BreakId | None
    kind: BreakKind
    ends_at: datetime | None = None


class BreakEnded(_Event):
    type: Literal["break.ended"] = "break.ended"
    break_id: BreakId | None


class BreakSkipped(_Event):
    """A break's time came while the agent was offline, or is over already."""

    type: Literal["break.skipped"] = "break.skipped"
    break_id: BreakId


class AgentReminded(_Event):
    """The agent is to hear that a shift is about to end, or that a break is about to begin."""

    type: Literal["agent.reminded"] = "agent.reminded"
    kind: Literal["shift.ending", "break.due"]
    subject: str


class AgentPresenceChanged(_Event):
    type: Literal["agent.presence_changed"] = "agent.presence_changed"
    presence: Presence
    previous: Presence
    cause: PresenceCause


AgentEvent = Annotated[
    PresenceChosen
    | AgentConnected
    | AgentDisconnected
    | AgentMissed
    | ShiftStarted
    | ShiftEnded
    | BreakStarted
    | BreakEnded
    | BreakSkipped
    | AgentReminded
    | AgentPresenceChanged,
    Field(discriminator="type"),
]


class AgentChange(BaseModel):
    """Everything that one command did: the unit of `record`, one database transaction. It leads from `revision` - 1 to
    `revision`; without events there is nothing to record."""

    model_config = ConfigDict(frozen=True)

    command_id: CommandId
    fingerprint: str = ""
    agent_id: PersonId
    actor: Actor
    at: datetime
    revision: int
    events: tuple[AgentEvent, ...]
