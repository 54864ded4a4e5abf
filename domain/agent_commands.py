"""What one may ask of an agent, and what time asks of them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.agent import BreakKind, Presence
from domain.ids import BreakId, CommandId, ShiftId
from domain.people import Actor


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True)


class SetPresence(_Command):
    """Be this from now on. `on_break` begins a short break that nobody planned; all others end the break that is on."""

    type: Literal["set_presence"] = "set_presence"
    presence: Presence


class StreamsChanged(_Command):
    """The agent's first stream was opened, or their last one is gone. Their app's command."""

    type: Literal["streams_changed"] = "streams_changed"
    connected: bool


class StartShift(_Command):
    """Begin a shift, up to an hour before its plan. An overtime shift ends the one that is on."""

    type: Literal["start_shift"] = "start_shift"
    shift_id: ShiftId


class EndShift(_Command):
    type: Literal["end_shift"] = "end_shift"
    shift_id: ShiftId


class StartBreak(_Command):
    """Begin a planned break of the shift that is on, or one of this kind that nobody planned."""

    type: Literal["start_break"] = "start_break"
    break_id: BreakId | None = None
    kind: BreakKind | None = None

    @model_validator(mode="after")
    def _either(self) -> "StartBreak":
        if (self.break_id is None) == (self.kind is None):
            raise ValueError("a break is named by its id, or has a kind")
        return self


class EndBreak(_Command):
    """End the break that is on; with an id only if it is that one."""

    type: Literal["end_break"] = "end_break"
    break_id: BreakId | None = None


class StartPlannedShift(_Command):
    """A shift begins by plan. A timer's command: without effect when overtaken."""

    type: Literal["start_planned_shift"] = "start_planned_shift"
    shift_id: ShiftId


class EndPlannedShift(_Command):
    """A shift ends by plan. A timer's command: without effect when overtaken."""

    type: Literal["end_planned_shift"] = "end_planned_shift"
    shift_id: ShiftId


class StartPlannedBreak(_Command):
    """A break begins by plan. A timer's command: without effect when overtaken."""

    type: Literal["start_planned_break"] = "start_planned_break"
    break_id: BreakId


class EndPlannedBreak(_Command):
    """A break has taken its time. A timer's command: without effect when overtaken."""

    type: Literal["end_planned_break"] = "end_planned_break"
    break_id: BreakId


class MissAgent(_Command):
    """The agent's app has been gone for the grace time. A timer's command: without effect when overtaken."""

    type: Literal["miss_agent"] = "miss_agent"


class RemindOfShiftEnd(_Command):
    """A timer's command: without effect when overtaken."""

    type: Literal["remind_of_shift_end"] = "remind_of_shift_end"
    shift_id: ShiftId


class RemindOfBreak(_Command):
    """A timer's command: without effect when overtaken."""

    type: Literal["remind_of_break"] = "remind_of_break"
    break_id: BreakId


AgentTimerCommand = Annotated[
    StartPlannedShift
    | EndPlannedShift
    | StartPlannedBreak
    | EndPlannedBreak
    | MissAgent
    | RemindOfShiftEnd
    | RemindOfBreak,
    Field(discriminator="type"),
]
"""What a moment brings when it comes."""
AgentCommand = Annotated[
    SetPresence
    | StreamsChanged
    | StartShift
    | EndShift
    | StartBreak
    | EndBreak
    | StartPlannedShift
    | EndPlannedShift
    | StartPlannedBreak
    | EndPlannedBreak
    | MissAgent
    | RemindOfShiftEnd
    | RemindOfBreak,
    Field(discriminator="type"),
]


PLANNED = (StartShift, StartBreak)
"""What names something of the plan: it is looked at anew first, for it may have been made just now."""


class AgentEnvelope(BaseModel):
    """A command on its way: who asks, under which id. `fingerprint`, `at` and `row_revision` are as for tickets."""

    model_config = ConfigDict(frozen=True)

    id: CommandId
    actor: Actor
    command: AgentCommand
    fingerprint: str = ""
    at: datetime | None = None
    row_revision: int = 0
