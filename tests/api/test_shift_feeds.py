"""The calendar feed: what a calendar app reads, and that its address is a secret that can be taken back."""

from datetime import datetime
from typing import Any

import httpx2
import pytest
from icalendar import Calendar

from domain.ids import PersonId
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.shift_desk import SHIFTS, a_break, at, planned, said

pytestmark = pytest.mark.usefixtures("empty_plan")
FEED = "/api/shifts/feed"


@pytest.fixture
def alex(api: ApiDesk) -> PersonId:
    return api.people["agent"].id


async def made(client: httpx2.AsyncClient) -> str:
    path: str = (await said(client, "POST", FEED, 201))["path"]
    return path


async def read(client: httpx2.AsyncClient, path: str) -> dict[str, Any]:
    """UID -> event."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(answer.content)
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH")
    return {str(event["UID"]): event for event in calendar.walk("VEVENT")}


async def test_a_calendar_app_reads_the_published_shifts_without_signing_in(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, nobody: httpx2.AsyncClient, api: ApiDesk, alex: PersonId
) -> None:
    one = await planned(supervisor, alex, breaks=[a_break(12, 12.5)], note="Front; desk, öffentlich")
    await planned(supervisor, alex, day=1, publish=False)
    await planned(supervisor, api.people["agent2"].id)

    events = await read(nobody, await made(agent))

    assert set(events) == {
        f"shift-{one['id']}@smart-ticketing",
        f"break-{one['breaks'][0]['id']}@smart-ticketing",
    }
    shift = events[f"shift-{one['id']}@smart-ticketing"]
    assert (shift["DTSTART"].dt, shift["DTEND"].dt) == (datetime.fromisoformat(at(8)), datetime.fromisoformat(at(16)))
    assert (shift["SUMMARY"], shift["STATUS"], shift["SEQUENCE"]) == ("Shift: support", "CONFIRMED", 1)
    assert shift["DESCRIPTION"] == "Front; desk, öffentlich"
    assert shift["DTSTAMP"].dt.tzinfo is not None
    lunch = events[f"break-{one['breaks'][0]['id']}@smart-ticketing"]
    assert (lunch["SUMMARY"], lunch["DTSTART"].dt) == ("Lunch", datetime.fromisoformat(at(12)))


async def test_a_shift_keeps_its_uid_and_is_told_as_cancelled(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, nobody: httpx2.AsyncClient, alex: PersonId
) -> None:
    one = await planned(supervisor, alex)
    never = await planned(supervisor, alex, day=1, publish=False)
    path, uid = await made(agent), f"shift-{one['id']}@smart-ticketing"

    await said(supervisor, "PATCH", f"{SHIFTS}/{one['id']}", json={"starts_at": at(9), "ends_at": at(17)})
    moved = (await read(nobody, path))[uid]
    await said(supervisor, "DELETE", f"{SHIFTS}/{one['id']}")
    await said(supervisor, "DELETE", f"{SHIFTS}/{never['id']}")
    events = await read(nobody, path)

    assert (moved["DTSTART"].dt, moved["SEQUENCE"]) == (datetime.fromisoformat(at(9)), 2)
    assert (events[uid]["STATUS"], events[uid]["SEQUENCE"]) == ("CANCELLED", 3)
    assert set(events) == {uid}


async def test_an_address_is_good_until_there_is_another_one_or_none(
    agent: httpx2.AsyncClient, nobody: httpx2.AsyncClient, api: ApiDesk
) -> None:
    first = await made(agent)
    second = await made(agent)

    assert_problem(await nobody.get(first), 404)
    await read(nobody, second)
    stored = await api.parts.pool.fetchval("select token_hash from shift_feeds")
    assert len(stored) == 32
    assert (await agent.delete(FEED)).status_code == 204
    assert_problem(await nobody.get(second), 404)


async def test_the_feed_of_somebody_who_is_gone_is_closed(
    api: ApiDesk, agent: httpx2.AsyncClient, nobody: httpx2.AsyncClient, alex: PersonId
) -> None:
    path = await made(agent)
    await api.parts.pool.execute("update people set is_active = false where id = $1", alex)

    answer = await nobody.get(path)

    await api.parts.pool.execute("update people set is_active = true where id = $1", alex)
    assert_problem(answer, 404)
    await read(nobody, path)


@pytest.mark.parametrize("file", ["x.ics", "a" * 43 + ".ics", "a" * 43, "%00.ics", "é" * 43 + ".ics"])
async def test_what_is_no_address_opens_nothing(nobody: httpx2.AsyncClient, file: str) -> None:
    assert_problem(await nobody.get(f"/api/shifts/feeds/{file}"), 404)


async def test_feeds_are_for_the_desk(requester: httpx2.AsyncClient, nobody: httpx2.AsyncClient) -> None:
    assert_problem(await requester.post(FEED), 403)
    assert_problem(await requester.delete(FEED), 403)
    assert_problem(await nobody.post(FEED), 401)
