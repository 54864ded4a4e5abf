"""What every route needs of a request: the desk's parts, who is asking, the command's id, the revision they saw."""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Annotated, NamedTuple, cast
from uuid import uuid4

from fastapi import Depends, Header, Path, Request
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from api.credentials.browser_session import SESSION_COOKIE, BrowserSecret, check_from_our_pages
from api.state import Desk
from database.credentials import CredentialId, Principal
from database.idempotency import RequestKey
from database.people import PersonRecord
from domain.access import Audience, Reader, check_permission, ticket_scope
from domain.api_key import parse
from domain.audit import Author
from domain.errors import InvalidError, TicketNotFoundError, UnauthenticatedError
from domain.ids import ApiKeyId, CommandId, PersonId, TicketNumber, command_id_for_key
from domain.ticket import Ticket

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", bearerFormat="JWT")
_session = APIKeyCookie(
    name=SESSION_COOKIE,
    auto_error=False,
    scheme_name="session",
    description="A browser's session. Changes need `X-CSRF-Token` beside it: the value of the cookie `__Host-csrf`.",
)
_api_key = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="api_key")
Number = Annotated[TicketNumber, Path(ge=1, le=2**53, description="The ticket's number.")]
_NEVER = datetime.max.replace(tzinfo=UTC)
_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


async def desk(request: Request) -> Desk:
    """The process's parts. Not a plain function: those run in a thread, for each request."""
    return _desk(request)


def _desk(request: Request) -> Desk:
    """For what other parts depend on: FastAPI walks the whole tree of them for each request."""
    return cast(Desk, request.app.state.desk)


class SignedIn(NamedTuple):
    """Who asks, with the rights of this moment, and until when what they signed in with is good."""

    principal: Principal
    reader: Reader
    until: datetime

    @property
    def person(self) -> PersonRecord:
        return self.principal.person


class Presented(NamedTuple):
    """A credential that came with a request and is genuine; it may have been revoked since."""

    credential: CredentialId
    until: datetime
    secret_hash: bytes | None = None
    """SHA-256 of the secret that came with it; None: it came in a token that we signed."""

    def proves(self, principal: Principal) -> bool:
        """Whether it came as that credential has to come: a browser's session and a key with their secret; a key also
        in a token that we signed for it."""
        if self.secret_hash is None and principal.credential.kind == "key":
            return True
        if self.secret_hash is None or principal.secret_hash is None:
            return self.secret_hash is principal.secret_hash
        return hmac.compare_digest(self.secret_hash, principal.secret_hash)


async def presented(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    api_key: Annotated[str | None, Depends(_api_key)],
    cookie: Annotated[str | None, Depends(_session)],
) -> Presented:
    """Of several credentials the most deliberate one counts: a header before a cookie.

    Raises UnauthenticatedError without a genuine credential, CrossSiteError for a change that another site's page may
    have made.
    """
    if bearer is not None:
        return Presented(*_desk(request).tokens.check(bearer.credentials))
    if api_key is not None:
        key = parse(api_key)
        return Presented(CredentialId("key", key.id), _NEVER, key.digest)
    if cookie is not None:
        secret = BrowserSecret.parse(cookie)
        check_from_our_pages(request, secret, _desk(request).settings.public_base)
        return Presented(secret.credential, _NEVER, secret.hash)
    raise UnauthenticatedError("Sign in first: send `Authorization: Bearer <access token>` or `X-API-Key: <key>`.")


async def signed_in(request: Request, presented: Annotated[Presented, Depends(presented)]) -> SignedIn:
    """Who asks, once the operation's permission is checked.

    Raises UnauthenticatedError without a valid credential of an active person, ForbiddenError when this operation is
    not for them.
    """
    principal = await _desk(request).principals.find(presented.credential)
    if principal is None or not presented.proves(principal) or not principal.is_good(datetime.now(UTC)):
        raise UnauthenticatedError("This sign-in is not valid any more.")
    if principal.credential.kind == "key":
        _desk(request).key_uses.used(ApiKeyId(principal.credential.id))
    reader = principal.reader
    request.state.author = _author(request, principal)  # for what may be refused from here on
    check_permission(reader, request.scope["route"].name)
    until = presented.until if principal.expires_at is None else min(presented.until, principal.expires_at)
    return SignedIn(principal, reader, until)


def header_text(request: Request, name: str) -> str:
    """A header as a text that can be stored; empty when there is none."""
    return request.headers.get(name, "").replace("\0", "")


