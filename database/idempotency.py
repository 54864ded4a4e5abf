"""Creating something once under a caller's `Idempotency-Key`, where no ticket's workflow does it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from database.audit import name_author
from database.pool import Connection, Pool
from domain.audit import Author
from domain.errors import IdempotencyKeyReusedError
from domain.ids import CommandId


class RequestKey(NamedTuple):
    """The id that a caller's key names, and a digest of the request that came with it."""

    id: CommandId
    fingerprint: str


async def create_once(
    pool: Pool,
    key: RequestKey | None,
    create: Callable[[Connection], Awaitable[dict[str, Any]]],
    by: Author | None = None,
) -> dict[str, Any]:
    """Run `create` in a transaction and keep its answer (plain JSON) under the key; a repeat gets the kept answer.
    `by` is named as the author of what comes under audit.

    Raises IdempotencyKeyReusedError when the key came with another request, and whatever `create` raises.
    """
    async with pool.acquire() as connection, connection.transaction():
        if by is not None:
            await name_author(connection, by)
        if key is None:
            return await create(connection)
        is_first = await connection.fetchval(
            "insert into idempotency_keys (id, fingerprint) values ($1, $2) on conflict (id) do nothing returning true",
            *key,
        )
        if not is_first:
            known = await connection.fetchrow("select fingerprint, answer from idempotency_keys where id = $1", key.id)
            if known is None or known["fingerprint"] != key.fingerprint:
                raise IdempotencyKeyReusedError("This Idempotency-Key came with another request before.")
            answer: dict[str, Any] = json.loads(known["answer"])
            return answer
        answer = await create(connection)
        await connection.execute(
            "update idempotency_keys set answer = $2::jsonb where id = $1", key.id, json.dumps(answer)
        )
        return answer
