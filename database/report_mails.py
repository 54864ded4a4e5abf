"""Mailed reports: kept, changed and removed; their runs, and what became of each letter.

Each change rings the bell (a trigger does), and the relay makes the engine's schedules equal to the rows.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg

from database.agent_rows import IS_DESK
from database.audit import authored
from database.bell import REPORT_MAIL_BELL
from database.idempotency import RequestKey, create_once
from database.people import PeopleStore
from database.pool import Connection, Pool
from domain.audit import Author
from domain.errors import LimitReachedError, NotFoundError, StaleRevisionError, UnknownReferenceError
from domain.ids import PersonId, ReportMailId, ReportMailRunId
from domain.permissions import SUPERVISORS
from domain.report_mail import MAX_RECIPIENTS, MAX_REPORT_MAILS, LetterOutcome, ReportMailPlan, RunProblem
from domain.report_mail_switch import Receiving, ReportMailSwitch

_SELECT = """
select m.id, m.owner_id, m.plan, m.is_active, m.revision, m.created_at, m.updated_at,
    array(select r.person_id from report_mail_recipients r where r.mail_id = m.id order by r.person_id) as recipients,
    array(select (l.person_id, l.left_at) from report_mail_leavers l where l.mail_id = m.id
        order by l.left_at, l.person_id) as leavers
from report_mails m
"""
_UNKNOWN = f"""
select one from unnest($1::uuid[]) one
where not exists (select from people p where p.id = one and p.is_active and p.kind = 'person' and {IS_DESK}) limit 1
"""
_IS_SOMEBODY = f"""
select exists (select from people p where p.id = $1 and p.erased_at is null
    and (not $2 or p.is_active and p.kind = 'person' and {IS_DESK}))
"""
_STANDING = """
select 'gets' from report_mail_recipients where mail_id = $1 and person_id = $2
union all select 'left' from report_mail_leavers where mail_id = $1 and person_id = $2
"""
_TOUCH = "update report_mails set revision = revision + 1, updated_at = now() where id = $1"
_RUNS = """
select r.id, r.at, r.is_asked, r.started_at, r.ended_at, r.problem,
    array(select (l.person_id, l.outcome, l.at) from report_mail_letters l where l.run_id = r.id
        order by l.at, l.person_id) as letters
