"""What every route needs of a request: the desk's parts, who is asking, the command's id, the revision they saw."""

import hashlib
import re
from datetime import datetime
from typing import Annotated, NamedTuple, cast
from uuid import uuid4

from fastapi import Depends, Header, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from api.state import Desk
from database.idempotency import RequestKey
from database.people import PersonRecord
from domain.access import Reader, ticket_scope
from domain.audit import Author
from domain.errors import InvalidError, TicketNotFoundError, UnauthenticatedError
from domain.ids import CommandId, PersonId, TicketNumber, command_id_for_key
from domain.people import Role
from domain.ticket import Ticket

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", bearerFormat="JWT")
Number = Annotated[TicketNumber, Path(ge=1, le=2**53, description="The ticket's number.")]
CREDENTIAL = "access-token"
_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


async def desk(request: Request) -> Desk:
    """The process's parts. Not a plain function: those run in a thread, for each request."""
    return _desk(request)


def _desk(request: Request) -> Desk:
    """For what other parts depend on: FastAPI walks the whole tree of them for each request."""
    return cast(Desk, request.app.state.desk)


class SignedIn(NamedTuple):
    """Who asks, with the rights of this moment, and until when the token is good."""

    person: PersonRecord
    reader: Reader
    until: datetime


class Bearer(NamedTuple):
    """Whose valid token came with the request, and until when it is good. They may have been locked out since."""

    id: PersonId
    until: datetime

    def signed_in(self, person: PersonRecord | None) -> SignedIn:
        """Raises UnauthenticatedError unless they are active."""
        if person is None or not person.is_active:
            raise UnauthenticatedError("This account is not active.")
        return SignedIn(person, person.reader, self.until)


async def bearer(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Bearer:
    """Raises UnauthenticatedError without a valid token."""
    if credentials is None:
        raise UnauthenticatedError("Sign in first: send `Authorization: Bearer <access token>`.")
    bearer = Bearer(*_desk(request).tokens.check(credentials.credentials))
    request.state.author = signed_author(request, bearer.id)  # for what may be refused from here on
    return bearer


async def signed_in(request: Request, bearer: Annotated[Bearer, Depends(bearer)]) -> SignedIn:
    """Raises UnauthenticatedError without a valid token of an active person."""
    return bearer.signed_in(await _desk(request).people.read(bearer.id))


async def author(request: Request, signed: Annotated[SignedIn, Depends(signed_in)]) -> Author:
    """As whom a change is written into the audit trail."""
    return signed_author(request, signed.person.id, signed.person.role)


def signed_author(request: Request, id: PersonId, role: Role | None = None) -> Author:
    return Author(id, role, address_of(request), CREDENTIAL)


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
    request: Request, bearer: Annotated[Bearer, Depends(bearer)], key: IdempotencyKey = None
) -> CommandKey:
    return await _command_key(request, bearer, key)


async def _command_key(request: Request, bearer: Bearer, key: str | None) -> CommandKey:
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    digest.update(await request.body())
    id = CommandId(uuid4()) if key is None else command_id_for_key(bearer.id, key)
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
    found: Ticket | None
    key: CommandKey
    expected: int | None

    @property
    def reader(self) -> Reader:
        return self.signed.reader

    def ticket(self) -> Ticket:
        """The ticket's state without its wording and names: all that a command needs.

        Raises TicketNotFoundError when there is none that the reader may see.
        """
        if self.found is None or not ticket_scope(self.reader).includes(self.found):
            raise TicketNotFoundError(f"There is no ticket {self.number}.")
        return self.found


async def asked(
    request: Request,
    number: Number,
    bearer: Annotated[Bearer, Depends(bearer)],
    key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Asked:
    """All that a command needs of its request, with one trip to the database.

    Raises UnauthenticatedError without a valid token of an active person, and InvalidError.
    """
    person, found = await _desk(request).people.read_at(bearer.id, number)
    signed = bearer.signed_in(person)
    return Asked(signed, number, found, await _command_key(request, bearer, key), await expected_revision(if_match))


InDesk = Annotated[Desk, Depends(desk)]
AsReader = Annotated[Reader, Depends(reader)]
AsAuthor = Annotated[Author, Depends(author)]
Signed = Annotated[SignedIn, Depends(signed_in)]
Ask = Annotated[Asked, Depends(asked)]
Key = Annotated[CommandKey, Depends(command_key)]
Expected = Annotated[int | None, Depends(expected_revision)]
