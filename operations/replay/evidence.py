"""Collects what the proof judges: from the database, the engine and the stream that was read during the run."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import asyncpg
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError

from operations.replay.desk import Json
from operations.replay.proof import Evidence, Expected, HeardEvent, LoggedEvent, Row, Run
from operations.replay.stream import Message, StreamReader

Database: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

QUERIES_AT_ONCE = 8
QUERY_TIMEOUT = timedelta(seconds=20)
SETTLE_S = 60.0
"""How long the engine's list may lag behind, and the stream behind the last commit."""
STATUS = SearchAttributeKey.for_keyword("TicketStatus")


def place_of(cursor: str) -> tuple[int, int]:
    """(xid, id) of a cursor `<epoch>.<xid>-<id>`."""
    _, _, place = cursor.partition(".")
    xid, _, id_ = place.partition("-")
    return int(xid), int(id_)


def heard_event(message: Message) -> HeardEvent | None:
    """A message as the proof sees it; None for what is no ticket's."""
    if message.data.get("ticket") is None:
        return None
    return HeardEvent(place_of(message.cursor), message.data["ticket"], message.data["revision"], message.type)


async def collect(
    *,
    dsn: str,
    engine: Client,
    reader: StreamReader,
    cursor: str,
    tag: str,
    opened: Sequence[int],
    expected: Mapping[int, Expected],
) -> Evidence:
    """Everything about the tickets of a run, after its last answer."""
    database = await asyncpg.connect(dsn)
    try:
        await _all_started(database, opened)
        rows = await _rows(database, opened)
        events = await _events(database, opened)
        tagged = [row["number"] for row in await database.fetch("select number from tickets where $1 = any(tags)", tag)]
        unstarted = await _unstarted(database, opened)
    finally:
        await database.close()
    last = max((event.place for event in events), default=(0, 0))
    await reader.wait_for(lambda: bool(reader.messages) and place_of(reader.messages[-1].cursor) >= last, SETTLE_S)
    return Evidence(
        expected=expected,
        opened=opened,
        tagged=tagged,
        rows=rows,
        events=events,
        unstarted=unstarted,
        runs=await _runs(engine, expected),
        heard=[event for message in reader.messages if (event := heard_event(message)) is not None],
        already_before=place_of(cursor),
        resets=reader.resets,
    )


async def _unstarted(database: Database, opened: Sequence[int]) -> int:
    count: int = await database.fetchval("select count(*) from start_requests where ticket_number = any($1)", opened)
    return count


async def _all_started(database: Database, opened: Sequence[int]) -> None:
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end:
        if await _unstarted(database, opened) == 0:
            return
        await asyncio.sleep(0.2)


async def _rows(database: Database, numbers: Sequence[int]) -> dict[int, Row]:
    rows = await database.fetch(
        "select number, revision, status, priority, category, team, assignee_id::text from tickets "
        "where number = any($1)",
        numbers,
    )
    return {number: Row(*values) for number, *values in rows}


async def _events(database: Database, numbers: Sequence[int]) -> list[LoggedEvent]:
    rows = await database.fetch(
        "select xid::text::bigint as xid, id, ticket_number, revision, type, data from events "
        "where ticket_number = any($1) order by xid, id",
        numbers,
    )
    return [
        LoggedEvent(
            (row["xid"], row["id"]), row["ticket_number"], row["revision"], row["type"], json.loads(row["data"])
        )
        for row in rows
    ]


async def _runs(engine: Client, expected: Mapping[int, Expected]) -> dict[int, Run]:
    """The engine's list (asked again until it has caught up) and each workflow's own word."""
    end = time.monotonic() + SETTLE_S
    while True:
        running, listed = await _listed(engine, expected)
        behind = [
            number for number, ticket in expected.items() if running[number] != 1 or listed.get(number) != ticket.status
        ]
        if not behind or time.monotonic() > end:
            break
        await asyncio.sleep(1)
    gate = asyncio.Semaphore(QUERIES_AT_ONCE)

    async def one(number: int) -> tuple[int, Run]:
        async with gate:
            return number, Run(running[number], listed.get(number), await _state(engine, number))

    return dict(await asyncio.gather(*(one(number) for number in expected)))


async def _listed(engine: Client, numbers: Collection[int]) -> tuple[Counter[int], dict[int, str | None]]:
    running: Counter[int] = Counter()
    listed: dict[int, str | None] = {}
    wanted = {f"ticket-{number}": number for number in numbers}
    query = "WorkflowType = 'TicketWorkflow' AND ExecutionStatus = 'Running'"
    async for workflow in engine.list_workflows(query):
        number = wanted.get(workflow.id)
        if number is not None:
            running[number] += 1
            listed[number] = workflow.typed_search_attributes.get(STATUS)
    return running, listed


async def _state(engine: Client, number: int) -> Json | None:
    for _ in range(3):
        try:
            answer: Any = await engine.get_workflow_handle(f"ticket-{number}").query("state", rpc_timeout=QUERY_TIMEOUT)
        except RPCError:
            await asyncio.sleep(1)
            continue
        return answer if isinstance(answer, dict) else None
    return None
