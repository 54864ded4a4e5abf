"""Preferences: kept as they were given, defaults for the rest, and what waits is decided anew."""

import asyncio
from datetime import time, timedelta

import pytest

from database.bell import NOTICE_BELL, Bell
from database.notification_settings import NotificationSettingsStore
from database.pool import Pool
from domain.errors import InvalidError
from domain.notification import Choice, Mode, NotificationType, default_choices
from domain.notification_settings import NotificationSettings
from domain.people import Role
from tests.database.notified import notified
from tests.factories import AGENT, NOW, REQUESTER

T = NotificationType
MINE = Choice(in_app=False, email=Mode.DAILY, push=Mode.IF_UNREAD)


@pytest.fixture
def settings(pool: Pool) -> NotificationSettingsStore:
    return NotificationSettingsStore(pool)


async def test_who_chose_nothing_has_the_defaults_of_their_role(settings: NotificationSettingsStore) -> None:
    for person, role in ((AGENT, Role.AGENT), (REQUESTER, Role.REQUESTER)):
        found = await settings.read(person, role)
        assert found.settings == NotificationSettings()
        assert found.choices == default_choices(role)
        assert found.chosen == frozenset()


async def test_what_was_given_is_kept_and_the_rest_stays(settings: NotificationSettingsStore) -> None:
    night = {"quiet_from": time(22), "quiet_until": time(7), "zone": "Europe/Berlin"}
    await settings.change(AGENT, Role.AGENT, night, {T.REPLIED: MINE})
    await settings.change(AGENT, Role.AGENT, {"bundle_minutes": 10}, {T.ASSIGNED: Choice()})

    found = await settings.read(AGENT, Role.AGENT)

    assert found.settings == NotificationSettings(**night, bundle_minutes=10)  # type: ignore[arg-type]
    assert found.choices[T.REPLIED] == MINE
    assert found.chosen == {T.REPLIED, T.ASSIGNED}
    assert (await settings.read(REQUESTER, Role.REQUESTER)).chosen == frozenset()


async def test_nothing_brings_a_default_back(settings: NotificationSettingsStore) -> None:
    await settings.change(AGENT, Role.AGENT, {"fallback_minutes": 30}, {T.REPLIED: MINE})
    found = await settings.change(AGENT, Role.AGENT, {"fallback_minutes": None}, {T.REPLIED: None})

    assert found.settings == NotificationSettings()
    assert found.choices == default_choices(Role.AGENT)
    assert found == await settings.read(AGENT, Role.AGENT)


async def test_what_does_not_go_together_changes_nothing(settings: NotificationSettingsStore) -> None:
    with pytest.raises(InvalidError):
        await settings.change(AGENT, Role.AGENT, {"quiet_from": time(22)}, {T.REPLIED: MINE})
    assert (await settings.read(AGENT, Role.AGENT)).chosen == frozenset()


async def test_two_changes_at_once_are_both_kept(settings: NotificationSettingsStore) -> None:
    await asyncio.gather(
        settings.change(AGENT, Role.AGENT, {"bundle_minutes": 7}, {}),
        settings.change(AGENT, Role.AGENT, {"fallback_minutes": 77}, {}),
    )
    found = (await settings.read(AGENT, Role.AGENT)).settings
    assert (found.bundle_minutes, found.fallback_minutes) == (7, 77)


async def test_a_change_has_what_waits_decided_anew_and_rings(
    settings: NotificationSettingsStore, pool: Pool, desk_dsn: str
) -> None:
    waits = await notified(pool, AGENT, noticed_at=NOW)
    settled = await notified(pool, AGENT, noticed_at=NOW, settled_at=NOW)
    others = await notified(pool, REQUESTER, noticed_at=NOW)
    rings: asyncio.Queue[str] = asyncio.Queue()
    bell = asyncio.create_task(Bell(desk_dsn, {NOTICE_BELL: rings.put_nowait}).run())
    await rings.get()  # that it listens

    await settings.change(AGENT, Role.AGENT, {}, {T.REPLIED: Choice()})

    await asyncio.wait_for(rings.get(), timedelta(seconds=30).total_seconds())
    bell.cancel()
    rows = await pool.fetch("select id from notifications where noticed_at is null")
    assert [row["id"] for row in rows] == [waits]
    assert {settled, others}.isdisjoint({waits})


async def test_a_type_that_is_kept_out_of_the_inbox_is_so_from_the_next_on(
    settings: NotificationSettingsStore, pool: Pool
) -> None:
    before = await notified(pool, AGENT)
    await settings.change(AGENT, Role.AGENT, {}, {T.REPLIED: Choice(in_app=False)})
    after = await notified(pool, AGENT)

    rows = await pool.fetch("select id, in_app from notifications order by id")
    assert [tuple(row) for row in rows] == [(before, True), (after, False)]
