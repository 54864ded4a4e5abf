"""Whoever was told of something has their notifier called: at once, not twice for the same, and until it is reached."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from uuid import uuid4

import pytest

from domain.ids import NotificationId, PersonId
from tests.factories import person_id
from tests.workflows.engine_desk import eventually
from workflows.client import EngineUnavailableError, connect
from workflows.notice_relay import AT_ONCE, NoticeRelay, Told
from workflows.notifier_client import NotifierClient

ANN, BOB = person_id("ann"), person_id("bob")


class New:
    def __init__(self, person: PersonId, first: int) -> None:
        self.person = person
        self.first = NotificationId(first)


class Notices:
    """Notifications that no plan has looked at, in a database that may be away."""

    def __init__(self) -> None:
        self.new: dict[PersonId, int] = {}
        self.open: list[PersonId] = []
        self.is_down = False
        self.looks = 0

    async def told(self, limit: int) -> Sequence[Told]:
        self.looks += 1
        if self.is_down:
            raise ConnectionError("the database is away")
        return [New(person, first) for person, first in self.new.items()][:limit]

    async def waiting(self, after: PersonId | None, limit: int) -> Sequence[PersonId]:
        return [person for person in sorted(self.open) if after is None or person > after][:limit]


class Notifiers:
    """Notifiers that count their calls; some cannot be reached."""

    def __init__(self) -> None:
        self.called: list[PersonId] = []
        self.ensured: list[PersonId] = []
        self.away: set[PersonId] = set()
        self.at_once = self.most_at_once = 0

    async def look(self, person: PersonId) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if person in self.away:
            raise EngineUnavailableError("away")
        self.called.append(person)

    async def ensure(self, person: PersonId) -> None:
        self.ensured.append(person)

    async def mend(self) -> int:
        return 0


@pytest.fixture
def notices() -> Notices:
    return Notices()


@pytest.fixture
def notifiers() -> Notifiers:
    return Notifiers()


@pytest.fixture
def relay(notices: Notices, notifiers: Notifiers) -> NoticeRelay:
    return NoticeRelay(notices, notifiers)


async def test_who_was_called_is_not_called_again_for_the_same(
    relay: NoticeRelay, notices: Notices, notifiers: Notifiers
) -> None:
    notices.new = {ANN: 1}
    assert await relay.call() == 1
    assert await relay.call() == 0

    notices.new = {ANN: 2, BOB: 3}
    assert await relay.call() == 2
    assert notifiers.called == [ANN, ANN, BOB]


async def test_whose_notifier_does_not_look_is_called_again_ever_less_often(
    notices: Notices, notifiers: Notifiers
) -> None:
    relay = NoticeRelay(notices, notifiers, recall_seconds=0.05)
    notices.new = {ANN: 1}
    clock = asyncio.get_running_loop().time
    calls: list[float] = []
    while len(calls) < 4:
        if await relay.call():
            calls.append(clock())
        await asyncio.sleep(0.005)
    waits = [later - earlier for earlier, later in pairwise(calls)]
    assert waits[0] >= 0.05
    assert waits[1] >= 0.1
    assert waits[2] >= 0.2


async def test_many_are_called_some_at_once(relay: NoticeRelay, notices: Notices, notifiers: Notifiers) -> None:
    notices.new = {PersonId(uuid4()): number for number in range(100)}
    assert await relay.call() == 100
    assert len(notifiers.called) == 100
    assert notifiers.most_at_once == AT_ONCE


async def test_one_that_is_not_reached_keeps_nobody_waiting_and_is_called_again(
    relay: NoticeRelay, notices: Notices, notifiers: Notifiers
) -> None:
    notices.new = {ANN: 1, BOB: 2}
    notifiers.away = {ANN}
    with pytest.raises(EngineUnavailableError):
        await relay.call()
    assert notifiers.called == [BOB]

    notifiers.away = set()
    await relay.call()
    assert notifiers.called == [BOB, ANN]


async def test_everybody_for_whom_anything_waits_is_seen_to_page_by_page(
    notices: Notices, notifiers: Notifiers
) -> None:
    notices.open = [PersonId(uuid4()) for _ in range(25)]
    assert await NoticeRelay(notices, notifiers, batch=10).ensure() == 25
    assert sorted(notifiers.ensured) == sorted(notices.open)


async def test_the_relay_goes_on_after_a_fault_and_hears_its_bell(
    relay: NoticeRelay, notices: Notices, notifiers: Notifiers
) -> None:
    notices.is_down = True
    notices.open = [BOB]
    running = asyncio.create_task(relay.run())

    async def looks() -> int:
        return notices.looks

    async def ensured() -> list[PersonId]:
        return notifiers.ensured

    await eventually(looks, lambda count: count == 1)
    notices.is_down, notices.new = False, {ANN: 1}
    relay.ring()
    await eventually(ensured, lambda found: found == [BOB])
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert notifiers.called == [ANN]


async def test_an_engine_that_is_away_is_said_to_be(free_port_target: str) -> None:
    away = NotifierClient(await connect(free_port_target, "default", lazy=True), timeout_seconds=1)
    for reach in (away.look, away.ensure, away.last_look):
        with pytest.raises(EngineUnavailableError):
            await reach(ANN)
    with pytest.raises(EngineUnavailableError):
        await away.mend()
