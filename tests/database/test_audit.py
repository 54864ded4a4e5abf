"""The audit trail: entries by triggers, their authors, their personal parts, and the chain."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from database.audit import AuditEntry, AuditFilter, AuditStore, authored, erase, name_author, note
from database.pool import Pool, open_pool
from domain.audit import FIRST_HASH, Author, PersonalPart, hash_of, hash_of_part
from domain.people import Role
from tests.factories import ADMIN, AGENT, OTHER_AGENT, store_desk

BY_ADMIN = Author(ADMIN, Role.ADMIN, "192.0.2.7", "access-token")


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    """A desk of the test's own: its trail begins with the making of its people."""
    pool = await open_pool(database_dsn, size=8)
    await store_desk(pool)
    yield pool
    await pool.close()


@pytest.fixture
def audit(pool: Pool) -> AuditStore:
    return AuditStore(pool)


async def newest(audit: AuditStore, **wanted: Any) -> AuditEntry:
    return (await audit.page(AuditFilter(**wanted), 1))[0]


async def written(audit: AuditStore, pool: Pool, statement: str, *arguments: Any) -> list[AuditEntry]:
    """The entries of one statement of the admin, in their order."""
    before = (await audit.head()).number
    async with authored(pool, BY_ADMIN) as connection:
        await connection.execute(statement, *arguments)
    entries = await audit.page(AuditFilter(), 200)
    return [entry for entry in reversed(entries) if entry.number > before]


async def test_a_change_is_told_with_its_author_and_what_was_before_and_after(audit: AuditStore, pool: Pool) -> None:
    (entry,) = await written(
        audit, pool, "update people set role = 'supervisor', name = 'New', updated_at = now() where id = $1", AGENT
    )

    assert (entry.author_id, entry.author_role, entry.credential) == (ADMIN, "admin", "access-token")
    assert (entry.action, entry.subject_kind, entry.subject_id) == ("person.changed", "person", str(AGENT))
    assert (entry.before, entry.after) == ({"role": "agent"}, {"role": "supervisor"})
    (about_agent, about_author) = entry.personal
    assert about_agent.person == AGENT
    assert about_agent.data["after"] == {"name": "New"}
    assert about_author == PersonalPart(ADMIN, {"address": "192.0.2.7"})
    assert entry.erased == 0


async def test_a_row_that_comes_and_one_that_goes_are_told_whole(audit: AuditStore, pool: Pool) -> None:
    (made,) = await written(audit, pool, "insert into team_members values ('network', $1)", AGENT)
    (gone,) = await written(audit, pool, "delete from team_members where team = 'network' and person_id = $1", AGENT)

    told = {"team": "network", "person_id": str(AGENT)}
    assert (made.action, made.before, made.after, made.subject_id) == ("team_member.made", None, told, str(AGENT))
    assert (gone.action, gone.before, gone.after) == ("team_member.deleted", told, None)


async def test_of_a_secret_only_the_change_is_told(audit: AuditStore, pool: Pool) -> None:
    (entry,) = await written(audit, pool, "update people set password_hash = 'tale-telling' where id = $1", AGENT)

    assert (entry.before, entry.after) == ({"password_hash": "(hidden)"}, {"password_hash": "(hidden)"})
    assert not await pool.fetchval("select exists (select from audit_entries e where e::text like '%tale-telling%')")
    assert not await pool.fetchval("select exists (select from audit_personal p where p::text like '%tale-telling%')")


async def test_what_is_no_change_and_what_is_ignored_makes_no_entry(audit: AuditStore, pool: Pool) -> None:
    assert await written(audit, pool, "update people set name = name, updated_at = now()") == []
    assert await written(audit, pool, "update agents set presence = 'online', revision = 7, life = '{}'") == []
    (entry,) = await written(
        audit, pool, "update agents set presence = 'busy', seniority = 5 where person_id = $1", AGENT
    )
    assert (entry.subject_kind, entry.after) == ("person", {"seniority": 5})


