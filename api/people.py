"""People, teams, categories and the desk's agents."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status
from pydantic import BaseModel, ConfigDict, Field

from api.auth import Email, Name, Password, PersonOut, person_out
from api.requests import AsReader, InDesk, Key, without_password
from database.people import DEFAULT_TIER, NamedSlug, PersonRecord
from domain.access import check_admin, check_desk, check_supervisor
from domain.errors import InvalidError
from domain.ids import PersonId
from domain.people import Role
from domain.ticket import Slug

MAX_TEAMS = 50
router = APIRouter()
Teams = Annotated[tuple[Slug, ...], Field(max_length=MAX_TEAMS)]


class NewPerson(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: Email
    name: Name
    role: Role
    password: Password
    teams: Teams = ()
    tier: Slug = DEFAULT_TIER


class PersonEdit(BaseModel):
    """What to change; what is not named stays."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    role: Role | None = None
    teams: Teams | None = None
    is_active: bool | None = None
    tier: Slug | None = None


class UserOut(PersonOut):
    """A person, as admins see them."""

    tier: Slug = Field(description="What kind of customer the person is; SLA policies may ask for it.")


class PeoplePageOut(BaseModel):
    items: list[UserOut]
    next_cursor: str | None


class NewNamedSlug(BaseModel):
    model_config = ConfigDict(extra="forbid")
    slug: Slug
    name: Name


class NamedSlugOut(BaseModel):
    slug: Slug
    name: str


class NamedSlugsOut(BaseModel):
    items: list[NamedSlugOut]


class AgentOut(BaseModel):
    """Somebody who may be given tickets."""

    id: PersonId
    name: str
    role: Role
    teams: tuple[Slug, ...]


class AgentsOut(BaseModel):
    items: list[AgentOut]


class Skill(BaseModel):
    """A skill and its level: from 1, has begun, to 5, teaches others. From 4 on somebody counts as senior in it."""

    model_config = ConfigDict(extra="forbid")
    skill: Slug
    level: Annotated[int, Field(ge=1, le=5)]


class Skills(BaseModel):
    model_config = ConfigDict(extra="forbid")
    items: Annotated[tuple[Skill, ...], Field(max_length=100)]


class SkillsOut(BaseModel):
    items: list[Skill]


@router.get("/users", tags=["users"])
async def list_users(
    desk: InDesk,
    reader: AsReader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
) -> PeoplePageOut:
    """All people; for admins."""
    check_admin(reader)
    try:
        after = None if cursor is None else PersonId(UUID(cursor))
    except ValueError as error:
        raise InvalidError("This cursor was not made by this list.") from error
    people = await desk.people.page(after, limit + 1)
    next_cursor = str(people[limit - 1].id) if len(people) > limit else None
    return PeoplePageOut(items=[_user_out(person) for person in people[:limit]], next_cursor=next_cursor)


@router.post("/users", tags=["users"], status_code=status.HTTP_201_CREATED)
async def add_user(body: NewPerson, desk: InDesk, reader: AsReader, key: Key) -> UserOut:
    """Add a person; for admins."""
    check_admin(reader)
    hashed = await desk.passwords.hash(body.password.get_secret_value())
    request_key = without_password(key.id, body) if key.is_given else None
    person = await desk.people.add(body.email, body.name, body.role, hashed, body.teams, request_key, tier=body.tier)
    return _user_out(person)


@router.patch("/users/{person}", tags=["users"])
async def edit_user(person: UUID, body: PersonEdit, desk: InDesk, reader: AsReader) -> UserOut:
    """Change what is named of a person; for admins. It takes effect at once, on open streams too."""
    check_admin(reader)
    changed = await desk.people.change(
        PersonId(person),
        reader,
        name=body.name,
        role=body.role,
        is_active=body.is_active,
        teams=body.teams,
        tier=body.tier,
    )
    return _user_out(changed)


@router.get("/agents", tags=["agents"])
async def list_agents(desk: InDesk, reader: AsReader) -> AgentsOut:
    """Everyone who may be given tickets; for the desk."""
    check_desk(reader)
    people = await desk.people.agents()
    items = [AgentOut(id=person.id, name=person.name, role=person.role, teams=person.teams) for person in people]
    return AgentsOut(items=items)


@router.get("/agents/{person}/skills", tags=["agents"])
async def get_skills(person: UUID, desk: InDesk, reader: AsReader) -> SkillsOut:
    """What somebody of the desk can do; for the desk."""
    check_desk(reader)
    return _skills(await desk.skills.of(PersonId(person)))


@router.put("/agents/{person}/skills", tags=["agents"])
async def set_skills(person: UUID, body: Skills, desk: InDesk, reader: AsReader) -> SkillsOut:
    """Make these all of somebody's skills; for supervisors."""
    check_supervisor(reader)
    levels = {skill.skill: skill.level for skill in body.items}
    if len(levels) < len(body.items):
        raise InvalidError("A skill has one level.")
    await desk.skills.set(PersonId(person), levels)
    return _skills(levels)


@router.get("/teams", tags=["teams"])
async def list_teams(desk: InDesk, reader: AsReader) -> NamedSlugsOut:
    return _named(await desk.directory.teams())


@router.post("/teams", tags=["teams"], status_code=status.HTTP_201_CREATED)
async def add_team(body: NewNamedSlug, desk: InDesk, reader: AsReader, key: Key) -> NamedSlugOut:
    """Add a team; for admins."""
    check_admin(reader)
    team = await desk.directory.add_team(body.slug, body.name, key.request_key)
    return NamedSlugOut(slug=team.slug, name=team.name)


@router.get("/categories", tags=["categories"])
async def list_categories(desk: InDesk, reader: AsReader) -> NamedSlugsOut:
    return _named(await desk.directory.categories())


@router.post("/categories", tags=["categories"], status_code=status.HTTP_201_CREATED)
async def add_category(body: NewNamedSlug, desk: InDesk, reader: AsReader, key: Key) -> NamedSlugOut:
    """Add a category; for admins."""
    check_admin(reader)
    category = await desk.directory.add_category(body.slug, body.name, key.request_key)
    return NamedSlugOut(slug=category.slug, name=category.name)


def _skills(levels: dict[Slug, int]) -> SkillsOut:
    return SkillsOut(items=[Skill(skill=skill, level=level) for skill, level in sorted(levels.items())])


def _user_out(person: PersonRecord) -> UserOut:
    return UserOut(**person_out(person).model_dump(), tier=person.tier)


def _named(items: list[NamedSlug]) -> NamedSlugsOut:
    return NamedSlugsOut(items=[NamedSlugOut(slug=item.slug, name=item.name) for item in items])
