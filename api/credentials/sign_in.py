"""Who signs in, proven by password and, where there is one, by the second factor."""

from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api.credentials.throttle import client_address, count_attempt
from api.http.texts import Text
from api.state import Desk
from database.people import PersonRecord
from domain.audit import Author
from domain.email_address import email_key
from domain.errors import EmailNotVerifiedError, InvalidCredentialsError, SecondFactorRequiredError
from domain.password import MAX_PASSWORD
from domain.throttle import Attempt, counted_for

OldPassword = Annotated[SecretStr, Field(max_length=MAX_PASSWORD)]
Code = Annotated[Text, Field(max_length=40, description="Of the second factor: six digits, or a recovery code.")]


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: Annotated[Text, Field(max_length=254)]
    password: OldPassword
    code: Code | None = None


async def proven_person(desk: Desk, request: Request, login: Login) -> PersonRecord:
    """Whoever the login proves to be.

    Raises InvalidCredentialsError, the same for a wrong address and a wrong password, and after the right password
    only EmailNotVerifiedError, SecondFactorRequiredError or SecondFactorInvalidError; TooManyAttemptsError.
    """
    person = await desk.people.find_by_email(login.email)
    if not await is_password_right(desk, request, login.email, person, login.password.get_secret_value()):
        raise InvalidCredentialsError("Address or password is wrong.")
    assert person is not None
    if person.email_verified_at is None and desk.settings.email_verification == "required":
        raise EmailNotVerifiedError("Use the link in the mail that you got first, or have it sent once more.")
    await check_second_factor(desk, request, person, login.code)
    return person


async def is_password_right(
    desk: Desk, request: Request, email: str, person: PersonRecord | None, password: str
) -> bool:
    """Counted as an attempt until it is right. Nobody's password takes as long. Raises TooManyAttemptsError."""
    address = client_address(request)
    is_trusted = await desk.sessions.is_known_from(person.id if person else None, address)
    counted = counted_for(Attempt.LOGIN, address, email_key(email), is_trusted=is_trusted)
    at = await count_attempt(desk, counted)
    known = person.password_hash if person is not None and person.is_active and person.kind == "person" else None
    is_right, fresh = await desk.passwords.verify(password, known)
    if is_right:
        await desk.throttles.forgive(counted, at)
    if is_right and fresh is not None and person is not None and known is not None:
        await desk.people.rehash(person.id, known, fresh, Author(person.id, person.role, address, "password"))
    return is_right


async def check_second_factor(desk: Desk, request: Request, person: PersonRecord, code: str | None) -> None:
    """Raises SecondFactorRequiredError without a code where one is needed, SecondFactorInvalidError for a wrong one,
    TooManyAttemptsError."""
    factor = await desk.factors.read(person.id)
    if factor is None or not factor.is_confirmed:
        return
    if code is None:
        raise SecondFactorRequiredError("Send a code of your second factor as `code`.")
    counted = counted_for(Attempt.FACTOR, client_address(request), str(person.id))
    at = await count_attempt(desk, counted)
    await desk.factors.use(person.id, factor, code, at)
    await desk.throttles.forgive(counted, at)
