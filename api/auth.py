"""Sign-in: register, log in, who am I."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Request, status
from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, SecretStr

from api.credentials.sign_in import Login, proven_person
from api.credentials.throttle import client_address, count_attempt, may_send_mail
from api.http.area_router import AreaRouter
from api.http.texts import Line
from api.requests import IdempotencyKey, InDesk, Signed, header_text, without_password
from api.state import Desk
from database.credentials import CredentialId
from database.people import PersonRecord
from domain.email_address import check_scripts, email_key
from domain.ids import PersonId, command_id_for_key
from domain.password import MAX_PASSWORD, MIN_PASSWORD
from domain.people import Role
from domain.session import REFRESH_LIFETIME
from domain.throttle import Attempt, counted_for
from domain.ticket import Slug

router = AreaRouter(prefix="/auth", tags=["auth"])


def _of_one_script(address: str) -> str:
    check_scripts(address)
    return address


Name = Annotated[Line, Field(max_length=200)]
Email = Annotated[EmailStr, Field(max_length=254), AfterValidator(_of_one_script)]
Password = Annotated[SecretStr, Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]


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


class MailPromised(BaseModel):
    """What is said whether or not there is such an account."""

    detail: str


class TokenOut(BaseModel):
    """An access token; send it as `Authorization: Bearer <access_token>`. Before it ends, get the next one with the
    refresh token, which is good for one use."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a kind of token, none itself
    expires_in_seconds: int
    refresh_token: str
    refresh_expires_in_seconds: int
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


def token_out(desk: Desk, person: PersonRecord, session: CredentialId, refresh_token: str, until: datetime) -> TokenOut:
    """A fresh access token beside the refresh token for the next one, which is good until then."""
    return TokenOut(
        access_token=desk.tokens.make(person.id, session),
        expires_in_seconds=int(desk.tokens.lifetime.total_seconds()),
        refresh_token=refresh_token,
        refresh_expires_in_seconds=max(int((until - datetime.now(UTC)).total_seconds()), 0),
        person=person_out(person),
    )


@router.post("/register", status_code=status.HTTP_202_ACCEPTED)
async def register(body: Registration, desk: InDesk, request: Request, key: IdempotencyKey = None) -> MailPromised:
    """Make an account, which is always a requester's; a link in a mail confirms its address.

    The answer is the same when the address has an account already: only its owner learns so, by mail.
    """
    await count_attempt(desk, counted_for(Attempt.REGISTER, client_address(request), email_key(body.email)))
    desk.passwords.check(body.password.get_secret_value(), body.email)
    hashed = await desk.passwords.hash(body.password.get_secret_value())
    nobody = PersonId(UUID(int=0))  # the key of somebody who is nobody yet counts for their address
    id = None if key is None else command_id_for_key(nobody, f"{body.email.lower()}:{key}")
    await desk.accounts.register(
        body.email,
        body.name,
        hashed,
        None if id is None else without_password(id, body),
        may_replace=desk.settings.email_verification == "required",
        may_send=await may_send_mail(desk, "register", body.email),
    )
    return MailPromised(detail="You get a mail at this address; use the link in it.")


@router.post("/login")
async def login(body: Login, desk: InDesk, request: Request) -> TokenOut:
    """Sign in with address and password. A wrong address and a wrong password get the same answer.

    After the right password 401 `second_factor_required` asks for a `code` beside it, and 403 `email_not_verified` for
    the use of the link in the mail.
    """
    return await begin_session(desk, request, await proven_person(desk, request, body))


async def begin_session(desk: Desk, request: Request, person: PersonRecord) -> TokenOut:
    """Tokens for somebody who has just proven who they are."""
    refresh_token, now = secrets.token_urlsafe(32), datetime.now(UTC)
    session = await desk.refresh_tokens.begin(
        person.id,
        refresh_token,
        now,
        client_address(request),
        header_text(request, "User-Agent"),
        person.credential_version,
    )
    return token_out(desk, person, session, refresh_token, now + REFRESH_LIFETIME)


@router.get("/me")
async def me(signed: Signed) -> PersonOut:
    """The person signed in."""
    return person_out(signed.person)
