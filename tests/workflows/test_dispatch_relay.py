"""Whoever rings has the dispatchers called: at once, again only after a rest, and until they are reached."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from domain.ticket import Slug
from workflows.client import EngineUnavailableError
from workflows.dispatch_relay import DispatchRelay


class Dispatchers:
    """Dispatchers that count their calls, and that are away while `is_away`."""

    def __init__(self) -> None:
        self.calls: list[Slug] = []
        self.is_away = False
        self.tries = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def look(self, team: Slug) -> None:
        self.tries += 1
        if self.is_away:
            raise EngineUnavailableError("away")
        self.calls.append(team)
        self.meanwhile()


class Teams:
    async def teams(self) -> list[Slug]:
        return ["billing", "support"]


@pytest.fixture
def dispatchers() -> Dispatchers:
    return Dispatchers()


@pytest.fixture
def relay(dispatchers: Dispatchers) -> DispatchRelay:
    return DispatchRelay(Teams(), dispatchers)


async def test_a_bell_with_a_name_calls_one_team_and_one_without_calls_all(
    relay: DispatchRelay, dispatchers: Dispatchers
) -> None:
    relay.ring("support")
    await relay.call()
    assert dispatchers.calls == ["support"]

    relay.ring()
    await relay.call()
    assert dispatchers.calls == ["support", "billing"], "support rests"


async def test_a_storm_of_bells_is_one_call_now_and_one_behind_it(
    relay: DispatchRelay, dispatchers: Dispatchers
) -> None:
    for _ in range(3):
        relay.ring("support")
    assert await relay.call() is None
    for _ in range(3):
        relay.ring("support")
    wait = await relay.call()

    assert dispatchers.calls == ["support"]
    assert wait is not None
    assert wait > 0


@pytest.mark.parametrize("team", ["support", "billing"])
async def test_a_bell_during_a_call_is_heard(relay: DispatchRelay, dispatchers: Dispatchers, team: Slug) -> None:
    """The dispatcher that is being called may have looked already."""

    def rings_once() -> None:
        dispatchers.meanwhile = lambda: None
        relay.ring(team)

    dispatchers.meanwhile = rings_once
    relay.ring("support")

    while (wait := await relay.call()) is not None:
        await asyncio.sleep(wait)

    assert dispatchers.calls == ["support", team]


async def test_who_could_not_be_reached_is_called_again(relay: DispatchRelay, dispatchers: Dispatchers) -> None:
    dispatchers.is_away = True
    relay.ring("support")
    with pytest.raises(EngineUnavailableError):
        await relay.call()

    dispatchers.is_away = False
    await relay.call()

    assert dispatchers.calls == ["support"]


async def test_it_runs_through_faults_and_calls_what_rang_during_a_rest(
    relay: DispatchRelay, dispatchers: Dispatchers
) -> None:
    dispatchers.is_away = True
    running = asyncio.create_task(relay.run())
    try:
        relay.ring("support")
        while not dispatchers.tries:
            await asyncio.sleep(0.01)
        dispatchers.is_away = False
        while dispatchers.calls != ["support"]:
            await asyncio.sleep(0.01)
        relay.ring("support")
        while dispatchers.calls != ["support", "support"]:
            await asyncio.sleep(0.01)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
