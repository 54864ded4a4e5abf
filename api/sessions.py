"""Sessions: refresh them, look at them, end them; and those of browsers, which live in a cookie."""

import secrets
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from api.auth import PersonOut, TokenOut, person_out, token_out
from api.credentials.browser_session import (
    BrowserSecret,
    check_same_site,
    clear_cookies,
    new_secret,
    secret_hash,
    set_cookies,
)
from api.credentials.sign_in import Login, proven_person
from api.credentials.throttle import client_address, count_attempt
from api.http.area_router import AreaRouter
from api.http.texts import Text
from api.requests import InDesk, Signed, header_text
from api.state import Desk
from database.people import PersonRecord
from database.sessions import SessionRecord
from domain.errors import NotFoundError, RefreshInvalidError
from domain.session import BROWSER_SESSION_LIFETIME
from domain.throttle import Attempt, counted_for

LOGGED_OUT, LOGGED_OUT_EVERYWHERE, ENDED_BY_OWNER = "logout", "logout_everywhere", "ended_by_owner"
"""Why a session ended, as it is written down."""
router = AreaRouter(prefix="/auth", tags=["auth"])


class Refresh(BaseModel):
    model_config = ConfigDict(extra="forbid")
    refresh_token: Annotated[Text, Field(min_length=1, max_length=200)]


class SessionOut(BaseModel):
    """Where somebody is signed in."""

    id: UUID
    created_at: datetime
    last_used_at: datetime | None = Field(description="When it was refreshed last.")
    expires_at: datetime
    address: str = Field(description="Where they signed in from.")
    user_agent: str
    is_browser: bool
    is_this: bool = Field(description="Whether it is the one of this request.")


class SessionsOut(BaseModel):
    items: list[SessionOut]


class BrowserSessionOut(BaseModel):
    """The session is in a cookie that no script reads; send `csrf_token` as `X-CSRF-Token` with every change."""

    person: PersonOut
    csrf_token: str = Field(description="Also in the cookie `__Host-csrf`.")
    expires_at: datetime


@router.post("/refresh")
async def refresh_session(body: Refresh, desk: InDesk, request: Request) -> TokenOut:
    """Exchange the refresh token, which is good for one use, for a new one and an access token.

    Should the answer get lost, the same token may come again within 20 seconds. One that comes later was copied: 401
    `refresh_token_reused`, and the session has ended for everybody.
    """
    counted = counted_for(Attempt.REFRESH, client_address(request))
    at = await count_attempt(desk, counted)
    successor = secrets.token_urlsafe(32)
    refreshed = await desk.refresh_tokens.use(body.refresh_token, successor, at)
    await desk.throttles.forgive(counted, at)
    person = await desk.people.read(refreshed.person)
    if person is None:
        raise RefreshInvalidError("This refresh token is not valid any more; sign in again.")
    return token_out(desk, person, refreshed.session, successor, refreshed.until)


@router.post("/browser-session")
async def open_browser_session(body: Login, desk: InDesk, request: Request, response: Response) -> BrowserSessionOut:
    """Sign in a browser: as `login`, but what signs in is set as a cookie, which also event streams take."""
    check_same_site(request, desk.settings.public_base)
    return await begin_browser_session(desk, request, response, await proven_person(desk, request, body))


async def begin_browser_session(
    desk: Desk, request: Request, response: Response, person: PersonRecord
) -> BrowserSessionOut:
    """Sign in the browser of somebody who has just proven who they are."""
    secret, until = new_secret(), datetime.now(UTC) + BROWSER_SESSION_LIFETIME
    session = await desk.sessions.open(
        person.id,
        until,
        client_address(request),
        header_text(request, "User-Agent"),
        secret_hash(secret),
        person.credential_version,
    )
    cookie = BrowserSecret(session.id, secret)
    set_cookies(response, cookie, until)
    return BrowserSessionOut(person=person_out(person), csrf_token=cookie.csrf_token, expires_at=until)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def logout(desk: InDesk, signed: Signed, response: Response) -> None:
    """End this session: its tokens, its cookie and its streams."""
    await desk.sessions.revoke(signed.person.id, signed.principal.credential.id, LOGGED_OUT)
    desk.principals.forget(signed.person.id)
    clear_cookies(response)


@router.post("/logout-everywhere", status_code=status.HTTP_204_NO_CONTENT)
async def logout_everywhere(desk: InDesk, signed: Signed, response: Response) -> None:
    """End all sessions, this one too."""
    await desk.sessions.revoke_all(signed.person.id, LOGGED_OUT_EVERYWHERE)
    desk.principals.forget(signed.person.id)
    clear_cookies(response)


@router.get("/sessions")
async def list_sessions(desk: InDesk, signed: Signed) -> SessionsOut:
    """Where one is signed in, the newest first."""
    found = await desk.sessions.all_of(signed.person.id)
    return SessionsOut(items=[_session_out(one, signed.principal.credential.id) for one in found])


@router.delete("/sessions/{id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_session(id: UUID, desk: InDesk, signed: Signed) -> None:
    """End one of one's sessions."""
    if not await desk.sessions.revoke(signed.person.id, id, ENDED_BY_OWNER):
        raise NotFoundError("There is no such session of yours, or it has ended.")
    desk.principals.forget(signed.person.id)


def _session_out(session: SessionRecord, this: UUID) -> SessionOut:
    return SessionOut(**session._asdict(), is_this=session.id == this)
