"""Whoever changes or removes what is in the audit trail is found out; whoever erases a person breaks nothing."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from database.audit import AuditStore
from database.pool import Pool, open_pool
from domain.audit import Author, Head, PersonalPart
from operations.verify_audit import Verification, head_of, run, verify
from settings import ROOT, Settings
from tests.factories import ADMIN, AGENT, author, store_desk

BY_ADMIN = author(ADMIN)
BATCH = 7  # not a divisor of the number of entries: the last batch is a short one


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_dsn, 2)
    await store_desk(pool)
    for number in range(10):
        about = PersonalPart(AGENT, {"email": f"alex{number}@example.com", "note": "ä\n“x”"})
        await AuditStore(pool).note(BY_ADMIN, "thing.changed", "thing", str(number), {"b": 1.50, "a": "ö"}, [about])
    yield pool
    await pool.close()


async def by_force(pool: Pool, statement: str) -> None:
    """As somebody would who owns the database: no trigger fires."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        assert not (await connection.execute(statement)).endswith(" 0")


async def verified(pool: Pool, noted: Head | None = None) -> Verification:
    return await verify(AuditStore(pool), noted, BATCH)


async def test_a_trail_that_nobody_touched_is_whole(pool: Pool) -> None:
    head = await AuditStore(pool).head()

    found = await verified(pool)

    assert found.faults == []
    assert found.head == head
    assert (found.parts > 20, found.erased) == (True, 0)
    assert found.sentences()[-1].endswith(f"Its head: {head.number}:{head.hash.hex()}")
    assert head_of(f"{head.number}:{head.hash.hex()}") == head


async def test_an_empty_trail_is_whole(database_dsn: str) -> None:
    async with await open_pool(database_dsn, 1) as pool:
        assert (await verified(pool)).sentences() == [
            "0 entries, 0 personal parts, 0 more were erased.",
            f"The audit trail is whole. Its head: 0:{'00' * 32}",
        ]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("update audit_entries set after = after || '{\"b\": 2}' where number = 23", "Entry 23 is not as it was"),
        ("update audit_entries set author_id = gen_random_uuid() where number = 22", "Entry 22 is not as it was"),
        ("update audit_entries set author_role = null where number = 22", "Entry 22 is not as it was"),
        ("update audit_entries set credential = 'other' where number = 22", "Entry 22 is not as it was"),
        ("update audit_entries set action = action || 'x' where number = 1", "Entry 1 is not as it was"),
        ("update audit_entries set subject_kind = 'other' where number = 1", "Entry 1 is not as it was"),
        ("update audit_entries set subject_id = 'other' where number = 1", "Entry 1 is not as it was"),
        ("update audit_entries set before = '{}' where number = 1", "Entry 1 is not as it was"),
        ("update audit_entries set at = at + interval '1 microsecond' where number = 9", "Entry 9 is not as it was"),
        ("update audit_entries set personal_hashes = '{}' where number = 23", "Entry 23 is not as it was"),
        ("update audit_entries set hash = sha256('') where number = 22", "Entry 22 is not as it was"),
        ("update audit_entries set previous_hash = sha256('') where number = 22", "Entry 22 does not follow"),
        ("delete from audit_entries where number = 8", "Entry 8 is gone; the next one is 9."),
        ("delete from audit_entries where number = 1", "Entry 1 is gone; the next one is 2."),
        ("delete from audit_entries where number = (select number from audit_head)", "is gone"),
        ("update audit_entries set number = case number when 3 then -4 else -3 end where number in (3, 4)", "Entry"),
        ("update audit_personal set data = '{}' where number = 23 and place = 1", "Entry 23: personal part 1"),
        ("update audit_personal set person_id = null where number = 23 and place = 1", "Entry 23: personal part 1"),
        ("update audit_personal set salt = '' where number = 23 and place = 2", "Entry 23: personal part 2"),
        ("insert into audit_personal values (23, 9, null, '', '{}')", "Entry 23 has a personal part"),
        ("update audit_head set number = number + 1", "is gone; the last one was"),
        ("update audit_head set hash = sha256('')", "is not the one that the head names"),
    ],
)
async def test_what_was_changed_or_removed_is_found(pool: Pool, statement: str, fault: str) -> None:
    await by_force(pool, statement)
    if "then -4" in statement:
        await by_force(pool, "update audit_entries set number = -number where number < 0")

    found = await verified(pool)

    assert fault in found.faults[0], found.faults
    assert found.sentences()[-1] == "The audit trail was changed."


async def test_an_end_that_was_cut_off_with_its_head_is_found_by_a_head_noted_earlier(pool: Pool) -> None:
    noted = await AuditStore(pool).head()
    assert (await verified(pool, noted)).faults == []
    await by_force(pool, "delete from audit_personal where number = (select number from audit_head)")
    await by_force(pool, "delete from audit_entries where number = (select number from audit_head)")
    await by_force(
        pool,
        "update audit_head h set number = e.number, hash = e.hash from audit_entries e where e.number = h.number - 1",
    )

    assert (await verified(pool)).faults == []
    assert (await verified(pool, noted)).faults == [
        f"Entry {noted.number} is gone; entry {noted.number} was noted as head."
    ]

    await AuditStore(pool).note(Author(), "thing.changed", "thing")
    assert (await verified(pool, noted)).faults == [f"Entry {noted.number} is not the one that was noted as head."]


async def test_erasing_people_breaks_no_chain(pool: Pool) -> None:
    audit = AuditStore(pool)
    before = await verified(pool)
    erased = await audit.erase(AGENT)
    assert erased > 10

    found = await verified(pool)
    assert (found.faults, found.parts, found.erased) == ([], before.parts - erased, erased)
    assert found.head == before.head

    await audit.forget_personal(datetime.now(UTC))
    found = await verified(pool, before.head)
    assert (found.faults, found.parts, found.erased) == ([], 0, before.parts)


async def test_a_trail_that_grows_meanwhile_is_looked_at_up_to_where_it_was(pool: Pool) -> None:
    class Growing(AuditStore):
        async def head(self) -> Head:
            head = await super().head()
            await self.note(BY_ADMIN, "thing.changed", "thing")
            return head

    found = await verify(Growing(pool), None, BATCH)
    assert found.faults == []
    assert found.head.number == (await AuditStore(pool).head()).number - 1


@pytest.mark.parametrize("text", ["", "7", "7:", "7:zz", "x:" + "00" * 32, "7:00"])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        head_of(text)


async def test_the_database_is_the_one_that_the_settings_name(pool: Pool, database_dsn: str) -> None:
    found = await run(Settings(database_url=database_dsn), None)
    assert found.head == await AuditStore(pool).head()


async def test_the_command_ends_with_the_verdict(pool: Pool, database_dsn: str) -> None:
    async def ended(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "operations.verify_audit", *arguments),
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database_dsn},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    head = await AuditStore(pool).head()
    noted = f"{head.number}:{head.hash.hex()}"
    code, told = await ended("--head", noted)
    assert (code, noted in told) == (0, True)
    code, told = await ended("--head", f"{head.number}:{'00' * 32}")
    assert (code, f"Entry {head.number} is not the one that was noted" in told) == (1, True)
