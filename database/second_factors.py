"""Second factors: the encrypted secret of each, the newest step that was used, and the recovery codes left."""

from typing import NamedTuple

from database.account_mails import ask_for_mail
from database.audit import authored
from database.pool import Connection, Pool
from database.sessions import tell_account_changed
from domain.account_mail import AccountMailKind
from domain.audit import Author
from domain.ids import PersonId


class FactorRecord(NamedTuple):
    secret: bytes
    """Encrypted."""
    is_confirmed: bool
    last_step: int
    codes_left: int


class SecondFactorStore:
    """Second factors in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, person: PersonId) -> FactorRecord | None:
        row = await self._pool.fetchrow(
            "select f.secret, f.confirmed_at is not null as is_confirmed, f.last_step, (select count(*) from "
            "recovery_codes c where c.person_id = f.person_id and c.used_at is null) as codes_left "
            "from totp_factors f where f.person_id = $1",
            person,
        )
        return None if row is None else FactorRecord(*row.values())

    async def begin(self, person: PersonId, secret: bytes) -> bool:
        """Keep a secret that is still to be confirmed, in place of one that never was; False when one is in force."""
        is_kept: bool | None = await self._pool.fetchval(
            "insert into totp_factors (person_id, secret) values ($1, $2) on conflict (person_id) do update "
            "set secret = excluded.secret, created_at = now(), last_step = 0 "
            "where totp_factors.confirmed_at is null returning true",
            person,
            secret,
        )
        return bool(is_kept)

    async def confirm(
        self, person: PersonId, secret: bytes, step: int, codes: list[bytes], by: Author | None = None
    ) -> bool:
        """The factor is in force from now on, if this secret still waits; with the hashes of its recovery codes."""
        async with authored(self._pool, by or Author(person)) as connection:
            is_confirmed = await connection.fetchval(
                "update totp_factors set confirmed_at = now(), last_step = $3 "
                "where person_id = $1 and secret = $2 and confirmed_at is null returning true",
                person,
                secret,
                step,
            )
            if not is_confirmed:
                return False
            await connection.executemany(
                "insert into recovery_codes (person_id, hash) values ($1, $2)", [(person, code) for code in codes]
            )
            await _factor_added(connection, person)
        return True

    async def use_step(self, person: PersonId, step: int) -> bool:
        """Take the code of a step; False when it, or a newer one, was taken before."""
        is_first: bool | None = await self._pool.fetchval(
            "update totp_factors set last_step = $2 where person_id = $1 and last_step < $2 returning true",
            person,
            step,
        )
        return bool(is_first)

    async def use_recovery_code(self, person: PersonId, hash: bytes) -> bool:
        """Take a recovery code; False when there is none such, or it was taken before."""
        is_first: bool | None = await self._pool.fetchval(
            "update recovery_codes set used_at = now() where person_id = $1 and hash = $2 and used_at is null "
            "returning true",
            person,
            hash,
        )
        return bool(is_first)

    async def remove(self, person: PersonId, by: Author | None = None) -> bool:
        """Signing in takes the password alone again; False when it did before."""
        async with authored(self._pool, by or Author(person)) as connection:
            was_there = await connection.fetchval(
                "delete from totp_factors where person_id = $1 returning true", person
            )
            if was_there:
                await _factor_removed(connection, person)
        return bool(was_there)


async def _factor_added(connection: Connection, person: PersonId) -> None:
    await ask_for_mail(connection, person, AccountMailKind.FACTOR_ADDED)
    await tell_account_changed(connection, person)


async def _factor_removed(connection: Connection, person: PersonId) -> None:
    await tell_account_changed(connection, person)
