"""Teams: list, add, read, change and deactivate them, who is in them, and how their tickets are dispatched."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, status
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.auth import Name
from api.http.area_router import AreaRouter
from api.requests import AsAuthor, AsReader, InDesk, Key
from api.state import Desk
from database.teams import SETTINGS, TeamChange, TeamRecord
from domain.access import check_admin, check_desk, check_supervisor
from domain.assignment_score import ScoreWeights
from domain.ids import PersonId
from domain.people import Role
from domain.team import (
    HandOverMinutes,
    OfferSeconds,
    OfferTo,
    Strategy,
    TakeBackMinutes,
    UsualMinutes,
)
from domain.ticket import Slug

router = AreaRouter(prefix="/teams", tags=["teams"])
TeamSlug = Annotated[Slug, Path(description="The team's slug.")]


class NewTeam(BaseModel):
    model_config = ConfigDict(extra="forbid")
    slug: Slug
    name: Name


class TeamEdit(BaseModel):
    """What to change; what is not named stays. `take_back_minutes: null` means never."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    is_active: bool | None = Field(
        default=None, description="Tickets are neither opened in nor moved to one that is not."
    )
    strategy: Strategy | None = None
    offer_to: OfferTo | None = None
    offer_seconds: OfferSeconds | None = None
    take_back_minutes: TakeBackMinutes | None = None
    usual_minutes: UsualMinutes | None = None
    hand_over_minutes: HandOverMinutes | None = None
    approves_swaps: bool | None = None
    score: ScoreWeights | None = Field(default=None, description="All weights; what is not named is as usual.")

    @model_validator(mode="after")
    def _only_taking_back_may_be_empty(self) -> "TeamEdit":
        emptied = {name for name in self.model_fields_set if getattr(self, name) is None}
        if forbidden := sorted(emptied - {"take_back_minutes"}):
            raise ValueError(f"{', '.join(forbidden)} cannot be null")
        return self


class TeamRef(BaseModel):
    """A team in a list."""

    slug: Slug
    name: str
    is_active: bool


class TeamsOut(BaseModel):
    items: list[TeamRef]


class TeamMember(BaseModel):
    id: PersonId
    name: str
    role: Role
    is_active: bool


class TeamOut(BaseModel):
    """A team with its people of the desk, and how its tickets are dispatched (`docs/agents.md`)."""

    slug: Slug
    name: str
    is_active: bool
    members: list[TeamMember]
    strategy: Strategy
    offer_to: int
    offer_seconds: int
    take_back_minutes: int | None
    usual_minutes: int
    hand_over_minutes: int
    approves_swaps: bool
    score: ScoreWeights


@router.get("")
async def list_teams(desk: InDesk, reader: AsReader) -> TeamsOut:
    """The teams, by slug."""
    return TeamsOut(items=[_ref(team) for team in await desk.teams.all()])


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_team(body: NewTeam, desk: InDesk, reader: AsReader, author: AsAuthor, key: Key) -> TeamRef:
    """Add a team; for admins."""
    check_admin(reader)
    return _ref(await desk.teams.add(body.slug, body.name, author, key.request_key))


@router.get("/{team}")
async def get_team(team: TeamSlug, desk: InDesk, reader: AsReader) -> TeamOut:
    """A team with its members and settings; for the desk."""
    check_desk(reader)
    return await _answer(desk, await desk.teams.read(team))


@router.patch("/{team}")
async def edit_team(team: TeamSlug, body: TeamEdit, desk: InDesk, reader: AsReader, author: AsAuthor) -> TeamOut:
    """Change what is named of a team. Settings are for supervisors; name and activity for admins.

    A team is not deactivated while it has open tickets, or a policy names it.
    """
    check_supervisor(reader)
    if body.name is not None or body.is_active is not None:
        check_admin(reader)
    settings = {name: getattr(body, name) for name in SETTINGS if name in body.model_fields_set}
    return await _answer(desk, await desk.teams.change(team, TeamChange(body.name, body.is_active, settings), author))


@router.put("/{team}/members/{person}")
async def add_team_member(team: TeamSlug, person: UUID, desk: InDesk, reader: AsReader, author: AsAuthor) -> TeamOut:
    """Put somebody of the desk into a team; for supervisors. Nothing happens when they are in it."""
    check_supervisor(reader)
    await desk.teams.join(team, PersonId(person), author)
    desk.principals.forget(PersonId(person))
    return await _answer(desk, await desk.teams.read(team))


@router.delete("/{team}/members/{person}")
async def remove_team_member(team: TeamSlug, person: UUID, desk: InDesk, reader: AsReader, author: AsAuthor) -> TeamOut:
    """Take somebody out of a team; for supervisors. They keep the tickets that they have."""
    check_supervisor(reader)
    await desk.teams.leave(team, PersonId(person), author)
    desk.principals.forget(PersonId(person))
    return await _answer(desk, await desk.teams.read(team))


def _ref(team: TeamRecord) -> TeamRef:
    return TeamRef(slug=team.slug, name=team.name, is_active=team.is_active)


async def _answer(desk: Desk, team: TeamRecord) -> TeamOut:
    members = [
        TeamMember(id=one.id, name=one.name, role=one.role, is_active=one.is_active)
        for one in await desk.teams.members(team.slug)
    ]
    return TeamOut(
        slug=team.slug, name=team.name, is_active=team.is_active, members=members, **team.settings.model_dump()
    )
