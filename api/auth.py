"""Sign-in: register, log in, who am I."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, status
from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr

from api.requests import IdempotencyKey, InDesk, Signed, address_of, without_password
from api.texts import Line, Text
from database.people import PersonRecord
from domain.audit import Author
from domain.errors import InvalidCredentialsError
from domain.ids import PersonId, command_id_for_key
from domain.people import Role
from domain.ticket import Slug

MIN_PASSWORD, MAX_PASSWORD = 8, 200
router = APIRouter(prefix="/auth", tags=["auth"])

Name = Annotated[Line, Field(max_length=200)]
Email = Annotated[EmailStr, Field(max_length=254)]
Password = Annotated[SecretStr, Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: Annotated[Text, Field(max_length=254)]
    password: Annotated[SecretStr, Field(max_length=MAX_PASSWORD)]


class Registration(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: Email
    name: Name
    password: Password


class PersonOut(BaseModel):
    """A person."""

    id: PersonId
    email: str
    name: str
    role: Role
    teams: tuple[Slug, ...]
    is_active: bool


class TokenOut(BaseModel):
    """An access token; send it as `Authorization: Bearer <access_token>`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a kind of token, none itself
    expires_in_seconds: int
    person: PersonOut


def person_out(person: PersonRecord) -> PersonOut:
    return PersonOut(
        id=person.id,
        email=person.email,
        name=person.name,
        role=person.role,
        teams=person.teams,
        is_active=person.is_active,
    )


@router.post("/register", status_code=status.HTTP_201_CREATED)
async def register(body: Registration, request: Request, desk: InDesk, key: IdempotencyKey = None) -> PersonOut:
    """Make an account. It is always a requester's."""
    hashed = await desk.passwords.hash(body.password.get_secret_value())
    nobody = PersonId(UUID(int=0))  # the key of somebody who is nobody yet counts for their address
    id = None if key is None else command_id_for_key(nobody, f"{body.email.lower()}:{key}")
    request_key = None if id is None else without_password(id, body)
    return person_out(
        await desk.people.add(
            body.email, body.name, Role.REQUESTER, hashed, key=request_key, by=Author(address=address_of(request))
        )
    )


@router.post("/login")
async def login(body: Login, request: Request, desk: InDesk) -> TokenOut:
    """Sign in with address and password. A wrong address and a wrong password get the same answer."""
    person = await desk.people.find_by_email(body.email)
    known = person.password_hash if person is not None and person.is_active else None
    is_right, fresh = await desk.passwords.verify(body.password.get_secret_value(), known)
    if person is None or not is_right:
        raise InvalidCredentialsError("Address or password is wrong.")
    if fresh is not None:
        await desk.people.set_password(
            person.id, fresh, Author(person.id, person.role, address_of(request), "password")
        )
    seconds = int(desk.tokens.lifetime.total_seconds())
    return TokenOut(access_token=desk.tokens.make(person.id), expires_in_seconds=seconds, person=person_out(person))


@router.get("/me")
async def me(signed: Signed) -> PersonOut:
    """The person signed in."""
    return person_out(signed.person)
