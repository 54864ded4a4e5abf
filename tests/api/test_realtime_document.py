"""The examples of docs/realtime.md run, and its table has every event."""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from settings import ROOT, Settings
from tests.api.desk_api import ApiDesk, opened
from tests.api.listening import StreamServer, stream_server
from tests.domain.test_ticket_events import EVENTS
from tests.system.node import node

TEXT = (ROOT / "docs" / "realtime.md").read_text()
CALL = """
await follow(process.env.DESK, process.env.TOKEN, process.env.CURSOR, (event) => {
  console.log(`${event.type} ${event.ticket}`);
}, () => console.log('reset'));
"""
GOLDEN = """
const { cases } = JSON.parse(await readFile(process.argv[2], 'utf8'));
const found = await Promise.all(cases.flatMap(({ bytes }) => [1, 3, 1e6].map(async (size) => {
  const whole = new TextEncoder().encode(bytes), events = [];
  let asked = 0, last;
  globalThis.fetches.set(bytes + size, ({ headers }) => {
    last = headers['Last-Event-ID'];
    if (asked++) return { status: 401 };
    const pieces = [];
    for (let at = 0; at < whole.length; at += size) pieces.push(whole.slice(at, at + size));
    return { status: 200, ok: true, body: ReadableStream.from(pieces) };
  });
  await follow(bytes + size, '', '', (event) => events.push(event));
  return { events, last };
})));
console.log(JSON.stringify(found));
"""
"""Gives the example each case of the golden stream, byte by byte, by three, and whole."""
FAKE_FETCH = """
import { readFile } from 'node:fs/promises';
globalThis.fetches = new Map();
globalThis.fetch = (address, wish) => globalThis.fetches.get(address.slice(0, -'/api/events'.length))(wish);
"""


def example(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


@pytest.fixture(scope="module")
async def server(api: ApiDesk, api_settings: Settings) -> AsyncIterator[StreamServer]:
    async with stream_server(api_settings) as server:
        yield server


@asynccontextmanager
async def running(*command: str, env: dict[str, str]) -> AsyncIterator[asyncio.StreamReader]:
    """What the example prints, while it runs."""
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **env}, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("language", ["python", "javascript"])
async def test_the_example_goes_on_after_its_cursor_and_hears_what_happens(
    language: str, api: ApiDesk, server: StreamServer, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient,
    tmp_path: Path,
) -> None:  # fmt: skip
    cursor = (await agent.get("/api/tickets?limit=1")).json()["stream_cursor"]
    token = api.headers("agent")["Authorization"].removeprefix("Bearer ")
    env = {"DESK": server.base, "TOKEN": token, "CURSOR": cursor}
    missed = (await opened(requester, team="support"))["number"] if language == "javascript" else None
    file = tmp_path / ("example.py" if language == "python" else "example.mjs")
    file.write_text(example(language) + (CALL if language == "javascript" else ""))
    command = (sys.executable, str(file)) if language == "python" else (node(), str(file))
    streams = server.server.config.app.state.desk.feed  # type: ignore[union-attr]
    before = streams.subscribers

    async with running(*command, env=env) as said:
        while streams.subscribers == before:
            await asyncio.sleep(0.02)
        now = (await opened(requester, team="support"))["number"]
        expected = [f"ticket.opened {number}" for number in (missed, now) if number is not None]
        heard: list[str] = []
        while len(heard) < len(expected):
            line = (await said.readline()).decode().strip()
            assert line, "the example ended"
            heard += [line] if line.startswith("ticket.opened") else []
    assert heard == expected


async def test_the_example_for_browsers_passes_the_golden_stream(tmp_path: Path) -> None:
    golden = ROOT / "docs" / "golden-stream.json"
    file = tmp_path / "example.mjs"
    file.write_text(FAKE_FETCH + example("javascript") + GOLDEN)
    async with running(node(), str(file), str(golden), env={}) as said:
        found = json.loads(await said.read())

    cases = [case for case in json.loads(golden.read_text())["cases"] for _ in range(3)]
    assert len(found) == len(cases)
    for made, case in zip(found, cases, strict=True):
        events = [json.loads(one["data"]) for one in case["events"] if one["event"] not in ("hello", "bye")]
        assert made == {"events": events, "last": case["last_event_id"]}, case["name"]


def test_the_table_has_every_event_with_those_who_hear_it() -> None:
    rows = [line.split("|") for line in TEXT.splitlines() if line.startswith("| `tickets`")]
    public, internal = ({*re.findall(r"`(ticket\.\w+)`", row[2])} for row in rows)
    assert public == {event.type for event in EVENTS if not event.is_internal}
    assert internal == {event.type for event in EVENTS if event.is_internal}
