"""The working days of the made desk: shifts with their lunch, and what its agents were from hour to hour.

Everybody works on weekdays from nine to five; some come late, stay away for a while, or are ill. Shifts and presence
are what the product would have written of such days, so that figures of time have something to count.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import asyncpg

from database.presence_spans import rebuild_presences
from domain.agent import Presence
from domain.ids import PersonId
from domain.presence import PresenceCause
from operations.generate.desk import MadeDesk
from operations.generate.shape import BEGIN, DAY, HOUR, MINUTE, WEEK, WEEKS, Lasting

ILL, LATE, GONE = 0.04, 0.1, 0.25
"""The shares of days on which somebody is ill, comes late, and is away for a while."""
DELAY = Lasting(8 * MINUTE, 0.8)
ABSENCE = Lasting(12 * MINUTE, 0.7)
STARTS, LUNCH, ENDS = 9 * HOUR, 12 * HOUR, 17 * HOUR
LUNCH_LASTS = HOUR / 2
_NUMBERS = "select nextval(pg_get_serial_sequence('shifts', 'id')) as id from generate_series(1, $1)"
_EVENTS = (
    *("topic", "type", "at", "recorded_at", "actor_kind", "actor_id", "actor_role", "internal", "person_id", "data"),
)
_SHIFTS = ("id", "agent_id", "team", "starts_at", "ends_at", "status", "started_at", "ended_at", "published_at")
_BREAKS = ("shift_id", "kind", "starts_at", "ends_at", "started_at", "ended_at")


class Change(NamedTuple):
    """From this moment on the agent is this."""

    at: datetime
    presence: Presence
    cause: PresenceCause


class Workday(NamedTuple):
    """A shift from nine to five, and what its agent was in it; of somebody who is ill nothing but `away`."""

    agent: PersonId
    on: datetime
    changes: list[Change]

    @property
    def lunch_at(self) -> datetime | None:
        """When they went to lunch."""
        return next((one.at for one in self.changes if one.presence is Presence.ON_BREAK), None)


def workday(agent: PersonId, on: datetime, chance: Random) -> Workday:
    """The day of an agent that begins at `on`, midnight."""
    begin, end = on + STARTS, on + ENDS
    if chance.random() < ILL:
        return Workday(
            agent, on, [Change(begin, Presence.AWAY, "shift_started"), Change(end, Presence.OFFLINE, "shift_ended")]
        )
    if chance.random() < LATE:
        arrived = begin + min(DELAY.drawn(chance), HOUR)
        changes = [Change(begin, Presence.AWAY, "shift_started"), Change(arrived, Presence.ONLINE, "reconnected")]
    else:
        changes = [Change(begin, Presence.ONLINE, "shift_started")]
    lunch = on + LUNCH
    changes.append(Change(lunch, Presence.ON_BREAK, "break_started"))
    changes.append(Change(lunch + LUNCH_LASTS, Presence.ONLINE, "break_ended"))
    if chance.random() < GONE:
        left = lunch + HOUR + chance.random() * 2 * HOUR
        changes.append(Change(left, Presence.AWAY, "disconnected"))
        changes.append(Change(left + min(ABSENCE.drawn(chance), HOUR), Presence.ONLINE, "reconnected"))
    changes.append(Change(end, Presence.OFFLINE, "shift_ended"))
    return Workday(agent, on, changes)


async def attend(pool: "asyncpg.Pool[asyncpg.Record]", desk: MadeDesk, chance: Random, weeks: int) -> int:
    """Write the working days of the last so many weeks. Returns how many events they have."""
    teams = {agent: team for team, members in desk.agents.items() for agent in members}
    events = 0
    for week in range(WEEKS - weeks, WEEKS):
        dates = [BEGIN + week * WEEK + day * DAY for day in range(5)]
        days = [workday(agent, on, chance) for on in dates for agent in teams]
        numbers = [row["id"] for row in await pool.fetch(_NUMBERS, len(days))]
        told = sorted((row for day in days for row in _events(day)), key=lambda row: row[2])
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("set local session_replication_role = replica")  # what is written fits together
            await connection.copy_records_to_table(
                "shifts",
                records=[_shift(number, day, teams[day.agent]) for number, day in zip(numbers, days, strict=True)],
                columns=_SHIFTS,
            )
            await connection.copy_records_to_table(
                "shift_breaks",
                records=[_lunch(number, day) for number, day in zip(numbers, days, strict=True)],
                columns=_BREAKS,
            )
            await connection.copy_records_to_table("events", records=told, columns=_EVENTS)
        events += len(told)
    await pool.execute("analyze events")
    await rebuild_presences(pool)
    for table in ("shifts", "shift_breaks", "presence_spans"):
        await pool.execute(f"vacuum analyze {table}")
    return events


def _shift(number: int, day: Workday, team: str) -> tuple[Any, ...]:
    begin, end = day.on + STARTS, day.on + ENDS
    return (number, day.agent, team, begin, end, "published", begin, end, begin - timedelta(weeks=2))


def _lunch(number: int, day: Workday) -> tuple[Any, ...]:
    begin, taken = day.on + LUNCH, day.lunch_at
    ended = None if taken is None else taken + LUNCH_LASTS
    return (number, "lunch", begin, begin + LUNCH_LASTS, taken, ended)


def _events(day: Workday) -> Iterator[tuple[Any, ...]]:
    previous = Presence.OFFLINE
    for at, presence, cause in day.changes:
        data = {"type": "agent.presence_changed", "presence": presence, "previous": previous, "cause": cause}
        yield (
            *("presence", "agent.presence_changed", at, at, "timer", None, None, True, day.agent),
            json.dumps(data),
        )  # fmt: skip
        previous = presence
