"""SLA policies: for which tickets what is promised. They are tried from the top; the first that fits counts."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from domain.business_calendar import BusinessCalendar
from domain.sla_clock import Audience, Target, TimeKind
from domain.sla_ladder import Ladder
from domain.ticket import Priority, Slug, Status, Ticket

MAX_GOAL_MINUTES = 366 * 24 * 60
CarryRule = Literal["carry", "restart", "tighter_wins"]
"""What becomes of the time that a clock has used when its goal or its calendar changes: it counts on towards the new
goal; the clock begins anew; or it counts on, but the earlier of old and new due moment stands."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Goal(_Frozen):
    """How long a target may take."""

    minutes: Annotated[int, Field(ge=1, le=MAX_GOAL_MINUTES)]
    time: TimeKind = "business"

    @property
    def duration(self) -> timedelta:
        return timedelta(minutes=self.minutes)


class Goals(_Frozen):
    """The goals of one priority. A target without one has no clock. No answer may be due after the resolution."""

    first_response: Goal | None = None
    next_response: Goal | None = None
    resolution: Goal | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        end = self.resolution
        for name in ("first_response", "next_response"):
            answer = self.of(name)
            if end and answer and answer.time == end.time and answer.minutes > end.minutes:
                raise ValueError(f"{name} would be due after the resolution")
        return self

    def of(self, target: Target) -> Goal | None:
        """The goal for a target."""
        goal: Goal | None = getattr(self, target)
        return goal

    @property
    def is_empty(self) -> bool:
        return not (self.first_response or self.next_response or self.resolution)


NO_GOALS = Goals()
Some = Annotated[tuple[Slug, ...], Field(max_length=100)]


class Conditions(_Frozen):
    """Which tickets a policy is for: each list names what is allowed, an empty one allows all. `tags` wants any one."""

    priorities: tuple[Priority, ...] = ()
    categories: Some = ()
    teams: Some = ()
    tiers: Some = ()
    tags: Some = ()

    def fit(self, ticket: Ticket, tier: Slug) -> bool:
        """Whether a ticket of a requester of this tier is meant."""
        return (
            (not self.priorities or ticket.priority in self.priorities)
            and (not self.categories or ticket.category in self.categories)
            and (not self.teams or ticket.team in self.teams)
            and (not self.tiers or tier in self.tiers)
            and (not self.tags or not set(self.tags).isdisjoint(ticket.tags))
        )

    def cover(self, other: "Conditions") -> bool:
        """Whether every ticket that `other` is for is one that these are for."""
        return all(
            not mine or (theirs and set(theirs) <= set(mine))
            for mine, theirs in (
                (self.priorities, other.priorities),
                (self.categories, other.categories),
                (self.teams, other.teams),
                (self.tiers, other.tiers),
                (self.tags, other.tags),
            )
        )


def _rising(percents: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(percents)) < len(percents):
        raise ValueError("a share is warned of once")
    return tuple(sorted(percents))


Percent = Annotated[int, Field(ge=1, le=99)]
Shares = Annotated[tuple[Percent, ...], Field(max_length=10), AfterValidator(_rising)]
"""Shares of the goal to warn at, in percent. At a hundred comes the breach itself."""
PausingStatus = Literal[Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD]


class Pauses(_Frozen):
    """The statuses in which each clock stands still. None of them ends a clock."""

    first_response: tuple[PausingStatus, ...] = ()
    next_response: tuple[PausingStatus, ...] = ()
    resolution: tuple[PausingStatus, ...] = (Status.PENDING, Status.ON_HOLD)

    def include(self, target: Target, status: Status) -> bool:
        """Whether the clock of this target stands still in this status."""
        return status in getattr(self, target)


class SlaPolicy(_Frozen):
    """What is promised to the tickets that `conditions` name: goals for the customer, and for the teams (OLA)."""

    conditions: Conditions = Conditions()
    goals: dict[Priority, Goals] = {}
    team_goals: dict[Priority, Goals] = {}
    warnings: Shares = (50, 75, 90)
    pauses: Pauses = Pauses()
    carry: CarryRule = "carry"
    ladders: dict[Priority, Ladder] = {}

    @model_validator(mode="after")
    def _promises_something(self) -> Self:
        wanted = self.conditions.priorities or tuple(Priority)
        every = (*self.goals.items(), *self.team_goals.items())
        if all(goals.is_empty for priority, goals in every if priority in wanted):
            raise ValueError("a policy needs a goal for a priority that it is for")
        return self

    def goals_for(self, audience: Audience, priority: Priority) -> Goals:
        """The goals of tickets of this priority."""
        return (self.goals if audience == "customer" else self.team_goals).get(priority, NO_GOALS)


class Terms(NamedTuple):
    """A version of a policy with the version of the calendar that its working time is counted in: immutable both.

    `zone_data` is the version of the time-zone database in use.
    """

    policy_id: int
    policy_version: int
    policy: SlaPolicy
    calendar_version: int
    calendar: BusinessCalendar
    zone_data: str


def first_match(all_terms: Iterable[Terms], ticket: Ticket, tier: Slug) -> Terms | None:
    """The first terms, from the top, that fit the ticket. None: it has no clocks."""
    return next((terms for terms in all_terms if terms.policy.conditions.fit(ticket, tier)), None)
