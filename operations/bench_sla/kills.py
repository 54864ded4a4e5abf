"""Killing worker, API and engine in turn while tickets come due."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from operations.bench.figure import Figure
from operations.bench.ground import Ground, Pool
from operations.bench.system import PARTS

SHARES = (1 / 6, 5 / 12, 2 / 3)
"""Of the minute in which the breaches come: when each of the parts is killed."""


AFTERMATH = timedelta(seconds=15)
_LONGEST_GAP = """
select extract(epoch from max(next - at))::float8 from (
    select at, lead(at, 1, $2) over (order by at) as next
    from (select $1::timestamptz as at union all select recorded_at from events where recorded_at between $1 and $2) t
) gaps
"""


class Killed(NamedTuple):
    """A part and the moment at which it was killed."""

    part: str
    at: datetime


async def kill_in_turn(ground: Ground, begin: datetime, spread: timedelta) -> list[Killed]:
    """Each part once, by its process id; the stack starts it again."""
    killed = []
    for part, share in zip(PARTS, SHARES, strict=True):
        await asyncio.sleep((begin + spread * share - datetime.now(UTC)).total_seconds())
        killed.append(Killed(part, datetime.now(UTC)))
        ground.stack.kill(part)
    return killed


async def kill_figures(ground: Ground, name: str, killed: Sequence[Killed]) -> list[Figure]:
    """How long nothing was recorded after each, and how many workflows could not go on and began anew."""
    if not killed:
        return []
    anew = await ground.engine.count_workflows("WorkflowType = 'TicketWorkflow' AND ExecutionStatus = 'Terminated'")
    return [
        *[Figure(f"{name}: killed {one.part}", "s of silence", await silence_s(ground.pool, one.at)) for one in killed],
        Figure(f"{name}: workflows begun anew", "tickets", anew.count),
    ]


async def silence_s(pool: Pool, since: datetime) -> float:
    """The longest gap between records in the time after: what was under way may still be recorded at once."""
    seconds: float = await pool.fetchval(_LONGEST_GAP, since, since + AFTERMATH)
    return seconds