async def test_a_change_by_hand_names_who_is_logged_in_to_the_database(audit: AuditStore, pool: Pool) -> None:
    await pool.execute("update teams set name = 'By hand' where slug = 'support'")

    entry = await newest(audit)
    assert (entry.author_id, entry.author_role) == (None, None)
    assert entry.credential == f"database:{await pool.fetchval('select session_user')}"
    assert (entry.action, entry.personal) == ("team.changed", ())


async def test_an_author_is_named_for_one_transaction_only(audit: AuditStore, pool: Pool) -> None:
    async with pool.acquire() as connection:
        async with connection.transaction():
            await connection.execute("insert into categories (slug, name) values ('one', 'One')")
            await name_author(connection, BY_ADMIN)  # also what was changed before is theirs: entries come at the end
        await connection.execute("insert into categories (slug, name) values ('two', 'Two')")

    two, one = await audit.page(AuditFilter(), 2)
    assert (one.subject_id, one.author_id) == ("one", ADMIN)
    assert (two.subject_id, two.author_id) == ("two", None)


async def test_what_is_rolled_back_leaves_no_gap(audit: AuditStore, pool: Pool) -> None:
    head = await audit.head()
    twice = "insert into categories (slug, name) values ('one', 'One'); " * 2
    with pytest.raises(asyncpg.UniqueViolationError):
        await written(audit, pool, twice)
    assert await audit.head() == head

    number = await audit.note(BY_ADMIN, "export.made", "person", str(AGENT))
    assert number == head.number + 1


async def test_a_note_has_its_author_detail_and_personal_parts(audit: AuditStore) -> None:
    nobody = Author(address="2001:db8::1")
    parts = [PersonalPart(AGENT, {"email": "alex@example.com"}), PersonalPart(None, {"user_agent": "curl"})]
    number = await audit.note(nobody, "sign_in.failed", "person", str(AGENT), {"reason": "password"}, parts)

    entry = await newest(audit)
    assert entry.number == number
    assert (entry.author_id, entry.credential, entry.after) == (None, None, {"reason": "password"})
    assert list(entry.personal) == [*parts, PersonalPart(None, {"address": "2001:db8::1"})]


async def test_filters_and_pages(audit: AuditStore) -> None:
    numbers = [await audit.note(BY_ADMIN, f"thing.{what}", "thing", what) for what in ("made", "changed", "deleted")]
    await audit.note(Author(), "other.made", "other", "made")
    things = AuditFilter(subject_kind="thing")
    assert [one.number for one in await audit.page(things, 2)] == numbers[:0:-1]
    assert [one.number for one in await audit.page(things, 2, before=numbers[1])] == numbers[:1]
    at = (await newest(audit, action="thing.changed")).at
    for wanted, expected in (
        (AuditFilter(author=ADMIN), numbers[::-1]),
        (AuditFilter(subject_kind="thing", subject_id="made"), numbers[:1]),
        (AuditFilter(action="thing.deleted"), numbers[2:]),
        (AuditFilter(q="ing.ch"), numbers[1:2]),
        (AuditFilter(q="thing.%"), []),
        (AuditFilter(subject_kind="thing", since=at), numbers[:0:-1]),
        (AuditFilter(subject_kind="thing", until=at), numbers[:1]),
        (AuditFilter(author=OTHER_AGENT), []),
    ):
        assert [one.number for one in await audit.page(wanted, 10)] == expected, wanted


async def test_the_chain_of_many_writers_is_dense_and_right(audit: AuditStore, pool: Pool) -> None:
    async def write(place: int) -> None:
        async with authored(pool, BY_ADMIN) as connection:
            for part in range(3):
                await connection.execute("insert into categories (slug, name) values ($1, 'ö „x“')", f"{place}-{part}")

    await asyncio.gather(*(write(place) for place in range(20)))

    entries, head = await audit.chain(0, 10_000), await audit.head()
    assert [entry.number for entry in entries] == list(range(1, head.number + 1))
    assert entries[-1].hash == head.hash
    assert [entry.previous_hash for entry in entries] == [FIRST_HASH, *(entry.hash for entry in entries[:-1])]
    assert [hash_of(entry) for entry in entries] == [entry.hash for entry in entries]
    by_number = {entry.number: entry for entry in entries}
    parts = await audit.parts(0, head.number)
    assert len(parts) > 60
    assert all(hash_of_part(part) == by_number[part.number].personal_hashes[part.place - 1] for part in parts)


