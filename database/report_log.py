"""Folds the event log into facts and spans, some events at a time, and remembers how far it has come.

Nothing of this happens in a ticket's own transaction, and no row that tickets are written to is locked. One transaction
reads the next events after the cursor, below the oldest transaction that is still open (as `database/events.py` does),
folds them in memory and writes rows and cursor together: whatever is killed, each event counts once. Many processes may
run it; one of them at a time works, under an advisory lock.

It reads and folds before it writes, because a transaction that has written holds the event stream back until its end.

A rebuild folds ticket by ticket instead of event by event: each row is written once. The cursor is put to the present
first, so what happens meanwhile comes through the log as always. Rows are replaced, never missing, so figures stay
whole while it runs. It takes place after the tables were made, when the log begins a new epoch, and when somebody asks.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
from pydantic import ValidationError

from database.bell import REPORT_BELL
from database.pool import PATIENT_SECONDS, Connection, Pool
from database.sla_terms import SlaTermsStore
from database.ticket_facts import FACTS_OF, add_facts, add_spans, facts_of, forget_facts, keep_facts
from domain.ids import TicketNumber
from domain.people import Actor, Role
from domain.queue_counts import touched_teams
from domain.sla_clock import TicketSla
from domain.sla_counting import Calendars
from domain.ticket import Slug
from domain.ticket_events import TICKET_EVENT, TicketEvent, TicketOpened
from domain.ticket_facts import TELLING, LoggedEvent, TicketFacts, fold
from domain.ticket_span import TicketSpan, ended_span

BATCH = 500
"""Events folded at a time beside other work: about a twentieth of a second of it."""
EVENTS_A_TICKET = 10
"""About; a rebuild takes so many times fewer tickets than events at a time."""
log = logging.getLogger(__name__)
FACTS_LOCK = 0x5EED_FAC7
"""Facts change only under this advisory lock."""
_TELLING = sorted(TELLING)
_CURSOR = """
select r.epoch, r.xid::text as xid, r.id, r.rebuilt_to, s.epoch as present_epoch from report_cursor r, event_stream s
"""
_IS_BEHIND = """
select r.rebuilt_to is not null or r.epoch <> s.epoch or (
    select e.xid < pg_snapshot_xmin(pg_current_snapshot()) from events e where (e.xid, e.id) > (r.xid, r.id)
    order by e.xid, e.id limit 1) is true
from report_cursor r, event_stream s
"""
"""Asked in the order of the index: otherwise, when nothing follows, the whole log is read to see that."""
_EVENT = """
select e.xid::text as xid, e.id, e.ticket_number, e.revision, e.at, e.actor_kind, e.actor_id, e.actor_role,
    case when e.type = any($1) then e.data end as data
from events e
"""
_AFTER = f"""
{_EVENT} where (e.xid, e.id) > ($2::text::xid8, $3) and e.xid < pg_snapshot_xmin(pg_current_snapshot())
order by e.xid, e.id limit $4
"""
_OF_TICKETS = f"{_EVENT} where e.ticket_number = any($2::bigint[]) order by e.ticket_number, e.revision"
_START_REBUILD = """
update report_cursor set epoch = (select epoch from event_stream), xid = pg_snapshot_xmin(pg_current_snapshot()),
    id = 0, rebuilt_to = 0
"""
_MOVE_CURSOR = f"update report_cursor set xid = $1::text::xid8, id = $2 returning pg_notify('{REPORT_BELL}', '')"
_COUNTS_CHANGED = """
insert into queue_revisions as q (team, revision)
select coalesce(team, ''), extract(epoch from clock_timestamp()) * 1000 from unnest($1::text[]) team
on conflict (team) do update set revision = greatest(q.revision + 1, excluded.revision)
"""
"""By the clock, so that no revision comes again for other counts when a crash took the last ones."""
_AGE = """
select coalesce(extract(epoch from now() - (
    select e.recorded_at from events e where (e.xid, e.id) > (r.xid, r.id) order by e.xid, e.id limit 1)), 0)::float8
