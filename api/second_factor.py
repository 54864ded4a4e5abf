"""One's second factor: set it up, confirm it, remove it."""

from uuid import UUID

from fastapi import Request, status
from pydantic import BaseModel, ConfigDict, Field

from api.credentials.sign_in import Code, OldPassword, check_second_factor, is_password_right
from api.credentials.throttle import client_address, count_attempt
from api.http.area_router import AreaRouter
from api.requests import AsAuthor, AsReader, InDesk, Signed
from domain.access import check_admin
from domain.errors import InvalidCredentialsError, InvalidError, NotFoundError
from domain.ids import PersonId
from domain.throttle import Attempt, counted_for

router = AreaRouter(tags=["auth"])


class FactorOut(BaseModel):
    """Whether a second factor is in force."""

    is_on: bool
    recovery_codes_left: int


class NewFactorOut(BaseModel):
    """What an authenticator app takes; it counts once a code of it was sent to `/api/auth/totp/confirm`."""

    secret: str = Field(description="Base32.")
    otpauth_uri: str = Field(description="The same, to be shown as a QR code.")


class FactorCode(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: Code


class RecoveryCodesOut(BaseModel):
    """Each works once in place of a code. They are never shown again."""

    recovery_codes: list[str]


class FactorProof(BaseModel):
    """The password, or a code of the factor."""

    model_config = ConfigDict(extra="forbid")
    password: OldPassword | None = None
    code: Code | None = None


class PasswordProof(BaseModel):
    model_config = ConfigDict(extra="forbid")
    password: OldPassword


@router.get("/auth/totp")
async def get_totp(desk: InDesk, signed: Signed) -> FactorOut:
    factor = await desk.factors.read(signed.person.id)
    is_on = factor is not None and factor.is_confirmed
    return FactorOut(is_on=is_on, recovery_codes_left=factor.codes_left if factor else 0)


@router.post("/auth/totp")
async def begin_totp(body: PasswordProof, desk: InDesk, request: Request, signed: Signed) -> NewFactorOut:
    """Make a second factor for an authenticator app. It takes the password: whoever found an open session must not be
    able to shut its owner out."""
    password = body.password.get_secret_value()
    if not await is_password_right(desk, request, signed.person.email, signed.person, password):
        raise InvalidCredentialsError("The password is wrong.")
    return NewFactorOut.model_validate((await desk.factors.begin(signed.person.id, signed.person.email))._asdict())


@router.post("/auth/totp/confirm")
async def confirm_totp(
    body: FactorCode, desk: InDesk, request: Request, signed: Signed, author: AsAuthor
) -> RecoveryCodesOut:
    """Put the factor in force by its first code. Signing in asks for one from now on; a mail tells so."""
    counted = counted_for(Attempt.FACTOR, client_address(request), str(signed.person.id))
    at = await count_attempt(desk, counted)
    codes = await desk.factors.confirm(signed.person.id, body.code, at, author)
    await desk.throttles.forgive(counted, at)
    desk.principals.forget(signed.person.id)
    return RecoveryCodesOut(recovery_codes=codes)


@router.delete("/auth/totp", status_code=status.HTTP_204_NO_CONTENT)
async def remove_totp(body: FactorProof, desk: InDesk, request: Request, signed: Signed, author: AsAuthor) -> None:
    """Sign in by the password alone again; asks for the password or a code."""
    if body.password is not None:
        password = body.password.get_secret_value()
        if not await is_password_right(desk, request, signed.person.email, signed.person, password):
            raise InvalidCredentialsError("The password is wrong.")
    elif body.code is not None:
        await check_second_factor(desk, request, signed.person, body.code)
    else:
        raise InvalidError("Send your password, or a code of the factor.")
    await desk.factors.remove(signed.person.id, author)
    desk.principals.forget(signed.person.id)


@router.delete("/users/{person}/totp", status_code=status.HTTP_204_NO_CONTENT)
async def remove_user_totp(person: UUID, desk: InDesk, reader: AsReader, author: AsAuthor) -> None:
    """Remove somebody's second factor, who lost it and their recovery codes; for admins."""
    check_admin(reader)
    if not await desk.factors.remove(PersonId(person), author):
        raise NotFoundError("There is no such person, or they have no second factor.")
    desk.principals.forget(PersonId(person))
