"""Escalation ladders: who hears and what is done while a target stays unmet, step by step, until somebody takes it
on."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.ids import PersonId

MAX_STEPS = 10
MAX_REPEATS = 10
MAX_STEP_MINUTES = 60 * 24 * 366
SENIOR_LEVEL = 4
"""The level of a skill, of 1 to 5, from which on an agent counts as senior in it."""
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class RaiseLevel(_Frozen):
    """The ticket's escalation level becomes this, unless it is higher already."""

    type: Literal["raise_level"] = "raise_level"
    level: Annotated[int, Field(ge=1, le=3)]


class RaisePriority(_Frozen):
    """The ticket's priority becomes this, unless it is higher already."""

    type: Literal["raise_priority"] = "raise_priority"
    priority: Literal["normal", "high", "urgent"]


class NotifyRole(_Frozen):
    """Everybody with the role hears; of agents those of the ticket's team. `on_shift`: of them only who is there at
    that moment, or all when nobody is."""

    type: Literal["notify_role"] = "notify_role"
    role: Literal["agent", "supervisor", "admin"]
    on_shift: bool = False


class NotifyPerson(_Frozen):
    type: Literal["notify_person"] = "notify_person"
    person_id: PersonId


class NotifyTeam(_Frozen):
    """Everybody of a team hears: of the ticket's own when none is named."""

    type: Literal["notify_team"] = "notify_team"
    team: _Name | None = None


class AddWatcher(_Frozen):
    """A person watches the ticket from now on, and hears of it."""

    type: Literal["add_watcher"] = "add_watcher"
    person_id: PersonId


class ReassignToSenior(_Frozen):
    """The ticket goes to somebody of its team who has the skill (without one: each skill that it requires, or when it
    requires none any skill) at this level or a higher one: of those the one with the fewest open tickets."""

    type: Literal["reassign_to_senior"] = "reassign_to_senior"
    skill: _Name | None = None
    min_level: Annotated[int, Field(ge=1, le=5)] = SENIOR_LEVEL


class CallWebhook(_Frozen):
    type: Literal["call_webhook"] = "call_webhook"
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]


StepAction = Annotated[
    RaiseLevel | RaisePriority | NotifyRole | NotifyPerson | NotifyTeam | AddWatcher | ReassignToSenior | CallWebhook,
    Field(discriminator="type"),
]


class LadderStep(_Frozen):
    """What is done `after_minutes`, counted from the clock's start (as the clock itself counts, pausing with it), from
    the breach, or from the step before; the latter two in working time or wall-clock time."""

    after_minutes: Annotated[int, Field(ge=0, le=MAX_STEP_MINUTES)]
    since: Literal["start", "breach", "last_step"] = "breach"
    time: Literal["business", "wall"] = "business"
    actions: Annotated[tuple[StepAction, ...], Field(min_length=1, max_length=10)]

    @property
    def after(self) -> timedelta:
        return timedelta(minutes=self.after_minutes)


class Ladder(_Frozen):
    """The steps of the customer's clock for `target`, in order. After the last one they begin again `repeats` times;
    then each step is counted from the one before it. `hold_until_open`: no step is taken while the desk is closed.
    `hold_until_staffed`: nor while nobody of the ticket's team is there."""

    target: Literal["first_response", "next_response", "resolution"] = "first_response"
    steps: Annotated[tuple[LadderStep, ...], Field(min_length=1, max_length=MAX_STEPS)]
    repeats: Annotated[int, Field(ge=0, le=MAX_REPEATS)] = 0
    hold_until_open: bool = False
    hold_until_staffed: bool = False

    @model_validator(mode="after")
    def _has_a_beginning(self) -> Self:
        if self.steps[0].since == "last_step":
            raise ValueError("the first step has no step before it")
        if self.repeats and not any(step.after_minutes for step in self.steps):
            raise ValueError("a ladder that begins again needs some time between its steps")
        return self


Outcome = Literal["acknowledged", "at_its_end"]


class LadderRun(_Frozen):
    """A ladder while its clock is open: the one that it began with, whatever becomes of the policy.

    `step` is the next one (from 0), in `round` (from 1); `next_at` its moment, None while that cannot be known.
    `ended` says why no more steps follow.
    """

    ladder: Ladder
    policy_version: int
    priority: str
    """The ticket's when it began."""
    cycle: int
    """Of the clock that it belongs to."""
    round: int = 1
    step: int = 0
    next_at: datetime | None = None
    last_at: datetime | None = None
    ended: Outcome | None = None

    @property
    def next_step(self) -> LadderStep | None:
        """The step to be taken next."""
        return None if self.ended else self.ladder.steps[self.step]

    def counts_from(self) -> Literal["start", "breach", "last_step"]:
        """What the next step is counted from: in later rounds each one from the one before it."""
        return "last_step" if self.round > 1 else self.ladder.steps[self.step].since

    def climbed(self, at: datetime) -> "LadderRun":
        """After its next step was taken; when the one behind that comes is still to be computed."""
        changes: dict[str, object] = {"last_at": at, "next_at": None}
        if self.step + 1 < len(self.ladder.steps):
            changes |= {"step": self.step + 1}
        elif self.round <= self.ladder.repeats:
            changes |= {"step": 0, "round": self.round + 1}
        else:
            changes |= {"ended": "at_its_end"}
        return self.model_copy(update=changes)

    def on(self, ladder: Ladder, policy_version: int, priority: str) -> "LadderRun":
        """As a run of another ladder that has got as far: with as many steps taken, or all of them. What was
        acknowledged stays so."""
        taken = self.step + (self.round - 1) * len(self.ladder.steps) + (self.ended == "at_its_end")
        round, step = divmod(taken, len(ladder.steps))
        changes: dict[str, object] = {"ladder": ladder, "policy_version": policy_version, "priority": priority}
        if self.ended == "acknowledged" or round > ladder.repeats:
            ended = self.ended or "at_its_end"
            return self.model_copy(update={**changes, "round": 1, "step": 0, "next_at": None, "ended": ended})
        return self.model_copy(update={**changes, "round": round + 1, "step": step, "ended": None})

    def held(self, until: datetime) -> "LadderRun":
        """With its next step put off."""
        return self.model_copy(update={"next_at": until})

    def stopped(self, why: Outcome) -> "LadderRun":
        """Without further steps."""
        return self.model_copy(update={"ended": why, "next_at": None})
