"""Agents as they are now. `record` is the only writer of an agent's presence, and of when shifts and breaks really
began and ended."""

from datetime import datetime
from typing import NamedTuple

import asyncpg
from pydantic import BaseModel, ConfigDict

from database.agent_rows import IS_DESK
from database.bell import BELL, CALL_DISPATCHERS
from database.pool import Connection, Pool
from database.presence_spans import follow_presence
from domain.agent import Presence
from domain.agent_events import (
    AgentChange,
    AgentEvent,
    AgentPresenceChanged,
    AgentReminded,
    BreakEnded,
    BreakStarted,
    ShiftEnded,
    ShiftStarted,
)
from domain.errors import BreakNotFoundError, NotFoundError, RevisionMismatchError, ShiftNotFoundError
from domain.ids import BreakId, PersonId, ShiftId
from domain.notification import type_of
from domain.presence import AgentState
from domain.ticket import Slug
from domain.ticket_commands import Receipt

RECEIPTS_KEPT = 20
"""Twice as many commands as the engine lets one workflow have under way."""

_ROW = "select revision, presence, presence_since, life from agents where person_id = $1"
_WRITE = """
update agents set revision = $2, presence = $3, presence_since = $4, life = $5::jsonb where person_id = $1
"""
_TELL = """
insert into events (topic, type, at, actor_kind, actor_id, actor_role, internal, person_id, data)
values ('presence', $1, $2, $3, $4, $5, true, $6, $7::jsonb)
"""
_REMIND = """
insert into notifications (person_id, kind, type, why, subject, at) values ($1, $2, $3, 'person', $4, $5)
on conflict do nothing
"""
_SHIFT_STARTED = (
    "update shifts set started_at = coalesce(started_at, $2), updated_at = now() where id = $1 and status = 'published'"
)
_SHIFT_ENDED = "update shifts set ended_at = $2, updated_at = now() where id = $1"
_BREAK_STARTED = "update shift_breaks set started_at = $2 where id = $1 and not is_cancelled"
_BREAK_ENDED = "update shift_breaks set ended_at = $2 where id = $1"

_READ = f"""
select a.person_id as id, p.name, a.revision, a.presence, a.presence_since, a.life
from agents a join people p on p.id = a.person_id and {IS_DESK}
where a.person_id = $1
"""
_AVAILABLE = f"""
select p.id, p.name, a.presence, a.presence_since,
    array(select m.team from team_members m where m.person_id = p.id order by m.team) as teams
from agents a join people p on p.id = a.person_id and p.is_active and {IS_DESK}
where a.presence = 'online'
order by p.name, p.id
"""

_OWNER = """
select s.agent_id, exists (
    select from shift_breaks b where b.shift_id = s.id and b.id = $2 and not b.is_cancelled) as has_break
from shifts s where s.id = $1 and s.status = 'published'
"""


class _Life(BaseModel):
    """The column `life`: the agent's state, and the receipts of the last commands."""

    model_config = ConfigDict(frozen=True)

    state: AgentState
    receipts: tuple[Receipt, ...]


class AgentRecord(NamedTuple):
    """An agent's presence as readers see it."""

    name: str
    state: AgentState


class AvailableAgent(NamedTuple):
    """Somebody who is online."""

    id: PersonId
    name: str
    teams: tuple[Slug, ...]
    presence: Presence
    since: datetime


