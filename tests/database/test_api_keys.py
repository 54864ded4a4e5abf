"""Keys in the database."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from database.api_keys import LISTED_DAYS, ApiKeyRecord, ApiKeyStore, KeyPlan
from database.bell import ACCESS_BELL
from database.credentials import CredentialId, CredentialStore
from database.pool import Pool
from domain.api_key import MAX_KEYS, SECRET_BYTES, ApiKey
from domain.errors import KeyOverError, LimitReachedError, NotFoundError
from domain.ids import ApiKeyId
from domain.permissions import Scope
from tests.factories import ADMIN, AGENT, OTHER_AGENT, author

BY = author(ADMIN)
SCOPES = frozenset({Scope.TICKETS_READ, Scope.EVENTS_READ})


def now() -> datetime:
    return datetime.now(UTC)


def a_key() -> ApiKey:
    return ApiKey(ApiKeyId(uuid4()), secrets.token_bytes(SECRET_BYTES))


def plan() -> KeyPlan:
    return KeyPlan("a name", SCOPES, now() + timedelta(days=1))


@pytest.fixture
def keys(pool: Pool) -> ApiKeyStore:
    return ApiKeyStore(pool)


async def added(keys: ApiKeyStore, key: ApiKey | None = None) -> ApiKeyRecord:
    return await keys.add(AGENT, key or a_key(), plan(), BY, now())


async def test_a_key_makes_its_owner_known(pool: Pool, keys: ApiKeyStore) -> None:
    key = a_key()
    record = await added(keys, key)

    principal = await CredentialStore(pool).read(CredentialId("key", key.id))

    assert principal is not None
    assert (principal.person.id, principal.scopes, principal.secret_hash) == (AGENT, SCOPES, key.digest)
    assert principal.expires_at == record.expires_at
    assert principal.is_good(now())
    assert not principal.is_good(record.expires_at)


async def test_keys_are_listed_to_their_owner_the_newest_first(pool: Pool, keys: ApiKeyStore) -> None:
    first, second = await added(keys), await added(keys)

    assert [one.id for one in await keys.of(AGENT)] == [second.id, first.id]
    assert await keys.of(OTHER_AGENT) == []
    await pool.execute(
        "update api_keys set expires_at = now() - make_interval(days => $2) where id = $1", first.id, LISTED_DAYS + 1
    )
    assert [one.id for one in await keys.of(AGENT)] == [second.id]


async def test_whoever_is_not_the_owner_finds_no_key(keys: ApiKeyStore) -> None:
    key = await added(keys)

    with pytest.raises(NotFoundError):
        await keys.read(OTHER_AGENT, key.id)
    with pytest.raises(NotFoundError):
        await keys.revoke(OTHER_AGENT, key.id, BY, now())
    with pytest.raises(NotFoundError):
        await keys.take_over(OTHER_AGENT, key.id, a_key(), now(), BY, now())


async def test_a_revocation_rings_the_bell_and_keeps_its_moment(desk_dsn: str, keys: ApiKeyStore) -> None:
    key = await added(keys)
    heard: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(desk_dsn)
    await connection.add_listener(ACCESS_BELL, lambda *said: heard.put_nowait(said[-1]))

    await keys.revoke(AGENT, key.id, BY, now())
    first = (await keys.read(AGENT, key.id)).revoked_at
    await keys.revoke(AGENT, key.id, BY, now())

    assert UUID(await asyncio.wait_for(heard.get(), 5)) == AGENT
    assert (await keys.read(AGENT, key.id)).revoked_at == first
    await connection.close()


async def test_a_taken_over_key_ends_when_its_grace_does(keys: ApiKeyStore) -> None:
    old = await added(keys)
    until = now() + timedelta(hours=1)

    new, ending = await keys.take_over(AGENT, old.id, a_key(), until, BY, now())

    assert (new.name, new.scopes, new.replaces) == (old.name, old.scopes, old.id)
    assert new.expires_at - new.created_at == old.expires_at - old.created_at
    assert ending.expires_at == until


async def test_a_key_that_is_over_is_not_taken_over(keys: ApiKeyStore) -> None:
    old = await added(keys)
    await keys.revoke(AGENT, old.id, BY, now())

    with pytest.raises(KeyOverError):
        await keys.take_over(AGENT, old.id, a_key(), now(), BY, now())
    assert len(await keys.of(AGENT)) == 1


async def test_the_limit_holds_when_many_ask_at_once(keys: ApiKeyStore) -> None:
    asked = [added(keys) for _ in range(MAX_KEYS + 5)]

    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(one, ApiKeyRecord) for one in answers) == MAX_KEYS
    assert sum(isinstance(one, LimitReachedError) for one in answers) == 5


async def test_uses_never_go_back_and_unknown_keys_are_ignored(keys: ApiKeyStore) -> None:
    key, other = await added(keys), await added(keys)
    later = now()

    await keys.note_uses({key.id: later, ApiKeyId(uuid4()): later})
    await keys.note_uses({key.id: later - timedelta(minutes=1), other.id: later})

    assert (await keys.read(AGENT, key.id)).last_used_at == later
    assert (await keys.read(AGENT, other.id)).last_used_at == later


async def test_writing_uses_waits_for_nobody(pool: Pool, keys: ApiKeyStore) -> None:
    key = await added(keys)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select from api_keys where id = $1 for update", key.id)

        await asyncio.wait_for(keys.note_uses({key.id: now()}), 5)
