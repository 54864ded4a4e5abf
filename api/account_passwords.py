"""One's password and address: change the one, forget it, confirm the other."""

from typing import Annotated

from fastapi import BackgroundTasks, Request, status
from pydantic import BaseModel, ConfigDict, Field

from api.auth import MailPromised, Password
from api.credentials.sign_in import OldPassword, is_password_right
from api.credentials.signed_links import SignedLinks
from api.credentials.throttle import client_address, count_attempt, may_send_mail
from api.http.area_router import AreaRouter
from api.http.texts import Text
from api.requests import AsAuthor, InDesk, Signed
from api.state import Desk
from domain.account_mail import LinkPurpose, SignedLink
from domain.email_address import email_key
from domain.errors import InvalidCredentialsError
from domain.throttle import Attempt, counted_for

PROMISED = MailPromised(detail="If there is such an account, a mail is on its way to it.")
router = AreaRouter(prefix="/auth", tags=["auth"])


class PasswordChange(BaseModel):
    model_config = ConfigDict(extra="forbid")
    old_password: OldPassword
    password: Password


class Forgotten(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: Annotated[Text, Field(max_length=254)]


class PasswordReset(BaseModel):
    model_config = ConfigDict(extra="forbid")
    token: Annotated[Text, Field(max_length=2000, description="From the link in the mail.")]
    password: Password


class EmailVerification(BaseModel):
    model_config = ConfigDict(extra="forbid")
    token: Annotated[Text, Field(max_length=2000, description="From the link in the mail.")]


@router.post("/change-password", status_code=status.HTTP_204_NO_CONTENT)
async def change_password(
    body: PasswordChange, desk: InDesk, request: Request, signed: Signed, author: AsAuthor
) -> None:
    """Set another password. All other sessions end, and a mail tells so."""
    person = signed.person
    if not await is_password_right(desk, request, person.email, person, body.old_password.get_secret_value()):
        raise InvalidCredentialsError("The old password is wrong.")
    desk.passwords.check(body.password.get_secret_value(), person.email)
    hashed = await desk.passwords.hash(body.password.get_secret_value())
    await desk.accounts.change_password(person.id, hashed, signed.principal.credential.id, author)
    desk.principals.forget(person.id)


@router.post("/forgot-password", status_code=status.HTTP_202_ACCEPTED)
async def forgot_password(body: Forgotten, desk: InDesk, request: Request, later: BackgroundTasks) -> MailPromised:
    """Have a link sent by which a new password is set. The answer is the same whether or not there is such an account,
    and so is its time: the account is looked up after it."""
    await count_attempt(desk, counted_for(Attempt.MAIL, client_address(request), email_key(body.email)))
    if await may_send_mail(desk, "forgot", body.email):
        later.add_task(desk.accounts.ask_for_reset, body.email)
    return PROMISED


@router.post("/reset-password", status_code=status.HTTP_204_NO_CONTENT)
async def reset_password(body: PasswordReset, desk: InDesk) -> None:
    """Set a new password by the link of a mail, which works once. All sessions end."""
    link = _link(desk, LinkPurpose.RESET_PASSWORD, body.token)
    email = await desk.accounts.email_of(link, LinkPurpose.RESET_PASSWORD)
    desk.passwords.check(body.password.get_secret_value(), email)
    hashed = await desk.passwords.hash(body.password.get_secret_value())
    desk.principals.forget(await desk.accounts.reset_password(link, hashed))


@router.post("/verify-email", status_code=status.HTTP_204_NO_CONTENT)
async def verify_email(body: EmailVerification, desk: InDesk) -> None:
    """Confirm the address by the link of a mail. If its domain is an organisation's, the account belongs to it now."""
    link = _link(desk, LinkPurpose.VERIFY_EMAIL, body.token)
    desk.principals.forget(await desk.accounts.verify_email(link))


@router.post("/resend-verification", status_code=status.HTTP_202_ACCEPTED)
async def resend_verification(body: Forgotten, desk: InDesk, request: Request, later: BackgroundTasks) -> MailPromised:
    """Have the link of a registration sent once more. The answer is always the same, as with `forgot-password`."""
    await count_attempt(desk, counted_for(Attempt.MAIL, client_address(request), email_key(body.email)))
    if await may_send_mail(desk, "resend", body.email):
        later.add_task(desk.accounts.ask_for_verification, body.email)
    return PROMISED


def _link(desk: Desk, purpose: LinkPurpose, token: str) -> SignedLink:
    return SignedLinks(desk.keys.current().verifying).check(purpose, token)