class AgentLifeStore:
    """Agents' lives in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def load(self, agent: PersonId) -> tuple[AgentState, tuple[Receipt, ...]] | None:
        """The agent's state with the receipts of the last commands, oldest first; None when there is no such agent."""
        row = await self._pool.fetchrow(_ROW, agent)
        if row is None:
            return None
        life = _life_of(agent, row)
        return life.state, life.receipts

    async def record(self, change: AgentChange, after: AgentState) -> Receipt:
        """Store a change, after which the agent is `after`: their row, the shifts and breaks that began or ended, the
        event that tells of it, the reminders, and the bells, in one transaction.

        Harmless to repeat: the row keeps the last commands' receipts, and a second record returns the first one's.
        Raises RevisionMismatchError when the row is at another revision than the change was decided on, and
        NotFoundError when the agent is gone.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(f"{_ROW} for update", change.agent_id)
            if row is None:
                raise NotFoundError("There is no such agent.")
            receipts = _life_of(change.agent_id, row).receipts
            known = next((one for one in receipts if one.command_id == change.command_id), None)
            if known is not None:
                return known.model_copy(update={"is_repeat": True})
            if row["revision"] != change.revision - 1:
                raise RevisionMismatchError(
                    f"agent {change.agent_id} is not at revision {change.revision - 1} any more"
                )
            receipt = Receipt(
                command_id=change.command_id,
                first_revision=change.revision,
                revision=change.revision,
                fingerprint=change.fingerprint,
                at=change.at,
            )
            life = _Life(state=after, receipts=(*receipts, receipt)[-RECEIPTS_KEPT:])
            await connection.execute(
                _WRITE, change.agent_id, change.revision, after.presence, after.since, life.model_dump_json()
            )
            for event in change.events:
                await _keep(connection, change, event)
            await connection.execute(f"select pg_notify('{BELL}', ''), {CALL_DISPATCHERS}", change.agent_id)
        return receipt

    async def read(self, agent: PersonId) -> AgentRecord:
        """An agent's presence. Raises NotFoundError when the person is nobody of the desk."""
        row = await self._pool.fetchrow(_READ, agent)
        if row is None:
            raise NotFoundError("There is no such agent.")
        return AgentRecord(row["name"], _life_of(agent, row).state)

    async def available(self) -> list[AvailableAgent]:
        """Who is online now, by name."""
        rows = await self._pool.fetch(_AVAILABLE)
        return [
            AvailableAgent(
                PersonId(row["id"]), row["name"], tuple(row["teams"]), Presence(row["presence"]), row["presence_since"]
            )
            for row in rows
        ]

    async def agent_of_shift(self, shift: ShiftId, with_break: BreakId | None = None) -> PersonId:
        """Whose published shift it is. Raises ShiftNotFoundError when there is none of this id, and BreakNotFoundError
        when it has no such break."""
        row = await self._pool.fetchrow(_OWNER, shift, with_break)
        if row is None:
            raise ShiftNotFoundError(f"There is no shift {shift}.")
        if with_break is not None and not row["has_break"]:
            raise BreakNotFoundError(f"Shift {shift} has no break {with_break}.")
        return PersonId(row["agent_id"])

    async def revisions(self) -> dict[PersonId, int]:
        """The agents who have something to live by: a life already, or a shift to come. -> revision."""
        rows = await self._pool.fetch(
            "select a.person_id, a.revision from agents a join people p on p.id = a.person_id and p.is_active "
            "where a.life is not null or exists (select from shifts s where s.agent_id = a.person_id "
            "and s.status = 'published' and s.ends_at > now())"
        )
        return {PersonId(row["person_id"]): row["revision"] for row in rows}


def _life_of(agent: PersonId, row: asyncpg.Record) -> _Life:
    """The row's life; that of somebody who has not lived yet begins with what the row says."""
    if row["life"] is not None:
        return _Life.model_validate_json(row["life"])
    presence, since = Presence(row["presence"]), row["presence_since"]
    state = AgentState(
        id=agent, revision=row["revision"], updated_at=since, presence=presence, since=since, chosen=presence
    )
    return _Life(state=state, receipts=())


async def _keep(connection: Connection, change: AgentChange, event: AgentEvent) -> None:
    """Write what an event means outside of the agent's own row."""
    match event:
        case AgentPresenceChanged():
            actor = change.actor
            await connection.execute(
                _TELL, event.type, change.at, actor.kind, actor.id, actor.role, change.agent_id, event.model_dump_json()
            )
            await follow_presence(connection, change.agent_id, change.at, event.presence)
        case AgentReminded():
            await connection.execute(
                _REMIND, change.agent_id, event.kind, type_of(event.kind), event.subject, change.at
            )
        case ShiftStarted():
            await connection.execute(_SHIFT_STARTED, event.shift_id, change.at)
        case ShiftEnded():
            await connection.execute(_SHIFT_ENDED, event.shift_id, change.at)
        case BreakStarted() if event.break_id is not None:
            await connection.execute(_BREAK_STARTED, event.break_id, change.at)
        case BreakEnded() if event.break_id is not None:
            await connection.execute(_BREAK_ENDED, event.break_id, change.at)
        case _:
            pass
