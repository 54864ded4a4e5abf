"""A file that is sent while it is made, over real sockets: to a client that reads slowly, one that reads nothing, one
that leaves, and from a maker that fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from api.http.spooled_response import Spool, SpooledResponse
from tests.api.serving_files import not_reading, serving
from tests.workflows.engine_desk import eventually

Fill = Callable[[Spool], Awaitable[None]]
MORE_THAN_SOCKETS_HOLD = 64 * 2**20


def file(fill: Fill, stall_seconds: float = 60) -> Callable[[], SpooledResponse]:
    return lambda: SpooledResponse(fill, "text/plain", {"X-File": "1"}, stall_seconds)


async def test_what_is_there_is_sent_before_the_rest_is_made() -> None:
    has_read = asyncio.Event()

    async def fill(spool: Spool) -> None:
        spool.file.write(b"first")
        spool.offer()
        await has_read.wait()
        spool.file.write(b"last" * 100_000)

    async with serving(file(fill)) as base, httpx2.AsyncClient() as client, client.stream("GET", base) as answer:
        chunks = answer.aiter_raw()
        assert await anext(chunks) == b"first"
        has_read.set()
        rest = b"".join([chunk async for chunk in chunks])

    assert answer.headers["x-file"] == "1"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert rest == b"last" * 100_000


async def test_what_was_not_offered_is_sent_when_the_file_is_whole() -> None:
    async def fill(spool: Spool) -> None:
        spool.file.write(b"-----")
        spool.file.seek(0)
        spool.file.write(b"*")
        spool.file.seek(5)

    async with serving(file(fill)) as base, httpx2.AsyncClient() as client:
        assert (await client.get(base)).content == b"*----"


async def test_a_slow_client_does_not_keep_the_maker_waiting() -> None:
    is_made = asyncio.Event()

    async def fill(spool: Spool) -> None:
        for _ in range(MORE_THAN_SOCKETS_HOLD // 2**20):
            spool.file.write(b"x" * 2**20)
            spool.offer()
            await asyncio.sleep(0)
        is_made.set()

    async with serving(file(fill)) as base, httpx2.AsyncClient() as client, client.stream("GET", base) as answer:
        await is_made.wait()
        size = sum([len(chunk) async for chunk in answer.aiter_raw()])

    assert size == MORE_THAN_SOCKETS_HOLD


async def test_a_fault_in_the_middle_does_not_look_like_an_end(caplog: pytest.LogCaptureFixture) -> None:
    has_read = asyncio.Event()

    async def fill(spool: Spool) -> None:
        spool.file.write(b"a row\r\n")
        spool.offer()
        await has_read.wait()
        raise ValueError("the database is gone")

    async with serving(file(fill)) as base, httpx2.AsyncClient() as client:
        with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
            async with client.stream("GET", base) as answer:
                chunks = answer.aiter_raw()
                assert await anext(chunks) == b"a row\r\n"
                has_read.set()
                with pytest.raises(httpx2.TransportError):
                    await anext(chunks)


async def test_a_fault_before_the_first_byte_is_an_answer_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    async def fill(spool: Spool) -> None:
        spool.file.write(b"never offered")
        raise ValueError("no")

    async with serving(file(fill)) as base, httpx2.AsyncClient() as client:
        with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
            assert (await client.get(base)).status_code == 500


async def test_a_client_that_leaves_ends_the_making() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def fill(spool: Spool) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serving(file(fill)) as base:
        with not_reading(base):
            await begun.wait()
        await ended.wait()


async def test_a_client_that_takes_nothing_is_dropped() -> None:
    spools = list[Spool]()

    async def fill(spool: Spool) -> None:
        spools.append(spool)
        spool.file.truncate(MORE_THAN_SOCKETS_HOLD)
        spool.file.seek(MORE_THAN_SOCKETS_HOLD)

    async def is_closed() -> bool:
        return bool(spools) and spools[0].file.closed

    async with serving(file(fill, stall_seconds=0.2)) as base:
        with not_reading(base) as client:
            await eventually(is_closed, bool)
            size, last = 0, b""
            while some := client.recv(2**20):
                size, last = size + len(some), some
    assert size < MORE_THAN_SOCKETS_HOLD
    assert not last.endswith(b"0\r\n\r\n"), "it does not look whole"
