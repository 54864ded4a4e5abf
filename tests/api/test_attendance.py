"""What a process writes and tells of the streams that it holds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from uuid import UUID

import pytest

from api.attendance import Attendance
from domain.ids import PersonId
from tests.factories import AGENT, OTHER_AGENT, REQUESTER, reader
from workflows.client import EngineUnavailableError


class Heard:
    """The database and the engine, as far as they are told."""

    def __init__(self) -> None:
        self.rows: dict[PersonId, int] = {}
        self.writings: list[dict[PersonId, int]] = []
        self.told: set[PersonId] = set()
        self.is_database_down = False
        self.is_engine_down = False
        self._news = asyncio.Condition()

    async def keep(self, process: UUID, streams: Mapping[PersonId, int]) -> None:
        async with self._news:
            self.writings.append(dict(streams))
            self._news.notify_all()
            if self.is_database_down:
                raise ConnectionError("the database is away")
            self.rows |= streams

    async def streams_changed(self, agent: PersonId, *, connected: bool) -> None:
        assert connected
        async with self._news:
            self.told.add(agent)
            self._news.notify_all()
            if self.is_engine_down:
                raise EngineUnavailableError("the engine is away")

    async def until(self, rows: dict[PersonId, int], told: set[PersonId]) -> None:
        """Until the rows say this, and these were told."""
        async with self._news:
            await self._news.wait_for(lambda: (self.rows, self.told) == (rows, told))

    async def writes(self, times: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: len(self.writings) >= times)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def attendance(heard: Heard) -> AsyncIterator[Attendance]:
    attendance = Attendance(heard, heard)
    running = asyncio.create_task(attendance.run())
    yield attendance
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_who_comes_and_goes_is_written_and_who_comes_is_told(heard: Heard, attendance: Attendance) -> None:
    attendance.opened(reader(AGENT))
    await heard.until({AGENT: 1}, {AGENT})

    attendance.closed(reader(AGENT))
    await heard.until({AGENT: 0}, {AGENT})


async def test_one_stream_of_two_is_enough(heard: Heard, attendance: Attendance) -> None:
    attendance.opened(reader(AGENT))
    attendance.opened(reader(AGENT))
    attendance.closed(reader(AGENT))
    attendance.opened(reader(OTHER_AGENT))

    await heard.until({AGENT: 1, OTHER_AGENT: 1}, {AGENT, OTHER_AGENT})


async def test_a_hundred_who_come_at_once_are_one_writing(heard: Heard, attendance: Attendance) -> None:
    for _ in range(100):
        attendance.opened(reader(AGENT))
    attendance.opened(reader(OTHER_AGENT))

    await heard.writes(1)

    assert heard.writings == [{AGENT: 100, OTHER_AGENT: 1}]


async def test_requesters_are_not_counted(heard: Heard, attendance: Attendance) -> None:
    attendance.opened(reader(REQUESTER))
    attendance.closed(reader(REQUESTER))
    attendance.opened(reader(AGENT))

    await heard.until({AGENT: 1}, {AGENT})


async def test_what_the_database_missed_is_written_when_it_is_back(heard: Heard, attendance: Attendance) -> None:
    heard.is_database_down = True
    attendance.opened(reader(AGENT))
    await heard.writes(2)
    heard.is_database_down = False

    await heard.until({AGENT: 1}, {AGENT})


async def test_who_comes_while_the_engine_is_away_is_written_all_the_same(heard: Heard, attendance: Attendance) -> None:
    heard.is_engine_down = True
    attendance.opened(reader(AGENT))
    await heard.until({AGENT: 1}, {AGENT})
    heard.is_engine_down = False

    attendance.opened(reader(OTHER_AGENT))
    await heard.until({AGENT: 1, OTHER_AGENT: 1}, {AGENT, OTHER_AGENT})


async def test_a_process_that_leaves_says_so_of_everybody(heard: Heard, attendance: Attendance) -> None:
    attendance.opened(reader(AGENT))
    attendance.opened(reader(OTHER_AGENT))

    await attendance.leave()

    assert heard.rows == {AGENT: 0, OTHER_AGENT: 0}
