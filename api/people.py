"""People and categories."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status
from pydantic import BaseModel, ConfigDict, Field

from api.agent_models import Teams
from api.auth import Email, Name, Password, PersonOut, person_out
from api.handing_back import LeftTickets, return_tickets
from api.http.area_router import AreaRouter
from api.requests import AsAuthor, AsReader, InDesk, Key, without_password
from database.people import DEFAULT_TIER, NamedSlug, PersonRecord
from domain.access import check_admin
from domain.errors import InvalidError
from domain.ids import PersonId
from domain.people import Role
from domain.ticket import Slug

router = AreaRouter()


class NewPerson(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: Email
    name: Name
    role: Role
    password: Password
    teams: Teams = ()
    tier: Slug = DEFAULT_TIER
    organisation: Slug | None = None
    sees_organisation: bool = False


class PersonEdit(BaseModel):
    """What to change; what is not named stays."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    role: Role | None = None
    teams: Teams | None = None
    is_active: bool | None = None
    tier: Slug | None = None
    organisation: Slug | None = Field(None, description="`null` takes the person out of theirs.")
    sees_organisation: bool | None = None


class UserOut(PersonOut):
    """A person, as admins see them."""

    tier: Slug = Field(description="What kind of customer the person is; SLA policies may ask for it.")
    organisation: Slug | None
    sees_organisation: bool = Field(description="Whether they see the tickets of everybody of their organisation.")


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
async def add_user(body: NewPerson, desk: InDesk, reader: AsReader, author: AsAuthor, key: Key) -> UserOut:
    """Add a person; for admins."""
    check_admin(reader)
    desk.passwords.check(body.password.get_secret_value(), body.email)
    hashed = await desk.passwords.hash(body.password.get_secret_value())
    request_key = without_password(key.id, body) if key.is_given else None
    person = await desk.people.add(
        body.email,
        body.name,
        body.role,
        hashed,
        body.teams,
        request_key,
        tier=body.tier,
        organisation=body.organisation,
        sees_organisation=body.sees_organisation,
        by=author,
    )
    return _user_out(person)


@router.patch("/users/{person}", tags=["users"])
async def edit_user(
    person: UUID, body: PersonEdit, desk: InDesk, reader: AsReader, author: AsAuthor, tickets: LeftTickets = None
) -> UserOut:
    """Change what is named of a person; for admins. It takes effect at once, on open streams too.

    Whoever has open tickets leaves the desk (is deactivated, or becomes a requester) with `tickets=return` only.
    """
    check_admin(reader)
    returns = tickets is not None and (body.is_active is False or body.role is Role.REQUESTER)
    changed = await desk.people.change(
        PersonId(person),
        author,
        name=body.name,
        role=body.role,
        is_active=body.is_active,
        teams=body.teams,
        tier=body.tier,
        organisation=body.organisation,
        leaves_organisation=body.organisation is None and "organisation" in body.model_fields_set,
        sees_organisation=body.sees_organisation,
        leaves_tickets=returns,
    )
    desk.principals.forget(changed.id)
    if returns:
        await return_tickets(desk, reader, changed.id)
    return _user_out(changed)


@router.get("/categories", tags=["categories"])
async def list_categories(desk: InDesk, reader: AsReader) -> NamedSlugsOut:
    return _named(await desk.categories.all())


@router.post("/categories", tags=["categories"], status_code=status.HTTP_201_CREATED)
async def add_category(body: NewNamedSlug, desk: InDesk, reader: AsReader, author: AsAuthor, key: Key) -> NamedSlugOut:
    """Add a category; for admins."""
    check_admin(reader)
    category = await desk.categories.add(body.slug, body.name, author, key.request_key)
    return NamedSlugOut(slug=category.slug, name=category.name)


def _user_out(person: PersonRecord) -> UserOut:
    return UserOut(
        **person_out(person).model_dump(),
        tier=person.tier,
        organisation=person.organisation,
        sees_organisation=person.sees_organisation,
    )


def _named(items: list[NamedSlug]) -> NamedSlugsOut:
    return NamedSlugsOut(items=[NamedSlugOut(slug=item.slug, name=item.name) for item in items])
