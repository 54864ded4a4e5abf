"""A failure that the generator finds is counted, and a run that did not take place is no success."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp.web
import pytest

from operations.fuzz.run import FuzzError, fuzz

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Small", "version": "1"},
    "paths": {"/things": {"get": {"operationId": "things", "responses": {"200": {"description": "All"}}}}},
}


@asynccontextmanager
async def small_api(status: int) -> AsyncIterator[str]:
    """An API of one operation, which always answers this."""

    async def document(_: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.json_response(DOCUMENT)

    async def things(_: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(status=status)

    app = aiohttp.web.Application()
    app.add_routes([aiohttp.web.get("/openapi.json", document), aiohttp.web.get("/things", things)])
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("status", "failures"), [(200, 0), (500, 1), (418, 1)])
async def test_faults_and_unknown_answers_are_failures(status: int, failures: int) -> None:
    async with small_api(status) as address:
        done = await fuzz(address, "nobody", None, phases=("fuzzing",), examples=3, seed=1, tickets=[])

    assert (done.operations, done.failures > 0) == (1, failures > 0)
    assert done.requests >= 1


async def test_a_run_that_did_not_take_place_is_no_success() -> None:
    async with small_api(200) as address:
        with pytest.raises(FuzzError):
            await fuzz(f"{address}/nowhere", "nobody", None, phases=("fuzzing",), examples=1, seed=1, tickets=[])
