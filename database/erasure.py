"""Erases a person: in one transaction, everywhere, and so that every count stays what it was."""

from datetime import datetime
from typing import NamedTuple

from database.agent_rows import OWNED
from database.audit import authored, erase, note
from database.people import check_owns_nothing, lock_agent, tell_person_changed
from database.personal_data import ERASED, PERSONAL
from database.pool import PATIENT_SECONDS, Connection, Pool
from domain.audit import Author
from domain.errors import ConflictError, NotFoundError
from domain.ids import PersonId
from domain.people import Role
from domain.privacy import Mentions


class Erasure(NamedTuple):
    """What was done."""

    person: PersonId
    erased_at: datetime
    mentions: int
    """Texts of others from which the person's name or address was taken."""


RETENTION = Author(credential="program:retention")
_OPEN_REQUESTS = "select count(*) from tickets where requester_id = $1 and status <> 'closed'"
_OTHER_ADMINS = "select exists (select from people where role = 'admin' and is_active and kind = 'person' and id <> $1)"
_MENTIONING = """
select x.id, x.title, x.body, t.requester_id = $1 as is_theirs from ticket_texts x
join tickets t on t.number = x.ticket_number
where x.author_id is distinct from $1 and (t.requester_id = $1
    or x.search @@ phraseto_tsquery('simple', $2) or $4 and x.search @@ phraseto_tsquery('simple', $3))
"""
_ANSWERS = f"""
update webhook_attempts a set answer_headers = '{{}}', answer_body = '{ERASED}'
from (
    select a.delivery_id, a.number, d.ticket_number, lower(concat(a.answer_body, a.answer_headers)) as said
    from webhook_attempts a join webhook_deliveries d on d.id = a.delivery_id
) answer
where a.delivery_id = answer.delivery_id and a.number = answer.number and (
    answer.ticket_number in (select number from tickets where requester_id = $1::uuid)
    or strpos(answer.said, $1::uuid::text) > 0 or strpos(answer.said, lower($2)) > 0
    or $4 and strpos(answer.said, lower($3)) > 0)
"""
"""What receivers of webhooks answered; what they were sent is not kept."""


class ErasureStore:
    """Erases people in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def erase(self, person: PersonId, by: Author | None) -> Erasure:
        """Take everything away that tells who somebody was; without `by` a rule asked for it. Once more does nothing
        more.

        Raises NotFoundError; AgentOwnsTicketsError when they own open tickets, ConflictError when tickets that they
        opened are not closed yet (the desk would work on nothing), or when they are the last admin, or oneself.
        """
        async with authored(self._pool, by or RETENTION) as connection:
            await lock_agent(connection, person)
            known = await connection.fetchrow(
                "select email, name, role, erased_at from people where id = $1 for update", person
            )
            if known is None:
                raise NotFoundError("There is no such person.")
            if known["erased_at"] is not None:
                return Erasure(person, known["erased_at"], 0)
            await _check(connection, person, Role(known["role"]), by)
            mentions = await _take_from_others(connection, person, Mentions(known["email"], known["name"]))
            for table in PERSONAL:
                where = " or ".join(f"{column} = $1" for column in table.people)
                if table.erased == "deleted":
                    await connection.execute(f"delete from {table.name} where {where}", person, timeout=PATIENT_SECONDS)
                elif table.erased == "blanked":
                    blank = ", ".join(f"{column} = {value}" for column, value in table.blank.items())
                    await connection.execute(
                        f"update {table.name} set {blank} where {where}", person, timeout=PATIENT_SECONDS
                    )
            await tell_person_changed(connection, person, by)
            erased_at = await connection.fetchval("select erased_at from people where id = $1", person)
            await note(connection, "person.erased", "person", str(person), {"mentions": mentions})
            await erase(connection, person)
        return Erasure(person, erased_at, mentions)


async def _check(connection: Connection, person: PersonId, role: Role, by: Author | None) -> None:
    if by is not None and person == by.id:
        raise ConflictError("Nobody erases themselves: another admin does.")
    if role is Role.ADMIN and not await connection.fetchval(_OTHER_ADMINS, person):
        raise ConflictError("They are the last admin.")
    if await connection.fetch(OWNED, person):
        await check_owns_nothing(connection, person)
    if open_requests := await connection.fetchval(_OPEN_REQUESTS, person):
        raise ConflictError(f"{open_requests} tickets that they opened are not closed; close them first.")


async def _take_from_others(connection: Connection, person: PersonId, mentions: Mentions) -> int:
    """Take name and address out of what others wrote; returns from how many texts."""
    rows = await connection.fetch(
        _MENTIONING, person, mentions.email, mentions.name, mentions.is_telling, timeout=PATIENT_SECONDS
    )
    named = (mentions.email, mentions.name, mentions.is_telling)
    await connection.execute(_ANSWERS, person, *named, timeout=PATIENT_SECONDS)
    changed = []
    for row in rows:
        with_name = row["is_theirs"] or mentions.is_telling
        before = (row["title"], row["body"])
        after = tuple(None if text is None else mentions.replaced(text, ERASED, with_name=with_name) for text in before)
        if after != before:
            changed.append((row["id"], *after))
    await connection.executemany("update ticket_texts set title = $2, body = $3 where id = $1", changed)
    return len(changed)