async def author(request: Request, signed: Annotated[SignedIn, Depends(signed_in)]) -> Author:
    """As whom a change is written into the audit trail."""
    return _author(request, signed.principal)


def _author(request: Request, principal: Principal) -> Author:
    return Author(principal.person.id, principal.person.role, address_of(request), str(principal.credential))


def address_of(request: Request) -> str | None:
    """The caller's address of the network."""
    return None if request.client is None else request.client.host


async def reader(signed: Annotated[SignedIn, Depends(signed_in)]) -> Reader:
    return signed.reader


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and body give the same answer and one effect.",
    ),
]


class CommandKey(NamedTuple):
    """Under which id a request acts, and the digest that tells a repeated request from a reused key."""

    id: CommandId
    fingerprint: str
    is_given: bool

    @property
    def request_key(self) -> RequestKey | None:
        """The key that the caller gave, if any."""
        return RequestKey(self.id, self.fingerprint) if self.is_given else None


def without_password(id: CommandId, body: BaseModel) -> RequestKey:
    """The key of a request that brings a password: its digest, which is stored, must not help to guess that."""
    text = body.model_dump_json(exclude={"password"})
    return RequestKey(id, hashlib.sha256(f"{type(body).__name__} {text}".encode()).hexdigest())


async def command_key(
    request: Request, signed: Annotated[SignedIn, Depends(signed_in)], key: IdempotencyKey = None
) -> CommandKey:
    return await _command_key(request, signed.person.id, key)


async def _command_key(request: Request, person: PersonId, key: str | None) -> CommandKey:
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    digest.update(await request.body())
    id = CommandId(uuid4()) if key is None else command_id_for_key(person, key)
    return CommandKey(id, digest.hexdigest(), key is not None)


IfMatch = Annotated[
    str | None, Header(alias="If-Match", description='The revision that the caller saw, as in ETag: `"7"`.')
]


async def expected_revision(if_match: IfMatch = None) -> int | None:
    """Raises InvalidError when the header holds no revision."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise InvalidError('If-Match takes one revision as its ETag was: "7".')
    return int(match[1])


class Asked(NamedTuple):
    """Who asks something of a ticket, how it stands, and under which id and at which revision they ask."""

    signed: SignedIn
    number: TicketNumber
    found: tuple[Ticket, Audience] | None
    key: CommandKey
    expected: int | None

    @property
    def reader(self) -> Reader:
        return self.signed.reader

    def ticket(self) -> Ticket:
        """The ticket's state without its wording and names: all that a command needs.

        Raises TicketNotFoundError when there is none that the reader may see.
        """
        return self._seen()[0]

    def audience(self) -> Audience:
        """Whom the ticket concerns. Raises TicketNotFoundError as above."""
        return self._seen()[1]

    def _seen(self) -> tuple[Ticket, Audience]:
        if self.found is None or not ticket_scope(self.reader).includes(self.found[1]):
            raise TicketNotFoundError(f"There is no ticket {self.number}.")
        return self.found


async def asked_before_body(
    request: Request,
    number: Number,
    signed: Annotated[SignedIn, Depends(signed_in)],
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Asked:
    """As `asked`, for a body that the route reads itself, later and piece by piece: the key has no fingerprint yet."""
    found = await _desk(request).tickets.standing(number)
    id = CommandId(uuid4()) if key is None else command_id_for_key(signed.person.id, key)
    return Asked(signed, number, found, CommandKey(id, "", key is not None), await expected_revision(if_match))


async def asked(
    request: Request,
    number: Number,
    signed: Annotated[SignedIn, Depends(signed_in)],
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Asked:
    """All that a command needs of its request. Raises InvalidError."""
    found = await _desk(request).tickets.standing(number)
    own_key = await _command_key(request, signed.person.id, key)
    return Asked(signed, number, found, own_key, await expected_revision(if_match))


InDesk = Annotated[Desk, Depends(desk)]
AsReader = Annotated[Reader, Depends(reader)]
AsAuthor = Annotated[Author, Depends(author)]
Signed = Annotated[SignedIn, Depends(signed_in)]
Ask = Annotated[Asked, Depends(asked)]
AskBeforeBody = Annotated[Asked, Depends(asked_before_body)]
Key = Annotated[CommandKey, Depends(command_key)]
Expected = Annotated[int | None, Depends(expected_revision)]
