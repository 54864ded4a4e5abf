"""Our client makes of the golden stream's bytes what every client must, in whatever pieces they arrive."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest

from settings import ROOT
from tests.system.client_session import Json, Session
from tests.system.stream_client import StreamClient

CASES: list[dict[str, Any]] = json.loads((ROOT / "docs" / "golden-stream.json").read_text())["cases"]
WHOLE = CASES[0]


def pieces(text: str) -> list[list[bytes]]:
    """The bytes in two pieces, split at each place, and one by one."""
    whole = text.encode()
    return [[whole[:place], whole[place:]] for place in range(len(whole))] + [[bytes([byte]) for byte in whole]]


def http(pieces: Sequence[bytes]) -> httpx2.AsyncClient:
    """A desk whose stream is these pieces, and which has no lists."""

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path != "/api/events":
            return httpx2.Response(404)
        return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, content=stream())

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://desk")


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
async def test_the_reader_of_our_client_makes_the_same_of_them(case: dict[str, Any]) -> None:
    for parts in pieces(case["bytes"]):
        events, last_id, retry = [], "", None
        async with http(parts) as client, client.stream("GET", "/api/events") as answer:
            async for message in httpx2.EventSource(answer):
                last_id = message.id
                retry = message.retry if message.retry is not None else retry
                if message.data:
                    events.append({"id": message.id, "event": message.event, "data": message.data})

        assert (events, last_id, retry) == (case["events"], case["last_event_id"], case["retry_ms"]), parts


async def test_our_client_hears_them_and_keeps_the_cursor() -> None:
    for parts in pieces(WHOLE["bytes"]):
        heard: list[Json] = []
        async with http(parts) as client_http:
            client = StreamClient(Session(client_http, "", ""), heard=heard.append)
            client.cursor = "1.812-4700"
            client.tickets[1042] = {"number": 1042, "revision": 7, "escalation_level": 2}
            pause_seconds = await client.one_connection()

        assert heard == [json.loads(event["data"]) for event in WHOLE["events"][1:-1]]
        assert client.cursor == WHOLE["last_event_id"]
        assert pause_seconds == WHOLE["retry_ms"] / 1000
        assert client.tickets[1042]["escalation_level"] == 3
        assert client.tickets[1042]["revision"] == 8
