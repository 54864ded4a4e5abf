"""A device has one owner, ten of them a person, and each message reaches it once."""

import asyncio

import pytest

from database.pool import Pool
from database.push_subscriptions import PushSubscriptionStore
from domain.errors import NotFoundError
from domain.ids import PersonId, PushSubscriptionId
from domain.message import Device
from domain.notification import Channel, NotificationType
from domain.push import MOST_SUBSCRIPTIONS
from tests.factories import AGENT, OTHER_AGENT, REQUESTER
from tests.messages import asked_message, notified

POINT, SECRET = b"\x04" * 65, b"\x07" * 16


@pytest.fixture
def devices(pool: Pool) -> PushSubscriptionStore:
    return PushSubscriptionStore(pool)


def endpoint(name: object) -> str:
    return f"https://push.example.com/{name}"


async def added(devices: PushSubscriptionStore, person: PersonId, name: object) -> PushSubscriptionId:
    return (await devices.add(person, endpoint(name), POINT, SECRET, f"device {name}"))[0].id


async def names(devices: PushSubscriptionStore, person: PersonId) -> list[str]:
    return [one.device for one in await devices.all(person)]


async def device_of(pool: Pool, devices: PushSubscriptionStore, person: PersonId = AGENT) -> Device:
    told = await notified(pool, person, NotificationType.TIME_OFF, "time_off.approved", subject="1")
    message = await asked_message(pool, person, [told], Channel.PUSH)
    return Device(message=message, subscription=await added(devices, person, "phone"))


async def test_the_same_endpoint_is_kept_once_with_what_came_last(devices: PushSubscriptionStore) -> None:
    first, is_new = await devices.add(AGENT, endpoint(1), POINT, SECRET, "phone")
    again, is_new_again = await devices.add(AGENT, endpoint(1), POINT[::-1], SECRET * 1, "Ada's phone")
    assert (is_new, is_new_again, again.id, again.created_at) == (True, False, first.id, first.created_at)
    assert await names(devices, AGENT) == ["Ada's phone"]
    assert await devices.own(AGENT, first.id) == (first.id, endpoint(1), POINT[::-1], SECRET)


async def test_a_shared_browser_is_theirs_who_signed_in_last(pool: Pool, devices: PushSubscriptionStore) -> None:
    """What is under way to its former owner does not reach it any more."""
    device = await device_of(pool, devices)
    assert await devices.keys_for(device) is not None
    mine = await added(devices, OTHER_AGENT, "phone")
    assert mine != device.subscription
    assert await devices.keys_for(device) is None
    assert await devices.keys_for(device.model_copy(update={"subscription": mine})) is None
    assert (await names(devices, AGENT), await names(devices, OTHER_AGENT)) == ([], ["device phone"])


async def test_of_more_than_ten_the_oldest_goes(devices: PushSubscriptionStore) -> None:
    await added(devices, OTHER_AGENT, "other")
    for n in range(MOST_SUBSCRIPTIONS + 2):
        await added(devices, AGENT, n)
    assert await names(devices, AGENT) == [f"device {n}" for n in range(2, 12)]
    await added(devices, AGENT, 2)
    assert len(await names(devices, AGENT)) == MOST_SUBSCRIPTIONS
    assert await names(devices, OTHER_AGENT) == ["device other"]


async def test_many_at_once_end_with_ten_and_one_owner(devices: PushSubscriptionStore) -> None:
    await asyncio.gather(
        *(added(devices, person, name) for name in range(8) for person in (AGENT, OTHER_AGENT)),
        *(added(devices, AGENT, name) for name in range(8, 20)),
    )
    everybody = await names(devices, AGENT) + await names(devices, OTHER_AGENT)
    assert len(everybody) == len(set(everybody))
    assert len(await names(devices, AGENT)) <= MOST_SUBSCRIPTIONS


async def test_one_removes_ones_own_only(devices: PushSubscriptionStore) -> None:
    mine = await added(devices, AGENT, 1)
    for act in (devices.remove, devices.own):
        with pytest.raises(NotFoundError):
            await act(OTHER_AGENT, mine)
    await devices.remove(AGENT, mine)
    with pytest.raises(NotFoundError):
        await devices.remove(AGENT, mine)


async def test_a_device_has_a_message_once(pool: Pool, devices: PushSubscriptionStore) -> None:
    device = await device_of(pool, devices)
    other = device.model_copy(update={"subscription": await added(devices, AGENT, "laptop")})
    assert not await devices.is_delivered(device)
    for _ in range(2):
        await devices.mark_delivered(device)
    assert await devices.is_delivered(device)
    assert not await devices.is_delivered(other)
    used = {one.id: one.last_used_at is not None for one in await devices.all(AGENT)}
    assert used == {device.subscription: True, other.subscription: False}
    await devices.mark_used(other.subscription)
    assert all(one.last_used_at for one in await devices.all(AGENT))


async def test_delivery_to_what_was_removed_meanwhile_is_no_fault(pool: Pool, devices: PushSubscriptionStore) -> None:
    device = await device_of(pool, devices)
    await devices.remove(AGENT, device.subscription)
    await devices.mark_delivered(device)
    assert not await devices.is_delivered(device)


async def test_what_ended_is_forgotten_unless_it_was_renewed(pool: Pool, devices: PushSubscriptionStore) -> None:
    device = await device_of(pool, devices)
    old = await devices.own(AGENT, device.subscription)
    await devices.add(AGENT, endpoint("phone"), POINT[::-1], SECRET, "phone")
    await devices.add(AGENT, endpoint("phone"), b"\x05" * 65, SECRET, "phone")
    await devices.forget(old)
    assert await names(devices, AGENT) == ["phone"]
    await devices.forget(await devices.own(AGENT, device.subscription))
    assert await names(devices, AGENT) == []


async def test_devices_go_with_their_owner(pool: Pool, devices: PushSubscriptionStore) -> None:
    await added(devices, REQUESTER, 1)
    await pool.execute("delete from people where id = $1", REQUESTER)
    assert await pool.fetchval("select count(*) from push_subscriptions") == 0