async def test_erasing_a_person_leaves_the_entries_and_the_other_persons_parts(audit: AuditStore, pool: Pool) -> None:
    (entry,) = await written(audit, pool, "update people set name = 'New' where id = $1", AGENT)

    assert await audit.erase(AGENT) == 2  # of this entry, and of the one by which they were made

    after = await newest(audit)
    assert after.number == entry.number
    assert (after.personal, after.erased) == (entry.personal[1:], 1)
    assert hash_of((await audit.chain(entry.number - 1, 1))[0]) == (await audit.head()).hash


async def test_a_name_that_is_taken_away_while_erasing_does_not_come_back(audit: AuditStore, pool: Pool) -> None:
    """The entry of the change knows the name that was; it is written only when the transaction ends."""
    async with authored(pool, BY_ADMIN) as connection:
        await connection.execute("update people set name = 'Erased', email = id::text where id = $1", AGENT)
        assert await erase(connection, AGENT) == 2
        await note(connection, "person.erased", "person", str(AGENT))

    erased, changed = await audit.page(AuditFilter(), 2)
    assert (erased.action, changed.action, changed.erased) == ("person.erased", "person.changed", 1)
    assert changed.personal == erased.personal == (PersonalPart(ADMIN, {"address": "192.0.2.7"}),)


async def test_personal_parts_are_forgotten_by_age(audit: AuditStore) -> None:
    await audit.note(BY_ADMIN, "thing.made", "thing")
    entry = await newest(audit)
    await audit.forget_personal(entry.at)
    assert (await newest(audit)).personal == entry.personal
    assert await audit.forget_personal(entry.at + timedelta(microseconds=1)) == 1
    assert (await newest(audit)).erased == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entries set action = 'x'",
        "delete from audit_entries",
        "truncate audit_entries, audit_personal",
        "update audit_personal set data = '{}'",
        "truncate audit_personal",
        "update audit_head set number = 0",
        "delete from audit_head",
        "truncate audit_head",
        "truncate people cascade",
    ],
)
async def test_the_trail_is_only_added_to(audit: AuditStore, pool: Pool, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only added to"):
        await pool.execute(statement)


async def test_another_table_comes_under_audit_by_one_line(audit: AuditStore, pool: Pool) -> None:
    await pool.execute(
        "create table keys (id int primary key, owner_id uuid, label text, hash bytea, last_used_at timestamptz)"
    )
    await pool.execute(
        "call audit_table('keys', 'api_key', key => '{id}', person => 'owner_id', personal => '{label}', "
        "hidden => '{hash}', ignored => '{last_used_at}')"
    )

    (made,) = await written(audit, pool, "insert into keys values (1, $1, 'Alex, laptop', 'abc', now())", AGENT)
    assert await written(audit, pool, "update keys set last_used_at = now()") == []
    (changed,) = await written(audit, pool, "update keys set label = null")

    assert (made.action, made.subject_id) == ("api_key.made", "1")
    assert made.after == {"id": 1, "owner_id": str(AGENT), "hash": "(hidden)"}
    assert made.personal[0] == PersonalPart(AGENT, {"after": {"label": "Alex, laptop"}})
    assert (changed.before, changed.after) == (None, None)
    assert changed.personal[0].data == {"before": {"label": "Alex, laptop"}, "after": {"label": None}}


async def test_writers_who_lock_in_any_order_do_not_wait_in_a_circle(audit: AuditStore, pool: Pool) -> None:
    """The head is locked at the end of a transaction, when its other locks are all taken."""
    async with authored(pool, BY_ADMIN) as one:
        await one.execute("update teams set name = 'a' where slug = 'support'")
        async with authored(pool, BY_ADMIN) as other:
            await other.execute("update teams set name = 'b' where slug = 'billing'")
        await one.execute("update teams set name = 'c' where slug = 'billing'")
    assert (await newest(audit)).before == {"name": "b"}
