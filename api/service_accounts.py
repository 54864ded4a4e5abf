"""Accounts of services and their keys; for admins (`docs/service-accounts.md`)."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, status
from pydantic import BaseModel, ConfigDict, Field

from api.agent_models import Teams
from api.api_keys import ApiKeysOut, KeyPath, NewApiKey, NewApiKeyOut, Rotation, listed, made, revoked, rotated
from api.auth import Name
from api.http.area_router import AreaRouter
from api.requests import AsAuthor, AsReader, InDesk, Key
from database.people import PersonRecord
from domain.access import check_admin
from domain.errors import InvalidError
from domain.ids import ApiKeyId, PersonId
from domain.people import Role
from domain.ticket import Slug

router = AreaRouter(prefix="/service-accounts", tags=["service-accounts"])
AccountPath = Annotated[UUID, Path(description="The service account's id.")]


class NewServiceAccount(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Name = Field(description="What the timeline calls it.")
    role: Role = Field(description="The most that it may do; its keys' scopes narrow it.")
    teams: Teams = ()


class ServiceAccountEdit(BaseModel):
    """What to change; what is not named stays."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    role: Role | None = None
    teams: Teams | None = None
    is_active: bool | None = Field(default=None, description="`false`: none of its keys is good.")


class ServiceAccountOut(BaseModel):
    """An account that another system signs in with."""

    id: PersonId
    name: str
    role: Role
    teams: tuple[Slug, ...]
    is_active: bool


class ServiceAccountsOut(BaseModel):
    items: list[ServiceAccountOut]
    next_cursor: str | None


@router.get("")
async def list_service_accounts(
    desk: InDesk,
    reader: AsReader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
) -> ServiceAccountsOut:
    """All service accounts, the inactive ones too; for admins."""
    check_admin(reader)
    try:
        after = None if cursor is None else PersonId(UUID(cursor))
    except ValueError as error:
        raise InvalidError("This cursor was not made by this list.") from error
    accounts = await desk.service_accounts.page(after, limit + 1)
    next_cursor = str(accounts[limit - 1].id) if len(accounts) > limit else None
    return ServiceAccountsOut(items=[_spoken(one) for one in accounts[:limit]], next_cursor=next_cursor)


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_service_account(
    body: NewServiceAccount, desk: InDesk, reader: AsReader, author: AsAuthor, key: Key
) -> ServiceAccountOut:
    """Add an account for another system; for admins. It has no password: it signs in with the keys it is given."""
    check_admin(reader)
    return _spoken(await desk.service_accounts.add(body.name, body.role, body.teams, author, key.request_key))


@router.get("/{account}")
async def get_service_account(account: AccountPath, desk: InDesk, reader: AsReader) -> ServiceAccountOut:
    """One service account; for admins."""
    check_admin(reader)
    return _spoken(await desk.service_accounts.read(PersonId(account)))


@router.patch("/{account}")
async def edit_service_account(
    account: AccountPath, body: ServiceAccountEdit, desk: InDesk, reader: AsReader, author: AsAuthor
) -> ServiceAccountOut:
    """Change what is named of a service account; for admins. It takes effect at once, on open streams too."""
    check_admin(reader)
    changed = await desk.service_accounts.change(
        PersonId(account), author, name=body.name, role=body.role, teams=body.teams, is_active=body.is_active
    )
    desk.principals.forget(changed.id)
    return _spoken(changed)


@router.get("/{account}/keys")
async def list_service_account_keys(account: AccountPath, desk: InDesk, reader: AsReader) -> ApiKeysOut:
    """The account's keys, the newest first; for admins."""
    check_admin(reader)
    return await listed(desk, (await desk.service_accounts.read(PersonId(account))).id)


@router.post("/{account}/keys", status_code=status.HTTP_201_CREATED)
async def add_service_account_key(
    account: AccountPath, body: NewApiKey, desk: InDesk, reader: AsReader, author: AsAuthor, key: Key
) -> NewApiKeyOut:
    """Make a key for the account; for admins."""
    check_admin(reader)
    return await made(desk, (await desk.service_accounts.read(PersonId(account))).id, body, author, key)


@router.post("/{account}/keys/{id}/rotate", status_code=status.HTTP_201_CREATED)
async def rotate_service_account_key(
    account: AccountPath, id: KeyPath, body: Rotation, desk: InDesk, reader: AsReader, author: AsAuthor
) -> NewApiKeyOut:
    """Make a key that takes over from this one; for admins. The old one stays good for the grace."""
    check_admin(reader)
    owner = (await desk.service_accounts.read(PersonId(account))).id
    return await rotated(desk, owner, ApiKeyId(id), body, author)


@router.delete("/{account}/keys/{id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_service_account_key(
    account: AccountPath, id: KeyPath, desk: InDesk, reader: AsReader, author: AsAuthor
) -> None:
    """Let nobody sign in with the account's key any more, at once; for admins. Harmless to repeat."""
    check_admin(reader)
    await revoked(desk, (await desk.service_accounts.read(PersonId(account))).id, ApiKeyId(id), author)


def _spoken(account: PersonRecord) -> ServiceAccountOut:
    return ServiceAccountOut(
        id=account.id, name=account.name, role=account.role, teams=account.teams, is_active=account.is_active
    )
