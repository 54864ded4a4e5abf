"""One's own API keys: make, list, rotate, revoke. A key itself cannot do any of this."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Path, status
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.auth import Name
from api.http.area_router import AreaRouter
from api.requests import AsAuthor, CommandKey, InDesk, Key, Signed
from api.state import Desk
from database.api_keys import ApiKeyRecord, KeyPlan
from domain.api_key import LONGEST_GRACE, SECRET_BYTES, USUAL_GRACE, ApiKey, end_of, visible
from domain.audit import Author
from domain.ids import ApiKeyId, PersonId
from domain.permissions import GRANTABLE, Scope
from domain.ticket_commands import Moment

router = AreaRouter(prefix="/auth/api-keys", tags=["auth"])
KeyPath = Annotated[UUID, Path(description="The key's id.")]


def _grantable(scopes: frozenset[Scope]) -> frozenset[Scope]:
    if foreign := sorted(scopes - GRANTABLE):
        raise ValueError(f"no key is given the scope {', '.join(foreign)}")
    return scopes


class NewApiKey(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Name = Field(description="What it is for.")
    scopes: Annotated[frozenset[Scope], AfterValidator(_grantable)] = Field(
        min_length=1, description="What it reaches, as far as its account's role does. All but `account`."
    )
    expires_at: Moment | None = Field(default=None, description="Within a year; in 90 days when not given.")


class Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid")
    grace_seconds: int = Field(
        default=int(USUAL_GRACE.total_seconds()),
        ge=0,
        le=int(LONGEST_GRACE.total_seconds()),
        description="How long the old key stays good beside the new one.",
    )


class ApiKeyOut(BaseModel):
    """A key, without its secret."""

    id: ApiKeyId
    prefix: str = Field(description="How the key's text begins; no secret.")
    name: str
    scopes: list[Scope]
    is_good: bool = Field(description="Neither revoked nor expired.")
    created_by: PersonId | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    replaces: ApiKeyId | None = Field(description="The key that it takes over from.")


class NewApiKeyOut(ApiKeyOut):
    """A new key. Its text is shown this once; send it as `X-API-Key`."""

    key: str | None = Field(description="null in the answer to a repeated request: the text is nowhere kept.")


class ApiKeysOut(BaseModel):
    items: list[ApiKeyOut]


@router.get("")
async def list_api_keys(desk: InDesk, signed: Signed) -> ApiKeysOut:
    """One's own keys, the newest first; those that are over for ninety days."""
    return await listed(desk, signed.person.id)


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_api_key(body: NewApiKey, desk: InDesk, signed: Signed, key: Key, author: AsAuthor) -> NewApiKeyOut:
    """Make a key of one's own: it does what one may do oneself, as far as its scopes reach."""
    return await made(desk, signed.person.id, body, author, key)


@router.post("/{id}/rotate", status_code=status.HTTP_201_CREATED)
async def rotate_api_key(id: KeyPath, body: Rotation, desk: InDesk, signed: Signed, author: AsAuthor) -> NewApiKeyOut:
    """Make a key that takes over from this one, with the same name, scopes and length of life. The old one stays good
    for the grace, so that both are while its users change over."""
    return await rotated(desk, signed.person.id, ApiKeyId(id), body, author)


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_api_key(id: KeyPath, desk: InDesk, signed: Signed, author: AsAuthor) -> None:
    """Let nobody sign in with the key any more, at once. Harmless to repeat."""
    await revoked(desk, signed.person.id, ApiKeyId(id), author)


# The same for whoever's keys they are.


async def listed(desk: Desk, owner: PersonId) -> ApiKeysOut:
    now = datetime.now(UTC)
    return ApiKeysOut(items=[ApiKeyOut(**_spoken(one, now)) for one in await desk.api_keys.of(owner)])


async def made(desk: Desk, owner: PersonId, body: NewApiKey, by: Author, key: CommandKey) -> NewApiKeyOut:
    now, fresh = datetime.now(UTC), _fresh()
    plan = KeyPlan(body.name, body.scopes, end_of(body.expires_at, now))
    record = await desk.api_keys.add(owner, fresh, plan, by, now, key.request_key)
    return NewApiKeyOut(**_spoken(record, now), key=fresh.text if record.id == fresh.id else None)


async def rotated(desk: Desk, owner: PersonId, old: ApiKeyId, body: Rotation, by: Author) -> NewApiKeyOut:
    now, fresh = datetime.now(UTC), _fresh()
    until = now + timedelta(seconds=body.grace_seconds)
    record, _ = await desk.api_keys.take_over(owner, old, fresh, until, by, now)
    desk.principals.forget(owner)
    return NewApiKeyOut(**_spoken(record, now), key=fresh.text)


async def revoked(desk: Desk, owner: PersonId, id: ApiKeyId, by: Author) -> None:
    await desk.api_keys.revoke(owner, id, by, datetime.now(UTC))
    desk.principals.forget(owner)


def _fresh() -> ApiKey:
    return ApiKey(ApiKeyId(uuid4()), secrets.token_bytes(SECRET_BYTES))


def _spoken(key: ApiKeyRecord, now: datetime) -> dict[str, Any]:
    return {
        "id": key.id,
        "prefix": visible(key.id),
        "name": key.name,
        "scopes": sorted(key.scopes),
        "is_good": key.is_good(now),
        "created_by": key.created_by,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "replaces": key.replaces,
    }
