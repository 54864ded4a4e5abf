"""Push subscriptions: the browsers and phones on which somebody wants pushes, and which message reached which."""

from datetime import datetime
from typing import NamedTuple

import asyncpg

from database.pool import Pool
from domain.errors import NotFoundError
from domain.ids import PersonId, PushSubscriptionId
from domain.message import Device
from domain.push import MOST_SUBSCRIPTIONS, PushKeys

_ADD = """
insert into push_subscriptions (person_id, endpoint, p256dh, auth, device) values ($1, $2, $3, $4, $5)
on conflict (endpoint) do update set person_id = excluded.person_id, p256dh = excluded.p256dh, auth = excluded.auth,
    device = excluded.device
returning id, endpoint, device, created_at, last_used_at, xmax = 0 as is_new
"""
_TOO_MANY = """
delete from push_subscriptions where person_id = $1 and id in (
    select id from push_subscriptions where person_id = $1 and id <> $2
    order by created_at desc, id offset $3)
"""
_KEYS = "select s.id, s.endpoint, s.p256dh, s.auth from push_subscriptions s"


class PushSubscriptionRecord(NamedTuple):
    """A subscription, without the keys that encrypt for it."""

    id: PushSubscriptionId
    endpoint: str
    device: str
    """What its owner calls it."""
    created_at: datetime
    last_used_at: datetime | None


class PushSubscriptionStore:
    """Push subscriptions in PostgreSQL. Keys are kept as hexadecimal text."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self, person: PersonId) -> list[PushSubscriptionRecord]:
        """The person's, the oldest first."""
        rows = await self._pool.fetch(
            "select id, endpoint, device, created_at, last_used_at from push_subscriptions where person_id = $1 "
            "order by created_at, id",
            person,
        )
        return [_record(row) for row in rows]

    async def add(
        self, person: PersonId, endpoint: str, p256dh: bytes, auth: bytes, device: str
    ) -> tuple[PushSubscriptionRecord, bool]:
        """Keep a subscription, and whether it is new. Harmless to repeat: the endpoint is kept once, with the keys and
        name that came last.

        One that was somebody else's is the person's from now on, under another id, and what is under way to its former
        owner does not reach it. Beyond ten of a person the oldest goes.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select from people where id = $1 for no key update", person)
            await connection.execute(
                "delete from push_subscriptions where endpoint = $1 and person_id <> $2", endpoint, person
            )
            row = await connection.fetchrow(_ADD, person, endpoint, p256dh.hex(), auth.hex(), device)
            if row is None:
                raise NotFoundError("The subscription was removed at this very moment.")
            await connection.execute(_TOO_MANY, person, row["id"], MOST_SUBSCRIPTIONS - 1)
        return _record(row), row["is_new"]

    async def remove(self, person: PersonId, subscription: PushSubscriptionId) -> None:
        """Raises NotFoundError when the person has no such subscription."""
        removed = await self._pool.execute(
            "delete from push_subscriptions where id = $1 and person_id = $2", subscription, person
        )
        if removed.endswith(" 0"):
            raise NotFoundError("You have no such push subscription.")

    async def own(self, person: PersonId, subscription: PushSubscriptionId) -> PushKeys:
        """Raises NotFoundError when the person has no such subscription."""
        row = await self._pool.fetchrow(f"{_KEYS} where s.id = $1 and s.person_id = $2", subscription, person)
        if row is None:
            raise NotFoundError("You have no such push subscription.")
        return _keys(row)

    async def keys_for(self, device: Device) -> PushKeys | None:
        """What reaches the device of the message's receiver; None when they have it no more."""
        row = await self._pool.fetchrow(
            f"{_KEYS} join messages m on m.person_id = s.person_id where m.id = $1 and s.id = $2",
            device.message,
            device.subscription,
        )
        return None if row is None else _keys(row)

    async def is_delivered(self, device: Device) -> bool:
        """Whether the device has the message already."""
        found = await self._pool.fetchval(
            "select true from push_deliveries where message_id = $1 and subscription_id = $2",
            device.message,
            device.subscription,
        )
        return found is not None

    async def mark_delivered(self, device: Device) -> None:
        """Repeating it changes nothing, and so does a subscription that is gone."""
        await self._pool.execute(
            "with used as (update push_subscriptions set last_used_at = now() where id = $2 returning id) "
            "insert into push_deliveries (message_id, subscription_id) "
            "select m.id, used.id from used, messages m where m.id = $1 on conflict do nothing",
            device.message,
            device.subscription,
        )

    async def mark_used(self, subscription: PushSubscriptionId) -> None:
        """The service took something for it."""
        await self._pool.execute("update push_subscriptions set last_used_at = now() where id = $1", subscription)

    async def forget(self, keys: PushKeys) -> None:
        """The service says that it has ended. One that was renewed meanwhile stays."""
        await self._pool.execute(
            "delete from push_subscriptions where id = $1 and endpoint = $2 and p256dh = $3",
            keys.id,
            keys.endpoint,
            keys.p256dh.hex(),
        )


def _record(row: asyncpg.Record) -> PushSubscriptionRecord:
    return PushSubscriptionRecord(
        PushSubscriptionId(row["id"]), row["endpoint"], row["device"], row["created_at"], row["last_used_at"]
    )


def _keys(row: asyncpg.Record) -> PushKeys:
    return PushKeys(
        PushSubscriptionId(row["id"]), row["endpoint"], bytes.fromhex(row["p256dh"]), bytes.fromhex(row["auth"])
    )
