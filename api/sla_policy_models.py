"""SLA policies as they are spoken: the bodies that come in, what they come to, and the resources that go out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from api.auth import Name
from database.sla_policies import MAX_POLICIES, PolicyDraft, PolicyOrder, PolicyRecord
from domain.ids import SlaCalendarId, SlaPolicyId
from domain.sla_clock import Target
from domain.sla_ladder import MAX_REPEATS, MAX_STEP_MINUTES, MAX_STEPS, Ladder, StepAction
from domain.sla_policy import CarryRule, Conditions, Goal, Goals, Pauses, PausingStatus, Shares, SlaPolicy
from domain.ticket import Priority, Slug

MAX_ACTIONS = 10
_URL = TypeAdapter(HttpUrl)
_MEMBERS: tuple[type[BaseModel], ...] = get_args(get_args(StepAction)[0])
_ACTIONS = {str(kind.model_fields["type"].default): kind for kind in _MEMBERS}
"""What a ladder can do -> what that takes."""
_SPOKEN = {"person_id": "person"}
"""Names of the domain's that are spoken otherwise."""
_UNSPOKEN = {spoken: name for name, spoken in _SPOKEN.items()}


def _web_address(url: str) -> str:
    try:
        _URL.validate_python(url)
    except ValidationError as error:
        raise ValueError("this is no address of a webhook") from error
    return url


WebAddress = Annotated[
    str, Field(pattern=r"^https?://[A-Za-z0-9\[][!-~]*$", max_length=2000), AfterValidator(_web_address)
]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SlaGoal(Goal, extra="forbid"):
    """How long a target may take: in working time of the policy's calendar, or in wall-clock time."""


class SlaGoals(Goals, extra="forbid"):
    """The goals of one priority. A target without one has no clock. No answer may be due after the resolution."""

    first_response: SlaGoal | None = None
    next_response: SlaGoal | None = None
    resolution: SlaGoal | None = None


class SlaConditions(Conditions, extra="forbid"):
    """Which tickets a policy is for: each list names what is allowed, an empty one allows all. `tags` wants any one."""

    priorities: Annotated[tuple[Priority, ...], Field(max_length=len(Priority))] = ()


PausingStatuses = Annotated[tuple[PausingStatus, ...], Field(max_length=len(get_args(PausingStatus)))]


class SlaPauses(Pauses, extra="forbid"):
    """The statuses in which each clock stands still."""

    first_response: PausingStatuses = ()
    next_response: PausingStatuses = ()
    resolution: PausingStatuses = Pauses().resolution


class SlaLadderAction(_Input):
    """What a step of a ladder does. Each `type` takes some of the other fields, which are null for all others."""

    type: Annotated[str, Field(max_length=40, json_schema_extra={"examples": list(_ACTIONS)})]
    level: int | None = None
    priority: str | None = None
    role: str | None = None
    person: UUID | None = None
    team: Slug | None = None
    skill: Slug | None = None
    min_level: int | None = None
    url: WebAddress | None = None
    on_shift: bool | None = None

    @field_validator("type")
    @classmethod
    def _is_known(cls, type: str) -> str:
        if type not in _ACTIONS:
            raise ValueError(f"a step can {', '.join(_ACTIONS)}")
        return type

    @model_validator(mode="after")
    def _fits_its_type(self) -> "SlaLadderAction":
        takes = {_SPOKEN.get(name, name) for name in _ACTIONS[self.type].model_fields}
        if wrong := [name for name, value in self if value is not None and name not in takes]:
            raise ValueError(f"{self.type} takes no {', '.join(wrong)}")
        return self


class SlaLadderStep(_Input):
    """What is done `after_minutes`, counted from the clock's start, from the breach, or from the step before."""

    after_minutes: Annotated[int, Field(ge=0, le=MAX_STEP_MINUTES)]
    since: Literal["start", "breach", "last_step"] = "breach"
    time: Literal["business", "wall"] = "business"
    actions: Annotated[list[SlaLadderAction], Field(min_length=1, max_length=MAX_ACTIONS)]


class SlaLadder(_Input):
    """The steps that are taken while the customer's clock for `target` is open and nobody has acknowledged."""

    target: Target = "first_response"
    steps: Annotated[list[SlaLadderStep], Field(min_length=1, max_length=MAX_STEPS)]
    repeats: Annotated[int, Field(ge=0, le=MAX_REPEATS)] = 0
    hold_until_open: bool = Field(default=False, description="No step is taken while the desk is closed.")
    hold_until_staffed: bool = Field(
        default=False, description="No step is taken while nobody of the ticket's team is there."
    )


