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
from domain.access import Reader
from domain.errors import InvalidError, UnauthenticatedError
from domain.ids import CommandId, TicketNumber, command_id_for_key

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", bearerFormat="JWT")
_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


async def desk(request: Request) -> Desk:
    """The process's parts. Not a plain function: those run in a thread, for each request."""
    return cast(Desk, request.app.state.desk)


class SignedIn(NamedTuple):
    """Who asks, with the rights of this moment, and until when the token is good."""

    person: PersonRecord
    reader: Reader
    until: datetime


async def signed_in(
    desk: Annotated[Desk, Depends(desk)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> SignedIn:
    """Raises UnauthenticatedError without a valid token of an active person."""
    if credentials is None:
        raise UnauthenticatedError("Sign in first: send `Authorization: Bearer <access token>`.")
    person_id, until = desk.tokens.check(credentials.credentials)
    person = await desk.people.read(person_id)
    if person is None or not person.is_active:
        raise UnauthenticatedError("This account is not active.")
    return SignedIn(person, person.reader, until)


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
    request: Request, reader: Annotated[Reader, Depends(reader)], key: IdempotencyKey = None
) -> CommandKey:
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    digest.update(await request.body())
    id = CommandId(uuid4()) if key is None else command_id_for_key(reader.id, key)
    return CommandKey(id, digest.hexdigest(), key is not None)


async def expected_revision(
    if_match: Annotated[
        str | None, Header(alias="If-Match", description='The revision that the caller saw, as in ETag: `"7"`.')
    ] = None,
) -> int | None:
    """Raises InvalidError when the header holds no revision."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise InvalidError('If-Match takes one revision as its ETag was: "7".')
    return int(match[1])


InDesk = Annotated[Desk, Depends(desk)]
AsReader = Annotated[Reader, Depends(reader)]
Signed = Annotated[SignedIn, Depends(signed_in)]
Key = Annotated[CommandKey, Depends(command_key)]
Expected = Annotated[int | None, Depends(expected_revision)]
Number = Annotated[TicketNumber, Path(ge=1, le=2**53, description="The ticket's number.")]
