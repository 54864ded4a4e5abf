"""When keys were used is noted at once and written seldom."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import uuid4

from api.credentials.key_uses import KeyUses
from domain.ids import ApiKeyId

ONE, OTHER = ApiKeyId(uuid4()), ApiKeyId(uuid4())


class FakeKeys:
    """Keeps what it was told to write, and fails as often as it was told to."""

    def __init__(self, failures: int = 0) -> None:
        self.written: list[set[ApiKeyId]] = []
        self._failures = failures
        self.tried = asyncio.Event()

    async def note_uses(self, uses: Mapping[ApiKeyId, datetime]) -> None:
        self.tried.set()
        if self._failures:
            self._failures -= 1
            raise ConnectionRefusedError("the database is away")
        self.written.append(set(uses))


@asynccontextmanager
async def running(uses: KeyUses) -> AsyncIterator[None]:
    task = asyncio.create_task(uses.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_first_use_is_written_at_once_and_the_next_ones_wait() -> None:
    keys = FakeKeys()
    uses = KeyUses(keys, write_every_seconds=3600)
    async with running(uses):
        uses.used(ONE)
        await asyncio.wait_for(keys.tried.wait(), 5)
        for _ in range(100):
            uses.used(ONE)
            uses.used(OTHER)
            await asyncio.sleep(0)

        assert keys.written == [{ONE}]
    await uses.write()
    assert keys.written == [{ONE}, {ONE, OTHER}]


async def test_nothing_is_written_when_nothing_was_used() -> None:
    keys = FakeKeys()

    await KeyUses(keys).write()

    assert keys.written == []


async def test_what_could_not_be_written_is_written_later() -> None:
    keys = FakeKeys(failures=1)
    uses = KeyUses(keys)
    uses.used(ONE)

    await uses.write()
    assert keys.written == []
    uses.used(OTHER)
    await uses.write()

    assert keys.written == [{ONE, OTHER}]