class SlaPolicyBody(_Input):
    """What is promised to the tickets that `conditions` name: `goals` for the customer and `team_goals` for the teams
    (OLA), each by priority; what is warned of, in percent of a goal; and a ladder by priority."""

    name: Name
    calendar: Annotated[SlaCalendarId, Field(ge=1, le=2**31 - 1, description="The id of the calendar to count by.")]
    conditions: SlaConditions = SlaConditions()
    goals: dict[Priority, SlaGoals] = {}
    team_goals: dict[Priority, SlaGoals] = {}
    warnings: Shares = SlaPolicy.model_fields["warnings"].default
    pauses: SlaPauses = SlaPauses()
    carry: CarryRule = "carry"
    ladders: dict[Priority, SlaLadder] = {}


class NewSlaPolicy(SlaPolicyBody):
    """A policy to add."""

    place: Annotated[int, Field(ge=1, le=MAX_POLICIES)] | None = Field(
        default=None, description="From the top, 1. Without one: as far down as some ticket reaches it."
    )


class SlaPolicyOut(BaseModel):
    """A policy in its latest version. New tickets run on it; open ones on the version that they have."""

    id: SlaPolicyId
    name: str
    place: int = Field(description="Policies are tried from the top, 1; the first that fits counts.")
    version: int = Field(description="Counts from 1; `If-Match` takes it.")
    version_id: int = Field(description="What a ticket's ledger names.")
    calendar: SlaCalendarId
    conditions: SlaConditions
    goals: dict[Priority, SlaGoals]
    team_goals: dict[Priority, SlaGoals]
    warnings: tuple[int, ...]
    pauses: SlaPauses
    carry: CarryRule
    ladders: dict[Priority, SlaLadder]
    created_at: datetime
    updated_at: datetime


class SlaPoliciesOut(BaseModel):
    """The policies from the top. `If-Match` of a new order takes the edition."""

    items: list[SlaPolicyOut]
    edition: int = Field(description="Counts the changes of all policies and calendars.")


class SlaPolicyOrder(_Input):
    """Every policy once, from the top."""

    policies: Annotated[list[Annotated[SlaPolicyId, Field(ge=1, le=2**31 - 1)]], Field(max_length=MAX_POLICIES)]


def policy_draft(body: SlaPolicyBody) -> PolicyDraft:
    """The policy that a body describes. Raises RequestValidationError, which is answered with 422."""
    fields = body.model_dump(include=set(SlaPolicy.model_fields))
    for ladder in fields["ladders"].values():
        for step in ladder["steps"]:
            step["actions"] = [_silent(action) for action in step["actions"]]
    try:
        policy = SlaPolicy.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": _spoken_loc(one["loc"])} for one in error.errors()]) from error
    return PolicyDraft(body.name, body.calendar, policy)


def policy_out(record: PolicyRecord) -> SlaPolicyOut:
    return SlaPolicyOut.model_validate(
        {
            **record.model_dump(exclude={"policy", "calendar_id"}),
            "calendar": record.calendar_id,
            **record.policy.model_dump(exclude={"ladders"}),
            "ladders": {priority: _spoken_ladder(ladder) for priority, ladder in record.policy.ladders.items()},
        }
    )


def policies_out(order: PolicyOrder) -> SlaPoliciesOut:
    return SlaPoliciesOut(items=[policy_out(record) for record in order.items], edition=order.edition)


def _silent(action: Mapping[str, Any]) -> dict[str, Any]:
    """An action by the domain's names, without what it does not take."""
    return {_UNSPOKEN.get(name, name): value for name, value in action.items() if value is not None}


def _spoken_ladder(ladder: Ladder) -> dict[str, Any]:
    spoken = ladder.model_dump()
    for step in spoken["steps"]:
        step["actions"] = [
            {_SPOKEN.get(name, name): value for name, value in action.items()} for action in step["actions"]
        ]
    return spoken


def _spoken_loc(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where in the body; the domain's place of an action names its type too."""
    return ("body", *(_SPOKEN.get(str(part), part) for part in loc if part not in _ACTIONS))
