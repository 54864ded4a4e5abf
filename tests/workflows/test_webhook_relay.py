"""The relay: whoever something waits for is called, until they are reached, and not more often than it helps."""

import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from database.webhook_outbox import Taken
from domain.ids import WebhookId
from tests.workflows.engine_desk import eventually
from workflows.client import EngineUnavailableError
from workflows.webhook_relay import CALL_REST_SECONDS, WebhookRelay

ONE, OTHER = WebhookId(UUID(int=1)), WebhookId(UUID(int=2))


class Outbox:
    """Gives what it was filled with, look by look; away while `is_down`."""

    def __init__(self, *taken: Taken, behind: tuple[WebhookId, ...] = ()) -> None:
        self.taken = list(taken)
        self.overdue = list(behind)
        self.looks = 0
        self.is_down = False

    async def take(self) -> Taken:
        self.looks += 1
        if self.is_down:
            raise ConnectionError("the database is away")
        return self.taken.pop(0) if self.taken else Taken()

    async def behind(self) -> list[WebhookId]:
        found, self.overdue = self.overdue, []
        return found


class Webhooks:
    """Count their calls; some cannot be reached."""

    def __init__(self, *unreached: WebhookId) -> None:
        self.unreached = set(unreached)
        self.calls: list[WebhookId] = []
        self.mended: list[WebhookId] = []

    async def mend(self, webhook: WebhookId) -> None:
        await self.look(webhook)
        self.mended.append(webhook)

    async def look(self, webhook: WebhookId) -> None:
        if webhook in self.unreached:
            raise EngineUnavailableError("away")
        self.calls.append(webhook)


async def test_who_hears_of_something_new_is_called() -> None:
    webhooks = Webhooks()
    relay = WebhookRelay(Outbox(Taken(frozenset({ONE, OTHER}), has_more=True)), webhooks)

    assert await relay.look() is True
    assert await relay.look() is False
    assert webhooks.calls == [ONE, OTHER]


async def test_who_could_not_be_called_is_called_again_and_holds_up_nobody() -> None:
    webhooks = Webhooks(ONE)
    relay = WebhookRelay(Outbox(Taken(frozenset({ONE, OTHER}))), webhooks)
    with pytest.raises(EngineUnavailableError):
        await relay.look()
    assert webhooks.calls == [OTHER]

    webhooks.unreached.clear()
    await relay.look()
    assert webhooks.calls == [OTHER, ONE]


async def test_who_was_just_called_rests_and_who_is_overdue_is_found() -> None:
    webhooks = Webhooks()
    relay = WebhookRelay(Outbox(*[Taken(frozenset({ONE}))] * 5, behind=(OTHER,)), webhooks)
    for _ in range(5):
        await relay.look()
    assert webhooks.calls == [ONE, OTHER], "in the order of their ids"
    assert webhooks.mended == [OTHER]


async def test_a_bell_during_a_call_is_heard() -> None:
    """The line that is being called may have looked already."""

    class Rung(Webhooks):
        async def look(self, webhook: WebhookId) -> None:
            await super().look(webhook)
            if len(self.calls) == 1:
                relay.call(str(ONE))

    webhooks = Rung()
    relay = WebhookRelay(Outbox(Taken(frozenset({ONE}))), webhooks)

    await relay.look()
    await asyncio.sleep(CALL_REST_SECONDS)
    await relay.look()

    assert webhooks.calls == [ONE, ONE]


async def test_it_runs_through_faults_and_hears_its_bells() -> None:
    outbox, webhooks = Outbox(), Webhooks()
    outbox.is_down = True
    relay = WebhookRelay(outbox, webhooks)
    running = asyncio.create_task(relay.run())

    async def looks() -> int:
        return outbox.looks

    async def calls() -> list[WebhookId]:
        return webhooks.calls

    try:
        await eventually(looks, lambda count: count > 0)
        outbox.is_down = False
        relay.call(str(ONE))
        relay.call()
        await eventually(calls, lambda found: found == [ONE])
        outbox.taken.append(Taken(frozenset({OTHER})))
        relay.ring()
        await eventually(calls, lambda found: found == [ONE, OTHER])
        relay.call(str(ONE))
        await eventually(calls, lambda found: found == [ONE, OTHER, ONE])
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def test_a_bell_carries_an_id() -> None:
    with pytest.raises(ValueError, match="UUID"):
        WebhookRelay(Outbox(), Webhooks()).call(f"not {uuid4()}")
