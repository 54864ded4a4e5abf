"""Sign-in at other organisations' identity providers (OpenID Connect).

    the app                       this API                               the provider
    login?code_challenge=… ─────▶ remembers the attempt ──redirect─────▶ asks who it is
    return_to?code=… ◀──redirect─ callback: claims → account ◀─redirect─ code, state
    exchange {code, code_verifier} ─▶ tokens

An attempt is tied to its browser by a cookie, and the code at its end to the app by the secret behind `code_challenge`:
a code that leaks through an address is of no use to its finder, and nobody can be signed in as somebody else by a link.
"""

import base64
import hashlib
import hmac
import logging
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode, urlsplit, urlunsplit

from fastapi import Path, Query, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse

from api.auth import TokenOut, begin_session
from api.credentials.throttle import client_address, count_attempt
from api.handing_back import return_tickets
from api.http.area_router import AreaRouter
from api.http.texts import Text
from api.requests import InDesk
from api.sessions import begin_browser_session
from api.state import Desk
from database.identities import IdentityEntry
from database.oidc_sign_ins import Attempt, SignInCode
from database.people import PersonRecord
from domain.errors import (
    AccountInactiveError,
    AgentOwnsTicketsError,
    DomainError,
    InvalidError,
    NotFoundError,
    ProviderAnswerError,
    ProviderDownError,
    SignInDeniedError,
    SignInExpiredError,
)
from domain.identity import identity_of, rights_of
from domain.throttle import Attempt as Attempts
from domain.throttle import counted_for
from integrations.identity_provider import Begun, IdentityProvider
from workflows.client import EngineUnavailableError

log = logging.getLogger(__name__)
ATTEMPT_COOKIE = "oidc_state"
COOKIE_PATH = "/api/auth/oidc"
ATTEMPT_LIFETIME = timedelta(minutes=10)
CODE_LIFETIME = timedelta(minutes=1)
_OUR_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
router = AreaRouter(prefix="/auth/oidc", tags=["auth"])

ProviderSlug = Annotated[str, Path(max_length=40)]
ReturnTo = Annotated[str, Query(max_length=500, description="A path of ours, to which the browser comes back.")]


class ProviderOut(BaseModel):
    """An identity provider to sign in at."""

    slug: str
    name: str = Field(description="For the button.")
    login_path: str


class ProvidersOut(BaseModel):
    items: list[ProviderOut]


class OidcExchange(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: Annotated[Text, Field(min_length=1, max_length=200)]
    code_verifier: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9._~-]{43,128}$", description="The secret of which `code_challenge` is the SHA-256."),
    ]


@router.get("")
async def list_oidc_providers(desk: InDesk) -> ProvidersOut:
    """Where one can sign in besides by password."""
    return ProvidersOut(
        items=[
            ProviderOut(slug=slug, name=provider.settings.name, login_path=f"{COOKIE_PATH}/{slug}/login")
            for slug, provider in desk.providers.items()
        ]
    )


