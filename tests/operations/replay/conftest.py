from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio
from aiohttp.test_utils import TestServer

from operations.replay.desk import Desk
from operations.replay.figures import Figures
from tests.operations.replay.fake_desk import FakeDesk


@pytest_asyncio.fixture
async def fake() -> FakeDesk:
    return FakeDesk()


@pytest_asyncio.fixture
async def desk(fake: FakeDesk) -> AsyncIterator[Desk]:
    """A client of the fake desk."""
    async with TestServer(fake.app()) as server, aiohttp.ClientSession() as session:
        yield Desk(session, f"http://127.0.0.1:{server.port}", Figures(), patience_s=5)
