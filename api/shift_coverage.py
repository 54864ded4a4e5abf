"""Coverage: who is on when, where too few are, and how good the plan is. `domain/coverage.py` defines the figures."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk
from api.shift_models import AskedTime, ShiftAgent, window
from domain.access import check_supervisor
from domain.business_calendar import Zone
from domain.coverage import MAX_NEED, Coverage, Gap, NeedSpan, Stretch, WeekNeed, by_hour, coverage_of, need_spans
from domain.ids import PersonId
from domain.shift_access import check_sees_team, is_supervisor
from domain.ticket import Slug

router = AreaRouter(prefix="/shifts/coverage", tags=["shifts"])
TeamName = Annotated[Slug, Path(description="The team's slug.")]


class SkillHeld(BaseModel):
    """A skill that somebody on has: how many of them, and the best one's level."""

    skill: Slug
    agents: int
    best_level: int


class StretchOut(BaseModel):
    """A time in which the same agents are on."""

    starts_at: datetime
    ends_at: datetime
    agents: list[PersonId] = Field(description="Who works.")
    on_break: list[PersonId]
    required: int
    missing: int
    skills: list[SkillHeld] = Field(description="What those who work can do.")


class GapOut(BaseModel):
    """A time in which too few are on."""

    starts_at: datetime
    ends_at: datetime
    missing: int = Field(description="How many too few at most.")
    missing_minutes: float = Field(description="How much time of an agent is missing in all.")


class HourOut(BaseModel):
    """An hour of the zone's wall clock."""

    starts_at: datetime
    on: date = Field(description="The date there.")
    hour: int = Field(description="What the clock there shows, 0 to 23.")
    agents: float = Field(description="How many work, on average.")
    required: float = Field(description="How many are needed, on average.")
    missing_minutes: float


class CoverageOut(BaseModel):
    """The coverage of a time."""

    starts_at: datetime
    ends_at: datetime
    zone: str = Field(description="By whose clock `hours` are told.")
    score: float | None = Field(description="0 to 100: the share of the needed agent time that is covered.")
    agents: list[ShiftAgent] = Field(description="Everybody whom the stretches name.")
    stretches: list[StretchOut]
    hours: list[HourOut]
    gaps: list[GapOut]
    worst_gaps: list[GapOut] = Field(description="The three in which most agent time is missing, the worst first.")


@router.get("")
async def get_coverage(
    desk: InDesk,
    reader: AsReader,
    time: AskedTime,
    team: Annotated[Slug | None, Query(description="Of this team; without it, of the whole desk.")] = None,
    zone: Annotated[Zone, Query(description="By whose clock `hours` are told.")] = "UTC",
    required: Annotated[
        int | None, Query(ge=0, le=MAX_NEED, description="So many agents at any time, instead of the team's need.")
    ] = None,
    drafts: Annotated[bool, Query(description="Count drafts too, as if they were published; for supervisors.")] = False,
) -> CoverageOut:
    """Who is on when, breaks taken out, and where fewer than needed are. Supervisors see it of the whole desk, agents
    of their teams."""
    check_sees_team(reader, team)
    period = window(time.since, time.until, datetime.now(UTC))
    shifts = await desk.shifts.covering(team, period.since, period.until, drafts=drafts and is_supervisor(reader))
    needs = [NeedSpan(period.since, period.until, required or 0)]
    if required is None and team is not None:
        stored = await desk.shift_needs.find(team)
        needs = [] if stored is None else need_spans(stored.need, period.since, period.until)
    coverage = coverage_of(shifts, needs, period.since, period.until)
    agents = sorted({shift.agent_id for shift in shifts})
    names, skills = await desk.shifts.names(None, agents), await desk.shifts.skills(agents)
    return _coverage_out(coverage, zone, names, skills)


@router.get("/needs/{team}")
async def get_shift_need(team: TeamName, desk: InDesk, reader: AsReader) -> WeekNeed:
    """How many agents a team needs, hour by hour of the week."""
    check_sees_team(reader, team)
    return (await desk.shift_needs.read(team)).need


@router.put("/needs/{team}")
async def set_shift_need(team: TeamName, body: WeekNeed, desk: InDesk, reader: AsReader) -> WeekNeed:
    """Say how many agents a team needs: seven days from Monday on, 24 hours each; for supervisors."""
    check_supervisor(reader)
    return (await desk.shift_needs.set(team, body, reader.id)).need


def _coverage_out(
    coverage: Coverage, zone: Zone, names: Mapping[PersonId, str], skills: Mapping[PersonId, Mapping[Slug, int]]
) -> CoverageOut:
    def gaps_out(gaps: Iterable[Gap]) -> list[GapOut]:
        return [
            GapOut(
                starts_at=gap.starts_at,
                ends_at=gap.ends_at,
                missing=gap.missing,
                missing_minutes=round(gap.missing_minutes, 2),
            )
            for gap in gaps
        ]

    def stretch_out(one: Stretch) -> StretchOut:
        return StretchOut(
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            agents=sorted(one.agents),
            on_break=sorted(one.on_break),
            required=one.required,
            missing=one.missing,
            skills=_held(skills[agent] for agent in sorted(one.agents)),
        )

    return CoverageOut(
        starts_at=coverage.stretches[0].starts_at,
        ends_at=coverage.stretches[-1].ends_at,
        zone=zone,
        score=coverage.score,
        agents=[ShiftAgent(id=agent, name=name) for agent, name in names.items()],
        stretches=[stretch_out(one) for one in coverage.stretches],
        hours=[
            HourOut(
                starts_at=one.starts_at,
                on=one.on,
                hour=one.hour,
                agents=round(one.agents, 3),
                required=round(one.required, 3),
                missing_minutes=round(one.missing_minutes, 2),
            )
            for one in by_hour(coverage, zone)
        ],
        gaps=gaps_out(coverage.gaps),
        worst_gaps=gaps_out(coverage.worst_gaps),
    )


def _held(skills: Iterable[Mapping[Slug, int]]) -> list[SkillHeld]:
    found = dict[Slug, list[int]]()
    for levels in skills:
        for skill, level in levels.items():
            found.setdefault(skill, []).append(level)
    return [
        SkillHeld(skill=skill, agents=len(levels), best_level=max(levels)) for skill, levels in sorted(found.items())
    ]