@router.get("/{provider}/login", status_code=status.HTTP_302_FOUND, response_class=RedirectResponse)
async def begin_oidc_login(
    provider: ProviderSlug,
    desk: InDesk,
    request: Request,
    code_challenge: Annotated[
        str | None,
        Query(
            pattern=r"^[A-Za-z0-9_-]{43}$",
            description="SHA-256 of a secret that the app keeps until `exchange`, as base64url (PKCE's S256).",
        ),
    ] = None,
    return_to: ReturnTo = "/",
) -> Response:
    """Send the browser to the provider.

    It comes back to `return_to`: with the session's cookies; or, where an app gave its `code_challenge`, with `code`,
    which is good for one exchange within a minute; or with `sign_in_error`.
    """
    check_our_path(return_to)
    await count_attempt(desk, counted_for(Attempts.LOGIN, client_address(request)))
    found = _provider(desk, provider)
    try:
        url, begun = await found.begin(_callback_uri(desk, provider))
    except ProviderDownError as refusal:
        return _back(return_to, sign_in_error=refusal.code)
    secret, now = secrets.token_urlsafe(32), datetime.now(UTC)
    attempt = Attempt(provider, begun.state, begun.nonce, begun.code_verifier, return_to, code_challenge or "")
    await desk.oidc_sign_ins.begin(secret, attempt, now, now + ATTEMPT_LIFETIME)
    answer = RedirectResponse(url, status.HTTP_302_FOUND)
    answer.set_cookie(
        ATTEMPT_COOKIE,
        secret,
        max_age=int(ATTEMPT_LIFETIME.total_seconds()),
        path=COOKIE_PATH,
        secure=desk.settings.public_base.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/{provider}/callback", status_code=status.HTTP_302_FOUND, response_class=RedirectResponse)
async def end_oidc_login(
    provider: ProviderSlug,
    desk: InDesk,
    request: Request,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str | None, Query(max_length=4000)] = None,
    error: Annotated[str | None, Query(max_length=200)] = None,
    iss: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Where the provider sends the browser back to."""
    found = _provider(desk, provider)
    attempt = await _attempt(desk, request, provider, state)
    try:
        if error is not None:
            raise SignInDeniedError("The identity provider did not let you sign in.")
        if code is None or iss not in (None, found.settings.issuer):
            raise ProviderAnswerError("The identity provider did not answer as one.")
        begun = Begun(attempt.state, attempt.nonce, attempt.code_verifier)
        claims = await found.finish(begun, code, _callback_uri(desk, provider))
        rules = found.settings.claims
        entry = await desk.identities.enter(
            provider, identity_of(rules, claims), rights_of(rules, claims), rules.default_role, datetime.now(UTC)
        )
    except DomainError as refusal:
        log.info("sign-in at %s: %s", provider, refusal.code)
        return _back(attempt.return_to, sign_in_error=refusal.code)
    await _follow_rights(desk, entry)
    return await _signed_in(desk, request, entry.person, attempt)


@router.post("/exchange")
async def exchange_oidc_code(body: OidcExchange, request: Request, desk: InDesk) -> TokenOut:
    """Exchange the code with which the browser came back for tokens."""
    sign_in = await desk.oidc_sign_ins.take_code(body.code, datetime.now(UTC))
    if sign_in is None or not hmac.compare_digest(_challenge(body.code_verifier), sign_in.code_challenge):
        raise SignInExpiredError("This code is none, was used, or took too long. Sign in again.")
    person = await desk.people.read(sign_in.person)
    if person is None or not person.is_active:
        raise AccountInactiveError("This account is deactivated. Ask an admin.")
    return await begin_session(desk, request, person)


@router.get("/{provider}/logout", status_code=status.HTTP_302_FOUND, response_class=RedirectResponse)
async def end_oidc_session(provider: ProviderSlug, desk: InDesk, return_to: ReturnTo = "/") -> Response:
    """Send the browser to end its session at the provider, after the one here was ended."""
    check_our_path(return_to)
    found = _provider(desk, provider)
    try:
        url = await found.logout(f"{desk.settings.public_base}{return_to}")
    except ProviderDownError:
        url = None
    return RedirectResponse(url or return_to, status.HTTP_302_FOUND)


def check_our_path(path: str) -> None:
    """Raises InvalidError for anything that a browser could take for another site's address."""
    if _OUR_PATH.fullmatch(path) is None:
        raise InvalidError("`return_to` is a path of ours: it begins with one slash.")


async def _attempt(desk: Desk, request: Request, provider: str, state: str) -> Attempt:
    """The attempt that this browser began, once. Raises SignInExpiredError."""
    secret = request.cookies.get(ATTEMPT_COOKIE, "")
    attempt = await desk.oidc_sign_ins.take(secret, datetime.now(UTC))
    if (
        attempt is None
        or attempt.provider != provider
        or not hmac.compare_digest(attempt.state.encode(), state.encode())
    ):
        raise SignInExpiredError("This sign-in was not begun here, took too long, or is over. Begin anew.")
    return attempt


async def _follow_rights(desk: Desk, entry: IdentityEntry) -> None:
    """The rights count at once; whoever is no agent any more gives their tickets back."""
    desk.principals.forget(entry.person.id)
    if entry.left_desk_as is None:
        return
    try:
        await return_tickets(desk, entry.left_desk_as, entry.person.id)
    except (EngineUnavailableError, AgentOwnsTicketsError) as error:
        log.warning("%s left the desk and still has tickets: %s", entry.person.id, error)


async def _signed_in(desk: Desk, request: Request, person: PersonRecord, attempt: Attempt) -> Response:
    """Send the browser back with what it signs in by."""
    if not attempt.code_challenge:
        answer = _back(attempt.return_to)
        await begin_browser_session(desk, request, answer, person)
        return answer
    code, now = secrets.token_urlsafe(32), datetime.now(UTC)
    await desk.oidc_sign_ins.put_code(code, SignInCode(person.id, attempt.code_challenge), now, now + CODE_LIFETIME)
    return _back(attempt.return_to, code=code)


def _back(return_to: str, **said: str) -> RedirectResponse:
    parts = urlsplit(return_to)
    query = "&".join(filter(None, [parts.query, urlencode(said)]))
    answer = RedirectResponse(
        urlunsplit(("", "", parts.path, query, parts.fragment)),
        status.HTTP_302_FOUND,
    )
    answer.delete_cookie(ATTEMPT_COOKIE, path=COOKIE_PATH)
    return answer


def _provider(desk: Desk, slug: str) -> IdentityProvider:
    provider = desk.providers.get(slug)
    if provider is None:
        raise NotFoundError("There is no such identity provider.")
    return provider


def _callback_uri(desk: Desk, provider: str) -> str:
    return f"{desk.settings.public_base}{COOKIE_PATH}/{provider}/callback"


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