from report_cursor r
"""
_GONE = """
select number from ticket_facts f where number > $1 and not exists (select from tickets t where t.number = f.number)
"""


class ReportStanding(NamedTuple):
    """How far facts and spans have come."""

    is_rebuilding: bool
    rebuilt_to: TicketNumber | None
    behind_seconds: float
    """The age of the oldest event that is not folded yet; 0 when all are."""


class FactsBehindError(RuntimeError):
    """Facts have not come as far as somebody needs them: try again in a moment."""


class _Fold(NamedTuple):
    """What a batch came to."""

    facts: dict[TicketNumber, TicketFacts]
    spans: list[TicketSpan]


class ReportLog:
    """The one reader of the log that writes facts and spans."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._terms = SlaTermsStore(pool)

    async def catch_up(self, limit: int = BATCH) -> int:
        """Fold up to about so many events in one transaction. Returns how many; 0 when there is nothing more to fold
        now, or somebody else is at it.

        Harmless to repeat: rows and cursor move together, and an event that a ticket's facts hold already is passed.
        """
        if not await self._pool.fetchval(_IS_BEHIND):
            return 0
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", FACTS_LOCK):
                return 0
            await connection.execute("set local synchronous_commit = off")  # what a crash takes is folded again
            cursor = await connection.fetchrow(_CURSOR)
            if cursor is None:
                raise RuntimeError("the database has no cursor of the reports")
            if cursor["epoch"] != cursor["present_epoch"]:
                await connection.execute(_START_REBUILD)
                return 1
            followed = await self._follow(connection, cursor, limit)
            if followed or cursor["rebuilt_to"] is None:
                return followed
            return await self._rebuild_some(connection, cursor["rebuilt_to"], max(limit // EVENTS_A_TICKET, 1))

    async def rebuild(self) -> None:
        """Begin to fold everything anew; `catch_up` does the work. What was begun before begins again."""
        await self._pool.execute(_START_REBUILD)

    async def standing(self) -> ReportStanding:
        """How far it has come."""
        rebuilt_to = await self._pool.fetchval("select rebuilt_to from report_cursor")
        return ReportStanding(rebuilt_to is not None, rebuilt_to, await self._pool.fetchval(_AGE))

    async def check_reached(self, moment: datetime, now: datetime) -> None:
        """Raises FactsBehindError until all that was recorded up to a past moment is folded."""
        standing = await self.standing()
        if standing.is_rebuilding or standing.behind_seconds > (now - moment).total_seconds():
            raise FactsBehindError(
                "facts are made anew" if standing.is_rebuilding else f"facts are {standing.behind_seconds:.0f} s behind"
            )

    async def _follow(self, connection: Connection, cursor: asyncpg.Record, limit: int) -> int:
        """Fold what comes after the cursor."""
        rows = await connection.fetch(_AFTER, _TELLING, cursor["xid"], cursor["id"], limit, timeout=PATIENT_SECONDS)
        if not rows:
            return 0
        events = _by_ticket(rows)
        known = {row["number"]: facts_of(row) for row in await connection.fetch(FACTS_OF, list(events))}
        lost = [number for number, those in events.items() if not _follows(known.get(number), those)]
        folded = _fold(
            {number: those for number, those in events.items() if number not in lost},
            known,
            await self._calendars(events.values(), known.values()),
        )
        anew = await self._from_beginning(connection, lost)
        await forget_facts(connection, lost)
        await keep_facts(connection, [*folded.facts.values(), *anew.facts.values()])
        await add_spans(connection, [*folded.spans, *anew.spans])
        now = {**known, **dict.fromkeys(lost), **folded.facts, **anew.facts}
        await _raise_revisions(connection, touched_teams(known, now))
        last = rows[-1]
        await connection.execute(_MOVE_CURSOR, last["xid"], last["id"])
        return len(rows)

    async def _rebuild_some(self, connection: Connection, rebuilt_to: int, limit: int) -> int:
        """Fold the next tickets from their openings on."""
        rows = await connection.fetch(
            "select number from tickets where number > $1 order by number limit $2", rebuilt_to, limit
        )
        numbers = [row["number"] for row in rows]
        anew = await self._from_beginning(connection, numbers)
        gone = await connection.fetch(
            f"{_GONE} and ($2::bigint is null or number <= $2)", rebuilt_to, numbers[-1] if numbers else None
        )
        former = [*numbers, *(row["number"] for row in gone)]
        known = {row["number"]: facts_of(row) for row in await connection.fetch(FACTS_OF, former)}
        await forget_facts(connection, former)
        await add_facts(connection, list(anew.facts.values()))
        await add_spans(connection, anew.spans)
        await _raise_revisions(connection, touched_teams(known, anew.facts))
        await connection.execute("update report_cursor set rebuilt_to = $1", numbers[-1] if numbers else None)
        return sum(one.revision for one in anew.facts.values()) or 1

    async def _from_beginning(self, connection: Connection, numbers: Sequence[TicketNumber]) -> _Fold:
        """All that there is of these tickets, folded anew."""
        if not numbers:
            return _Fold({}, [])
        events = _by_ticket(await connection.fetch(_OF_TICKETS, _TELLING, numbers, timeout=PATIENT_SECONDS))
        for number in [number for number, those in events.items() if not isinstance(those[0].event, TicketOpened)]:
            log.error("ticket %s is left out of all figures: its log does not begin with its opening", number)
            del events[number]
        return _fold(events, {}, await self._calendars(events.values(), ()))

    async def _calendars(self, events: Iterable[Iterable[LoggedEvent]], known: Iterable[TicketFacts]) -> Calendars:
        versions = {one.calendar_version for one in known}
        for those in events:
            slas = (getattr(one.event, "sla", None) for one in those)
            versions |= {sla.calendar_version for sla in slas if isinstance(sla, TicketSla)}
        return await self._terms.calendars_by({version for version in versions if version is not None})


async def _raise_revisions(connection: Connection, teams: Iterable[Slug | None]) -> None:
    """Whoever tells the stream (`database/overview_log.py`) finds them."""
    if changed := list(teams):
        await connection.execute(_COUNTS_CHANGED, changed)


def _by_ticket(rows: Iterable[asyncpg.Record]) -> dict[TicketNumber, list[LoggedEvent]]:
    """The events of tickets, each ticket's in their order."""
    events: dict[TicketNumber, list[LoggedEvent]] = defaultdict(list)
    for _, _, number, revision, at, kind, actor, role, data in rows:
        if number is not None and revision is not None:
            event = None if data is None else _event(number, revision, data)
            by = Actor.model_construct(kind=kind, id=actor, role=None if role is None else Role(role))
            events[number].append(LoggedEvent(number, revision, at, by, event))
    return events


def _event(number: TicketNumber, revision: int, data: str) -> TicketEvent | None:
    """One that cannot be read must not stop all figures."""
    try:
        return TICKET_EVENT.validate_json(data)
    except ValidationError as error:
        log.error("revision %s of ticket %s is left out of all figures: %s", revision, number, error)
        return None


def _follows(facts: TicketFacts | None, events: Sequence[LoggedEvent]) -> bool:
    """Whether the events, but for those that are folded already, go on where the facts end."""
    revision = 0 if facts is None else facts.revision
    new = [one.revision for one in events if one.revision > revision]
    return new == list(range(revision + 1, revision + 1 + len(new)))


def _fold(
    events: dict[TicketNumber, list[LoggedEvent]], known: dict[TicketNumber, TicketFacts], calendars: Calendars
) -> _Fold:
    """The facts of the tickets to which something happened, and the spans that ended."""
    folded = _Fold({}, [])
    for number, those in events.items():
        facts = known.get(number)
        for one in those:
            if facts is not None and one.revision <= facts.revision:
                continue
            before, facts = facts, fold(facts, one, calendars)
            span = None if before is None else ended_span(before, facts)
            if span is not None:
                folded.spans.append(span)
        if facts is not None and facts is not known.get(number):
            folded.facts[number] = facts
    return folded
