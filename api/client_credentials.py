"""`POST /api/auth/token`: a service account's key for a short access token (OAuth 2 client credentials).

RFC 6749, 4.4: the client's id is the key's id, its secret the key, or the secret part of it. Clients of OAuth read
`error` (5.2), everybody else `code`: a refusal is the contract's problem document with the RFC's members added.
"""

import base64
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Annotated, Literal, NamedTuple
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import Form, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from api.http.area_router import AreaRouter
from api.http.problems import MEDIA_TYPE, Problem
from api.requests import InDesk
from api.state import Desk
from database.credentials import CredentialId, Principal
from domain.api_key import digest_of, parse, parse_secret
from domain.errors import UnauthenticatedError
from domain.ids import ApiKeyId

GRANT = "client_credentials"
NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
router = AreaRouter(prefix="/auth", tags=["auth"])

OAuthError = Literal[
    "invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"
]
Value = Annotated[str | None, Form(max_length=1000)]


class ClientToken(BaseModel):
    """An access token of a service account, as RFC 6749, 5.1 has it."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a kind of token, none itself
    expires_in: int = Field(description="Seconds.")
    scope: str = Field(description="The scopes of the key, separated by spaces; always all of them.")


class OAuthProblem(Problem):
    """Why there is no token: `error` and `error_description` are RFC 6749's, the rest is as everywhere."""

    error: OAuthError
    error_description: str


class _Refusal(Exception):  # noqa: N818  told by its answer, never seen outside of this file
    def __init__(self, error: OAuthError, detail: str) -> None:
        self.error: OAuthError = error
        self.detail = detail


class _Client(NamedTuple):
    """Who asks, as they say."""

    id: str
    secret: str


@router.post(
    "/token",
    response_model=ClientToken,
    responses={
        status: {"model": OAuthProblem, "content": {MEDIA_TYPE: {}}, "description": text}
        for status, text in {400: "No such grant", 401: "No such client"}.items()
    },
)
async def make_token(
    request: Request,
    desk: InDesk,
    grant_type: Value = None,
    client_id: Value = None,
    client_secret: Value = None,
    scope: Value = None,
) -> Response:
    """A short access token for a service account (OAuth 2 client credentials): by a form, or HTTP Basic with the key's
    id and the key."""
    try:
        _check_grant(grant_type)
        principal = await _principal(desk, _client(request, client_id, client_secret))
        granted = _granted(principal, scope)
    except _Refusal as refusal:
        return _refused(refusal)
    lifetime = desk.tokens.lifetime
    if principal.expires_at is not None:
        lifetime = min(lifetime, principal.expires_at - datetime.now(UTC))
    token = ClientToken(
        access_token=desk.tokens.make(principal.person.id, principal.credential),
        expires_in=int(lifetime.total_seconds()),
        scope=" ".join(granted),
    )
    return JSONResponse(token.model_dump(), headers=NOT_KEPT)


def _check_grant(grant_type: str | None) -> None:
    if grant_type is None:
        raise _Refusal("invalid_request", "`grant_type` is missing.")
    if grant_type != GRANT:
        raise _Refusal("unsupported_grant_type", f"There is only the grant `{GRANT}`.")


def _granted(principal: Principal, asked: str | None) -> list[str]:
    """All scopes of the key: a token is never narrower."""
    granted = sorted(principal.scopes or ())
    if not set((asked or "").split()) <= set(granted):
        raise _Refusal("invalid_scope", "The key has not all of these scopes.")
    return [str(scope) for scope in granted]


def _client(request: Request, id: str | None, secret: str | None) -> _Client:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        if secret is not None:
            raise _Refusal("invalid_request", "Send the secret one way: as a form, or by HTTP Basic.")
        try:
            user, _, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
        except ValueError as error:
            raise _Refusal("invalid_client", "The `Authorization` header is no HTTP Basic.") from error
        return _Client(unquote_plus(user), unquote_plus(password))
    if id is None or secret is None:
        raise _Refusal("invalid_request", "`client_id` and `client_secret` are missing.")
    return _Client(id, secret)


async def _principal(desk: Desk, client: _Client) -> Principal:
    """The account behind a good key. Raises _Refusal; a wrong id and a wrong secret get the same answer."""
    wrong = _Refusal("invalid_client", "There is no such key, or it is not good any more.")
    try:
        id, digest = ApiKeyId(UUID(client.id)), digest_of(_secret(client))
    except (ValueError, UnauthenticatedError) as error:
        raise wrong from error
    principal = await desk.principals.find(CredentialId("key", id))
    if principal is None or not compare_digest(digest, principal.secret_hash or b""):
        raise wrong
    if not principal.is_good(datetime.now(UTC)):
        raise wrong
    desk.key_uses.used(id)
    if principal.person.kind != "service":
        raise _Refusal("unauthorized_client", "Only keys of service accounts are given tokens; send it as `X-API-Key`.")
    return principal


def _secret(client: _Client) -> bytes:
    """Raises UnauthenticatedError for what is neither a secret nor a key of this id."""
    if "_" not in client.secret:
        return parse_secret(client.secret)
    key = parse(client.secret)
    if key.id != UUID(client.id):
        raise UnauthenticatedError("The key is another one's.")
    return key.secret


def _refused(refusal: _Refusal) -> JSONResponse:
    status, title = (401, "Unauthorized") if refusal.error == "invalid_client" else (400, "Bad Request")
    body = OAuthProblem(
        type=f"urn:smart-ticketing:problem:{refusal.error}",
        title=title,
        status=status,
        detail=refusal.detail,
        code=refusal.error,
        error=refusal.error,
        error_description=refusal.detail,
    )
    headers = NOT_KEPT | ({"WWW-Authenticate": 'Basic realm="smart-ticketing"'} if status == 401 else {})
    return JSONResponse(body.model_dump(), status_code=status, headers=headers, media_type=MEDIA_TYPE)
