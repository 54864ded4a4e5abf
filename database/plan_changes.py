"""Whose plan was changed, as the event log tells it: for the worker, which tells their workflows."""

from typing import NamedTuple

from database.events import STREAM_CURSOR, StreamCursor
from database.pool import PATIENT_SECONDS, Pool
from domain.ids import PersonId

LATELY_MINUTES = 60
"""How far back a worker looks that has just started."""

_AFTER = f"""
select {STREAM_CURSOR} as place, array(
    select distinct person_id from events
    where topic = 'shifts' and person_id is not null
        and (xid, id) > ($1::text::xid8, $2) and xid < pg_snapshot_xmin(pg_current_snapshot())) as people
"""
_LATELY = f"""
select {STREAM_CURSOR} as place, array(
    select distinct person_id from events
    where topic = 'shifts' and person_id is not null
        and recorded_at > now() - make_interval(mins => $1) and xid < pg_snapshot_xmin(pg_current_snapshot())) as people
"""


class PlanChanges(NamedTuple):
    """Those whose plan was changed, and the place in the log behind them."""

    people: list[PersonId]
    place: str


class PlanChangeLog:
    """Reads what events of the topic `shifts` there are."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def after(self, place: str | None) -> PlanChanges:
        """Whose plan was changed after this place; without one, lately. None is missed that commits late."""
        if place is None:
            row = await self._pool.fetchrow(_LATELY, LATELY_MINUTES, timeout=PATIENT_SECONDS)
        else:
            cursor = StreamCursor.parse(place)
            row = await self._pool.fetchrow(_AFTER, str(cursor.xid), cursor.id, timeout=PATIENT_SECONDS)
        assert row is not None  # it has no `from`
        return PlanChanges([PersonId(one) for one in row["people"]], row["place"])
