"""Agents as they are spoken: the bodies that come in and the resources that go out."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.auth import Email, Name, Password
from api.sla_calendar_models import SlaSpecialDay, Spans, known_calendar, spoken_spans, working_calendar
from database.agent_performance import Performance, Times
from database.agent_rows import AgentRecord
from database.agents import AgentChange
from database.sla_figures import Decided
from domain.agent import MAX_CAPACITY, MAX_CAPACITY_MINUTES, Capacity, Level, Load, Presence, Weight
from domain.business_calendar import BusinessCalendar, Zone
from domain.ids import PersonId
from domain.people import Role
from domain.period import Period
from domain.sla_clock import TARGETS, Target
from domain.ticket import Slug
from domain.ticket_commands import Labels

MAX_TEAMS = 50
MAX_SKILLS = 100
MAX_SPECIAL_DAYS = 1000
Teams = Annotated[tuple[Slug, ...], Field(max_length=MAX_TEAMS)]
Seniority = Annotated[int, Field(ge=1, le=5, description="From 1, new, to 5, has seen everything.")]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Skill(_Input):
    """A skill and its level: from 1, has begun, to 5, teaches others. From 4 on somebody counts as senior in it."""

    skill: Slug
    level: Level


class Skills(_Input):
    items: Annotated[tuple[Skill, ...], Field(max_length=MAX_SKILLS)]


class SkillsOut(BaseModel):
    items: list[Skill]


class WorkingHours(_Input):
    """When somebody usually works: `week` holds the spans of seven days from Monday on. A special day without spans is
    a day off."""

    zone: Annotated[Zone, Field(description="A name of the IANA time-zone database.")]
    always_open: bool = False
    week: Annotated[list[Spans], Field(max_length=7)] = []
    special_days: Annotated[list[SlaSpecialDay], Field(max_length=MAX_SPECIAL_DAYS)] = []


class WeightsEdit(_Input):
    low: Weight | None = None
    normal: Weight | None = None
    high: Weight | None = None
    urgent: Weight | None = None


class CapacityEdit(_Input):
    """What to change of a capacity; what is not named stays. `minutes: null` sets no limit of minutes.

    Less than they carry now takes nothing away: they are given nothing new until they carry less.
    """

    tickets: Annotated[float, Field(ge=0, le=MAX_CAPACITY)] | None = None
    minutes: Annotated[int, Field(ge=0, le=MAX_CAPACITY_MINUTES)] | None = None
    weights: WeightsEdit | None = None

    def of(self, present: Capacity) -> Capacity:
        """The capacity after the change."""
        weights = {} if self.weights is None else self.weights.model_dump(exclude_none=True)
        changed = {"weights": present.weights.model_copy(update=weights)}
        return present.model_copy(
            update=changed
            | ({} if self.tickets is None else {"tickets": self.tickets})
            | ({"minutes": self.minutes} if "minutes" in self.model_fields_set else {})
        )


class NewAgent(_Input):
    """Somebody who is to join the desk."""

    email: Email
    name: Name
    role: Literal["agent", "supervisor"] = "agent"
    password: Password
    teams: Teams = ()
    skills: Annotated[tuple[Skill, ...], Field(max_length=MAX_SKILLS)] = ()
    specialisations: Labels = ()
    capacity: CapacityEdit = CapacityEdit()
    seniority: Seniority = 1
    working_hours: WorkingHours | None = None


class AgentEdit(_Input):
    """What to change; what is not named stays. `working_hours: null` means that nobody has said."""

    name: Name | None = None
    is_active: bool | None = None
    teams: Teams | None = None
    specialisations: Labels | None = None
    capacity: CapacityEdit | None = None
    seniority: Seniority | None = None
    working_hours: WorkingHours | None = None

    @model_validator(mode="after")
    def _only_hours_may_be_empty(self) -> "AgentEdit":
        emptied = {name for name in self.model_fields_set if getattr(self, name) is None}
        if forbidden := sorted(emptied - {"working_hours"}):
            raise ValueError(f"{', '.join(forbidden)} cannot be null")
        return self


class WeightsOut(BaseModel):
    """How much of a capacity a ticket takes, by its priority: 1 is one ticket."""

    low: float
    normal: float
    high: float
    urgent: float


class CapacityOut(BaseModel):
    """What an agent carries at once."""

    tickets: float = Field(description="The sum of the weights of tickets that wait for them.")
    minutes: int | None = Field(description="Of expected work; null: as many as come.")
    weights: WeightsOut


class LoadOut(BaseModel):
    """What an agent carries now: new and open tickets that are not snoozed."""

    tickets: int
    weight: float = Field(description="The tickets, each by the weight of its priority.")
    minutes: int = Field(description="The work that is expected of them.")


class AgentOut(BaseModel):
    """Somebody who may be given tickets."""

    id: PersonId
    name: str
    role: Role
    teams: tuple[Slug, ...]
    email: str
    is_active: bool
    skills: list[Skill]
    specialisations: tuple[Slug, ...]
    capacity: CapacityOut
    load: LoadOut
    seniority: int
    working_hours: WorkingHours | None
    presence: Presence
    presence_since: datetime


class AgentsOut(BaseModel):
    items: list[AgentOut]
    next_cursor: str | None
    stream_cursor: str


class TimesOut(BaseModel):
    """How long things took, in wall-clock time."""

    median_seconds: float
    p90_seconds: float = Field(description="Nine of ten stayed within.")


class TargetKept(BaseModel):
    """How the promises of one target were kept on tickets that the agent had when it was decided."""

    target: Target
    decided: int
    met_in_time: int
    met_share: float | None = Field(description="`met_in_time` of `decided`, 0 to 1; null when nothing was decided.")


class AgentPerformance(BaseModel):
    """What somebody did in a period. `docs/agents.md` defines each figure; null where there is nothing to measure."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    agent: PersonId
    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    handled: int = Field(description="Tickets that they resolved.")
    reopened: int = Field(description="Of those: reopened since.")
    reopen_rate: float | None
    first_responses: int
    replies: int
    first_response: TimesOut | None = Field(description="From the opening to the first response that they gave.")
    resolution: TimesOut | None = Field(description="From the opening to the last time that they resolved it.")
    sla: list[TargetKept]