from report_mail_runs r where r.mail_id = $1 order by r.at desc, r.id limit $2
"""


class LeaverRecord(NamedTuple):
    """Who got it and does not want it any more."""

    person: PersonId
    left_at: datetime


class ReportMailRecord(NamedTuple):
    """A mailed report."""

    id: ReportMailId
    owner: PersonId
    plan: ReportMailPlan
    recipients: tuple[PersonId, ...]
    leavers: tuple[LeaverRecord, ...]
    is_active: bool
    revision: int
    created_at: datetime
    updated_at: datetime


class LetterRecord(NamedTuple):
    person: PersonId
    outcome: LetterOutcome
    at: datetime


class RunRecord(NamedTuple):
    """One sending. `started_at` None: it waits for its workflow."""

    id: ReportMailRunId
    at: datetime
    is_asked: bool
    started_at: datetime | None
    ended_at: datetime | None
    problem: RunProblem | None
    letters: tuple[LetterRecord, ...]


class AskedRun(NamedTuple):
    """A run that waits for its workflow."""

    id: ReportMailRunId
    mail: ReportMailId


class ReportMailStore:
    """Mailed reports in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._people = PeopleStore(pool)

    async def all(self) -> list[ReportMailRecord]:
        """The oldest first."""
        return [_record(row) for row in await self._pool.fetch(f"{_SELECT} order by m.created_at, m.id")]

    async def find(self, id: ReportMailId) -> ReportMailRecord | None:
        row = await self._pool.fetchrow(f"{_SELECT} where m.id = $1", id)
        return None if row is None else _record(row)

    async def read(self, id: ReportMailId) -> ReportMailRecord:
        """Raises NotFoundError."""
        return _known(await self.find(id))

    async def add(
        self,
        plan: ReportMailPlan,
        recipients: Sequence[PersonId],
        by: Author,
        key: RequestKey | None = None,
        *,
        is_active: bool = True,
    ) -> ReportMailRecord:
        """Keep a new one, of which the author is the owner. A repeat under the key adds none.

        Raises LimitReachedError, and UnknownReferenceError for receivers who are not of the desk.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            await connection.execute("lock table report_mails in share row exclusive mode")  # one at a time counts
            if await connection.fetchval("select count(*) from report_mails") >= MAX_REPORT_MAILS:
                raise LimitReachedError(f"There are {MAX_REPORT_MAILS} mailed reports; delete one that is not needed.")
            id = uuid4()
            await connection.execute(
                "insert into report_mails (id, owner_id, plan, is_active) values ($1, $2, $3::jsonb, $4)",
                *(id, by.id, plan.model_dump_json(), is_active),
            )
            await _set_recipients(connection, ReportMailId(id), recipients)
            return {"id": str(id)}

        answer = await create_once(self._pool, key, create, by)
        return await self.read(ReportMailId(UUID(answer["id"])))

    async def replace(
        self,
        id: ReportMailId,
        plan: ReportMailPlan,
        recipients: Sequence[PersonId],
        expected: int | None,
        by: Author,
        *,
        is_active: bool,
    ) -> ReportMailRecord:
        """Its owner stays, and who left stays off it, named or not: a list may be older than their leaving, and it is
        theirs to say. Raises NotFoundError, StaleRevisionError, and UnknownReferenceError as `add`."""
        async with authored(self._pool, by) as connection:
            await _check_revision(connection, id, expected)
            await _set_recipients(connection, id, recipients)
            await connection.execute(
                "update report_mails set plan = $2::jsonb, is_active = $3, revision = revision + 1, "
                "updated_at = now() where id = $1",
                *(id, plan.model_dump_json(), is_active),
            )
        return await self.read(id)

    async def delete(self, id: ReportMailId, expected: int | None, by: Author) -> None:
        """With its runs. Raises NotFoundError and StaleRevisionError."""
        async with authored(self._pool, by) as connection:
            await _check_revision(connection, id, expected)
            await connection.execute("delete from report_mails where id = $1", id)

    async def leave(self, id: ReportMailId, person: PersonId, by: Author) -> None:
        """Send it to this person no more. Raises NotFoundError when they do not get it."""
        if await self.switch(ReportMailSwitch(person, id), by) is not Receiving.GETS:
            raise NotFoundError("You do not get this report.")

    async def come_back(self, id: ReportMailId, person: PersonId, by: Author) -> None:
        """Send it again to this person, who left. Raises NotFoundError, and LimitReachedError when its list is full."""
        await self.switch(ReportMailSwitch(person, id, gets=True), by)

    async def switch(self, switch: ReportMailSwitch, by: Author) -> Receiving | None:
        """Do what somebody says about a mail to themselves, and return how they stood to it before. Harmless to repeat.

        Raises NotFoundError when the mail or the person is gone, or when they want it who never left it;
        LimitReachedError when its list is full.
        """
        async with authored(self._pool, by) as connection:
            await _check_revision(connection, switch.mail, None)
            if not await connection.fetchval(_IS_SOMEBODY, switch.person, switch.gets):
                raise NotFoundError("There is no such account any more.")
            found = await connection.fetchval(_STANDING, switch.mail, switch.person)
            standing = None if found is None else Receiving(found)
            if switch.gets and standing is None:
                raise NotFoundError("This report is not sent to you any more; ask whoever has it sent.")
            if switch.changes(standing):
                await (_put_back if switch.gets else _take_off)(connection, switch.mail, switch.person)
        return standing

    async def ask(self, id: ReportMailId, now: datetime, key: RequestKey | None = None) -> ReportMailRunId:
        """Have it sent now; a repeat under the key sends once. Raises NotFoundError."""

        async def create(connection: Connection) -> dict[str, Any]:
            run = await connection.fetchval(
                "insert into report_mail_runs (id, mail_id, at, is_asked) "
                "select $2, id, $3, true from report_mails where id = $1 returning id",
                *(id, uuid4(), now),
            )
            if run is None:
                raise NotFoundError("There is no such mailed report.")
            await connection.execute(f"select pg_notify('{REPORT_MAIL_BELL}', $1)", str(id))
            return {"id": str(run)}

        answer = await create_once(self._pool, key, create)
        return ReportMailRunId(UUID(answer["id"]))

    async def runs(self, id: ReportMailId, limit: int) -> list[RunRecord]:
        """The latest first. Raises NotFoundError."""
        await self.read(id)
        return [_run(row) for row in await self._pool.fetch(_RUNS, id, limit)]

    async def asked(self) -> list[AskedRun]:
        """Runs that wait for their workflow, the oldest first."""
        rows = await self._pool.fetch(
            "select id, mail_id from report_mail_runs where started_at is null order by at, id limit 100"
        )
        return [AskedRun(ReportMailRunId(row["id"]), ReportMailId(row["mail_id"])) for row in rows]

    async def mark_started(self, run: ReportMailRunId) -> None:
        await self._pool.execute(
            "update report_mail_runs set started_at = now() where id = $1 and started_at is null", run
        )

    async def begin(self, mail: ReportMailId, run: ReportMailRunId, at: datetime, *, is_asked: bool) -> list[PersonId]:
        """Note that a run began; returns who is to be written to. Nobody when the mail is gone or paused, or its owner
        may not have reports sent any more: the run says so. Harmless to repeat."""
        record = await self.find(mail)
        if record is None:
            return []
        problem = await self._problem(record, is_asked=is_asked)
        await self._pool.execute(
            "insert into report_mail_runs (id, mail_id, at, is_asked, started_at, problem) "
            "select $2, id, $3, $4, now(), $5 from report_mails where id = $1 "
            "on conflict (id) do update set problem = $5, started_at = coalesce(report_mail_runs.started_at, now())",
            *(mail, run, at, is_asked, problem),
        )
        return [] if problem else list(record.recipients)

    async def note(self, run: ReportMailRunId, person: PersonId, outcome: LetterOutcome) -> None:
        """Keep what became of a letter. Harmless to repeat: the first word counts, and who was erased has none."""
        await self._pool.execute(
            "insert into report_mail_letters (run_id, person_id, outcome) select r.id, p.id, $3 "
            "from report_mail_runs r, people p where r.id = $1 and p.id = $2 and p.erased_at is null "
            "on conflict do nothing",
            *(run, person, outcome),
        )

    async def end(self, run: ReportMailRunId) -> None:
        await self._pool.execute("update report_mail_runs set ended_at = coalesce(ended_at, now()) where id = $1", run)

    async def _problem(self, record: ReportMailRecord, *, is_asked: bool) -> RunProblem | None:
        owner = await self._people.read(record.owner)
        if owner is None or not owner.is_active or owner.role not in SUPERVISORS:
            return RunProblem.OWNER_LOST_RIGHTS
        if not record.is_active and not is_asked:
            return RunProblem.INACTIVE
        return None if record.recipients else RunProblem.NOBODY


async def _check_revision(connection: Connection, id: ReportMailId, expected: int | None) -> None:
    revision = await connection.fetchval("select revision from report_mails where id = $1 for update", id)
    if revision is None:
        raise NotFoundError("There is no such mailed report.")
    if expected not in (None, revision):
        raise StaleRevisionError("Somebody else changed it meanwhile; look at it again.")


async def _take_off(connection: Connection, id: ReportMailId, person: PersonId) -> None:
    await connection.execute("delete from report_mail_recipients where mail_id = $1 and person_id = $2", id, person)
    await connection.execute("insert into report_mail_leavers (mail_id, person_id) values ($1, $2)", id, person)
    await connection.execute(_TOUCH, id)


async def _put_back(connection: Connection, id: ReportMailId, person: PersonId) -> None:
    count = await connection.fetchval("select count(*) from report_mail_recipients where mail_id = $1", id)
    if count >= MAX_RECIPIENTS:
        raise LimitReachedError(f"This report has {MAX_RECIPIENTS} receivers already.")
    await connection.execute("delete from report_mail_leavers where mail_id = $1 and person_id = $2", id, person)
    await connection.execute("insert into report_mail_recipients (mail_id, person_id) values ($1, $2)", id, person)
    await connection.execute(_TOUCH, id)


async def _set_recipients(connection: Connection, id: ReportMailId, recipients: Sequence[PersonId]) -> None:
    """Who gets it already stays, even when they are not of the desk any more; who joins has to be. Nobody who left
    joins."""
    known = {
        row[0] for row in await connection.fetch("select person_id from report_mail_recipients where mail_id = $1", id)
    }
    left = await connection.fetch("select person_id from report_mail_leavers where mail_id = $1", id)
    wanted = set(recipients) - {row[0] for row in left}
    if (unknown := await connection.fetchval(_UNKNOWN, list(wanted - known))) is not None:
        raise UnknownReferenceError(f"There is nobody of the desk with the id {unknown}.")
    await connection.execute(
        "delete from report_mail_recipients where mail_id = $1 and person_id = any($2::uuid[])",
        *(id, list(known - wanted)),
    )
    await connection.execute(
        "insert into report_mail_recipients (mail_id, person_id) select $1, unnest($2::uuid[])",
        *(id, list(wanted - known)),
    )


def _known(record: ReportMailRecord | None) -> ReportMailRecord:
    if record is None:
        raise NotFoundError("There is no such mailed report.")
    return record


def _record(row: asyncpg.Record) -> ReportMailRecord:
    return ReportMailRecord(
        id=ReportMailId(row["id"]),
        owner=PersonId(row["owner_id"]),
        plan=ReportMailPlan.model_validate_json(row["plan"]),
        recipients=tuple(PersonId(one) for one in row["recipients"]),
        leavers=tuple(LeaverRecord(PersonId(who), at) for who, at in row["leavers"]),
        is_active=row["is_active"],
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _run(row: asyncpg.Record) -> RunRecord:
    letters = tuple(LetterRecord(PersonId(who), LetterOutcome(what), at) for who, what, at in row["letters"])
    problem = None if row["problem"] is None else RunProblem(row["problem"])
    return RunRecord(
        ReportMailRunId(row["id"]), row["at"], row["is_asked"], row["started_at"], row["ended_at"], problem, letters
    )
