"""The overview: figures, the counts of each team as the stream goes on with them, and how far facts have come."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import asyncpg

from database.events import STREAM_CURSOR, StreamCursor, cursor_of
from database.pool import PATIENT_SECONDS, Connection
from database.queue_figures import OVERVIEW_FIGURES, QUEUE_COUNTS
from database.report_log import ReportLog, ReportStanding
from database.reports import Answer, Reports, answered
from domain.queue_counts import QueueCounts
from domain.report import Question
from domain.ticket import Slug

NO_TEAM = ""
"""Stands in `queue_revisions` for tickets of no team."""
_ALONE = "set local max_parallel_workers_per_gather = 0"
"""Ten thousand rows are counted sooner than the database calls others to help."""
_COUNTED = ", ".join(f"count(*) filter (where {one.condition}) as {one.name}" for one in QUEUE_COUNTS)
_NAMES = ", ".join(f"coalesce(q.{one.name}, 0) as {one.name}" for one in QUEUE_COUNTS)
_COUNTS = f"""
select nullif(slug, '{NO_TEAM}') as team, coalesce(r.revision, 0) as revision, {_NAMES}
from (
    select coalesce(team, '{NO_TEAM}') as slug, {_COUNTED}
    from ticket_facts where status <> 'closed' and ($1::text[] is null or coalesce(team, '{NO_TEAM}') = any($1))
    group by 1
) q full join (
    select team as slug, revision from queue_revisions where $1::text[] is null or team = any($1)
) r using (slug)
order by slug = '{NO_TEAM}', slug
"""


class Overview(NamedTuple):
    """`teams` are the counts of now, which the stream goes on with from `stream_cursor` on; of a past moment there are
    none, and no cursor."""

    answer: Answer
    teams: list[QueueCounts]
    stream_cursor: StreamCursor | None
    standing: ReportStanding


class Overviews:
    """Reads overviews."""

    def __init__(self, reports: Reports, log: ReportLog) -> None:
        self._reports = reports
        self._log = log

    async def read(self, question: Question) -> Overview:
        """All of it as of one moment."""
        standing = await self._log.standing()
        async with self._reports.snapshot() as connection:
            await connection.execute(_ALONE)
            answer = await answered(connection, OVERVIEW_FIGURES, question)
            if question.as_of is not None:
                return Overview(answer, [], None, standing)
            cursor = cursor_of(await connection.fetchval(f"select {STREAM_CURSOR}"))
            return Overview(answer, await queue_counts(connection, question.wanted.within), cursor, standing)

    async def standing(self) -> ReportStanding:
        """How far facts have come."""
        return await self._log.standing()


async def queue_counts(connection: Connection, teams: Collection[Slug | None] | None = None) -> list[QueueCounts]:
    """The counts of these teams (None among them: tickets of no team), or of all."""
    slugs = None if teams is None else [team or NO_TEAM for team in teams]
    rows: Sequence[asyncpg.Record] = await connection.fetch(_COUNTS, slugs, timeout=PATIENT_SECONDS)
    return [QueueCounts.model_validate(dict(row)) for row in rows]