def skills_out(levels: dict[Slug, int]) -> SkillsOut:
    return SkillsOut(items=[Skill(skill=skill, level=level) for skill, level in sorted(levels.items())])


def calendar_of(hours: WorkingHours | None) -> BusinessCalendar | None:
    """Raises RequestValidationError, which is answered with 422, for hours that make no sense."""
    if hours is None:
        return None
    parts = working_calendar(hours.zone, hours.week, hours.special_days, always_open=hours.always_open)
    return known_calendar(parts, "working_hours")


def plan_of(new: NewAgent) -> AgentChange:
    """What is planned for somebody new. Raises RequestValidationError."""
    return AgentChange(
        teams=new.teams,
        seniority=new.seniority,
        specialisations=new.specialisations,
        capacity=new.capacity.of,
        working_hours=calendar_of(new.working_hours),
    )


def change_of(edit: AgentEdit, *, leaves_tickets: bool) -> AgentChange:
    """Raises RequestValidationError."""
    return AgentChange(
        name=edit.name,
        is_active=edit.is_active,
        teams=edit.teams,
        seniority=edit.seniority,
        specialisations=edit.specialisations,
        capacity=None if edit.capacity is None else edit.capacity.of,
        working_hours=calendar_of(edit.working_hours),
        clears_working_hours="working_hours" in edit.model_fields_set,
        leaves_tickets=leaves_tickets,
    )


def agent_out(agent: AgentRecord, load: Load) -> AgentOut:
    return AgentOut(
        id=agent.id,
        name=agent.name,
        role=agent.role,
        teams=agent.teams,
        email=agent.email,
        is_active=agent.is_active,
        skills=skills_out(agent.skills).items,
        specialisations=agent.specialisations,
        capacity=CapacityOut(
            tickets=agent.capacity.tickets,
            minutes=agent.capacity.minutes,
            weights=WeightsOut(**agent.capacity.weights.model_dump()),
        ),
        load=LoadOut(tickets=load.tickets, weight=load.weight, minutes=load.minutes),
        seniority=agent.seniority,
        working_hours=_spoken_hours(agent.working_hours),
        presence=agent.presence,
        presence_since=agent.presence_since,
    )


def performance_out(agent: PersonId, period: Period, did: Performance, kept: Decided) -> AgentPerformance:
    return AgentPerformance(
        agent=agent,
        since=period.since,
        until=period.until,
        handled=did.handled,
        reopened=did.reopened,
        reopen_rate=did.reopen_rate,
        first_responses=did.first_responses,
        replies=did.replies,
        first_response=_times(did.first_response),
        resolution=_times(did.resolution),
        sla=[
            TargetKept(
                target=target,
                decided=kept[target].counts.decided,
                met_in_time=kept[target].counts.met_in_time,
                met_share=kept[target].counts.compliance,
            )
            for target in TARGETS
        ],
    )


def _spoken_hours(calendar: BusinessCalendar | None) -> WorkingHours | None:
    if calendar is None:
        return None
    off = [SlaSpecialDay(on=day) for day in calendar.holidays - {day.on for day in calendar.special_days}]
    special = [SlaSpecialDay(on=day.on, spans=spoken_spans(day.spans)) for day in calendar.special_days]
    return WorkingHours(
        zone=calendar.zone,
        always_open=calendar.always_open,
        week=[spoken_spans(day) for day in calendar.week],
        special_days=sorted([*off, *special], key=lambda day: day.on),
    )


def _times(times: Times | None) -> TimesOut | None:
    return None if times is None else TimesOut(median_seconds=times.median, p90_seconds=times.p90)
