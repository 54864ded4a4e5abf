"""What each agent was from when to when: a row for each stretch of a presence, and an open one for the present.

Written in the transaction of the change itself (`database/agent_lives.py`), and made anew from the event log. A change
takes effect at its moment, and never before the one that went before it; a presence that lasted no time has no row.
Before the first change that the log tells of nothing is known, and nobody was there.
"""

from datetime import datetime

from database.pool import PATIENT_SECONDS, Connection, Pool
from domain.agent import Presence
from domain.ids import PersonId

_FOLLOW = """
with gone as (
    delete from presence_spans where agent_id = $1 and until is null and since >= $2 returning since
), ended as (
    update presence_spans set until = $2 where agent_id = $1 and until is null and since < $2 returning until
)
insert into presence_spans (agent_id, since, presence)
values ($1, coalesce((select since from gone), (select until from ended), $2), $3)
"""
"""What the open span becomes is asked for before the new one is written: there is one of them at a time."""
_OF_LOG = """
insert into presence_spans (agent_id, since, until, presence)
select $1, since, until, presence from (
    select since, lead(since) over (order by id) as until, presence from (
        select id, max(at) over (order by id) as since, data ->> 'presence' as presence
        from events where topic = 'presence' and person_id = $1 and type = 'agent.presence_changed'
    ) told
) span where until is null or until > since
"""


async def follow_presence(connection: Connection, agent: PersonId, at: datetime, presence: Presence) -> None:
    """The agent, whose row the caller has locked, became another presence."""
    await connection.execute(_FOLLOW, agent, at, presence)


async def rebuild_presences(pool: Pool) -> None:
    """Make all spans anew from the event log, agent by agent, each while their life waits."""
    for row in await pool.fetch("select person_id from agents order by person_id"):
        agent = row["person_id"]
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("select from agents where person_id = $1 for update", agent)
            await connection.execute("delete from presence_spans where agent_id = $1", agent)
            await connection.execute(_OF_LOG, agent, timeout=PATIENT_SECONDS)
