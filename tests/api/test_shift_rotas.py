"""Rotas over HTTP: laid out, over changes of the clocks, changed, overridden, ended, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx2
import pytest

from domain.ids import PersonId
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.shift_desk import MONDAY, ROTAS, SHIFTS, a_break, a_rota, a_shift, at, listed, planned, said, times
from tests.api.staff import NOBODY

pytestmark = pytest.mark.usefixtures("empty_plan")
BERLIN = ZoneInfo("Europe/Berlin")
WEEKS = 60


@pytest.fixture
def alex(api: ApiDesk) -> PersonId:
    return api.people["agent"].id


def there(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(BERLIN)


async def laid_out(client: httpx2.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """All shifts of the next two months."""
    return await listed(client, days=WEEKS, **query)


async def rota_of(client: httpx2.AsyncClient, agent: PersonId, **changes: Any) -> dict[str, Any]:
    return await said(client, "POST", ROTAS, 201, json=a_rota(agent, **changes))


async def test_a_rota_lays_its_shifts_out_eight_weeks_ahead(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    breaks = [{"kind": "lunch", "after_minutes": 240, "minutes": 30}]
    body = a_rota(alex, breaks=breaks)

    answer = await supervisor.post(ROTAS, json=body)
    made = answer.json()

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{ROTAS}/{made['id']}"
    assert {name: made[name] for name in body if name not in ("agent", "publish")} == {
        name: value for name, value in body.items() if name not in ("agent", "publish")
    }
    assert made["exdates"] == []
    assert made["status"] == "published"
    shifts = await laid_out(supervisor)
    last = date.fromisoformat(made["laid_until"])
    working_days = [
        day for count in range(70) if (day := MONDAY.date() + timedelta(days=count)) < last and day.weekday() < 5
    ]
    assert [one["rota_on"] for one in shifts] == [day.isoformat() for day in working_days]
    assert last >= datetime.now(BERLIN).date() + timedelta(weeks=8)
    for one in shifts:
        assert (there(one["starts_at"]).strftime("%H:%M"), there(one["ends_at"]).strftime("%H:%M")) == (
            "08:00",
            "16:00",
        )
        assert there(one["breaks"][0]["starts_at"]).strftime("%H:%M") == "12:00"
        assert (one["rota"], one["status"], one["team"]) == (made["id"], "published", "support")


async def test_a_rota_without_end_keeps_its_hours_over_both_changes_of_the_clocks(
    api: ApiDesk, supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    """It is laid out further as the days go by: here, over a year and a half."""
    made = await rota_of(supervisor, alex, rule="FREQ=DAILY", starts="22:00", ends="06:00")

    now = datetime.now(UTC)
    for weeks in range(4, 80, 4):
        await api.parts.rotas.extend(now + timedelta(weeks=weeks))

    rows = await api.parts.pool.fetch("select rota_on, starts_at, ends_at from shifts where rota_id = $1", made["id"])
    laid = sorted(tuple(row.values()) for row in rows)
    assert [on for on, *_ in laid] == [MONDAY.date() + timedelta(days=count) for count in range(len(laid))]
    assert len(laid) > 500
    for on, starts_at, ends_at in laid:
        begin, end = starts_at.astimezone(BERLIN), ends_at.astimezone(BERLIN)
        assert (begin.date(), begin.strftime("%H:%M"), end.strftime("%H:%M")) == (on, "22:00", "06:00")
    hours = [(ends_at - starts_at) / timedelta(hours=1) for _, starts_at, ends_at in laid]
    assert sorted(set(hours)) == [7, 8, 9]
    assert hours.count(8) >= len(laid) - 4


async def test_to_lay_out_again_changes_nothing(api: ApiDesk, supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    made = await rota_of(supervisor, alex)
    before = await laid_out(supervisor)
    now = datetime.now(UTC)

    await api.parts.rotas.extend(now)
    assert await api.parts.rotas.extend(now) == 0
    await api.parts.rotas.extend(now - timedelta(days=30))

    assert await laid_out(supervisor) == before
    assert (await said(supervisor, "GET", f"{ROTAS}/{made['id']}"))["version"] == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rule": "FREQ=HOURLY"}, "rota_rule"),
        ({"rule": "FREQ=DAILY;COUNT=2;UNTIL=20991231"}, "rota_rule"),
        ({"rule": "FREQ=DAILY;COUNT=5000"}, "rota_rule"),
        ({"rule": "FREQ=DAILY;UNTIL=21991231"}, "rota_rule"),
        ({"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "rota_rule"),
        ({"rule": "every monday"}, "rota_rule"),
        ({"rule": "FREQ=DAILY;BYHOUR=3"}, "rota_rule"),
        ({"rule": "FREQ=DAILY\0"}, "invalid"),
        ({"zone": "Europe/Atlantis"}, "invalid"),
        ({"starts": "25:00"}, "invalid"),
        ({"starts": "0٨:00"}, "invalid"),
        ({"starts": "08:00", "ends": "08:00"}, "invalid"),
        ({"starts": "08:00", "ends": "00:30"}, "invalid"),
        ({"begins_on": "2031-02-30"}, "invalid"),
        ({"breaks": [{"kind": "lunch", "after_minutes": 470, "minutes": 30}]}, "break_outside_shift"),
        ({"agent": NOBODY}, "unknown_reference"),
        ({"team": "nowhere"}, "unknown_reference"),
    ],
    ids=str,
)
async def test_a_rota_that_cannot_be_is_refused(
    supervisor: httpx2.AsyncClient, alex: PersonId, changes: dict[str, Any], code: str
) -> None:
    refused = assert_problem(await supervisor.post(ROTAS, json=a_rota(alex) | changes), 422, code)

    assert len(refused["detail"]) > 10
    assert (await said(supervisor, "GET", ROTAS))["items"] == []
    assert await laid_out(supervisor) == []


async def test_breaks_of_a_rota_that_overlap_are_refused(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    lunch = {"kind": "lunch", "after_minutes": 240, "minutes": 30}
    twice = a_rota(alex, breaks=[lunch, lunch | {"after_minutes": 250}])

    assert_problem(await supervisor.post(ROTAS, json=twice), 409, "break_overlap")


async def test_a_rota_that_overlaps_other_shifts_is_refused_whole(
    supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    one = await planned(supervisor, alex, 12, 18, day=9)

    refused = assert_problem(await supervisor.post(ROTAS, json=a_rota(alex)), 409, "shift_overlap")

    assert f"shift {one['id']}" in refused["detail"]
    assert refused["detail"].startswith(f"On {(MONDAY + timedelta(days=9)).date()}")
    assert await laid_out(supervisor) == [one]
    on = (MONDAY + timedelta(days=9)).date().isoformat()
    made = await rota_of(supervisor, alex, exdates=[on])
    assert made["exdates"] == [on]


async def test_what_a_later_shift_is_in_the_way_of_is_told_and_not_laid_out(
    api: ApiDesk, supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    made = await rota_of(supervisor, alex, rule="FREQ=DAILY")
    day = (date.fromisoformat(made["laid_until"]) - MONDAY.date()).days
    beyond = await planned(supervisor, alex, 10, 12, day=day)

    await api.parts.rotas.extend(datetime.now(UTC) + timedelta(days=2))

    row = await api.parts.pool.fetchrow(
        "select status, note from shifts where rota_id = $1 and rota_on = $2",
        made["id"],
        date.fromisoformat(made["laid_until"]),
    )
    assert row is not None
    assert row["status"] == "cancelled"
    assert f"overlaps shift {beyond['id']}" in row["note"]


async def test_an_occurrence_that_was_changed_by_itself_is_let_be(
    supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    made = await rota_of(supervisor, alex)
    changed, cancelled, with_break, *_ = await laid_out(supervisor)
    await said(supervisor, "PATCH", f"{SHIFTS}/{changed['id']}", json={"ends_at": at(18)})
    await said(supervisor, "DELETE", f"{SHIFTS}/{cancelled['id']}")
    await said(supervisor, "POST", f"{SHIFTS}/{with_break['id']}/breaks", 201, json=a_break(10, 10.25, day=2))

    await said(supervisor, "PATCH", f"{ROTAS}/{made['id']}", json={"ends": "15:00"})

    first, second, third, *_ = await laid_out(supervisor)
    assert (first["id"], first["ends_at"], first["is_override"]) == (changed["id"], at(18), True)
    assert (second["id"], len(second["breaks"])) == (with_break["id"], 1)
    assert there(third["ends_at"]).hour == 15
    assert cancelled["id"] not in {one["id"] for one in await laid_out(supervisor)}


async def test_the_shifts_of_a_rota_follow_its_change_and_keep_their_ids(
    supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    made = await rota_of(supervisor, alex)
    before = await laid_out(supervisor)
    change = {"rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,SA", "starts": "10:00", "ends": "18:00"}

    changed = await said(supervisor, "PATCH", f"{ROTAS}/{made['id']}", json=change)

    after = await laid_out(supervisor)
    ids = {one["rota_on"]: one["id"] for one in before}
    assert (changed["version"], changed["starts"], changed["name"]) == (2, "10:00", "Early")
    assert {there(one["starts_at"]).strftime("%a %H:%M") for one in after} == {
        "Mon 10:00", "Tue 10:00", "Wed 10:00", "Thu 10:00", "Sat 10:00",
    }  # fmt: skip
    assert all(one["id"] == ids[one["rota_on"]] for one in after if one["rota_on"] in ids)
    cancelled = [one for one in await laid_out(supervisor, cancelled="true") if one["status"] == "cancelled"]
    assert {there(one["starts_at"]).strftime("%a") for one in cancelled} == {"Fri"}


async def test_shifts_that_a_change_does_not_concern_stay_as_they_are(
    supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    made = await rota_of(supervisor, alex)
    before = await laid_out(supervisor)
    third = before[2]["rota_on"]

    await said(supervisor, "PATCH", f"{ROTAS}/{made['id']}", json={"exdates": [third], "name": "Late"})

    assert await laid_out(supervisor) == [one for one in before if one["rota_on"] != third]
    await said(supervisor, "PATCH", f"{ROTAS}/{made['id']}", json={"exdates": []})
    assert times(await laid_out(supervisor)) == times(before)


async def test_a_rotas_shifts_move_past_each_other(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    made = await rota_of(supervisor, alex, rule="FREQ=DAILY", starts="00:00", ends="16:00")
    before = await laid_out(supervisor)

    await said(supervisor, "PATCH", f"{ROTAS}/{made['id']}", json={"starts": "12:00", "ends": "04:00"})

    after = await laid_out(supervisor)
    assert [one["id"] for one in after] == [one["id"] for one in before]
    assert {there(one["starts_at"]).hour for one in after} == {12}


async def test_drafts_of_a_rota_are_published_with_it(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    made = await rota_of(supervisor, alex, publish=False)
    assert {one["status"] for one in await laid_out(supervisor)} == {"draft"}
    assert await laid_out(agent) == []
    override = (await laid_out(supervisor))[0]
    await said(supervisor, "PATCH", f"{SHIFTS}/{override['id']}", json={"ends_at": at(17)})

    published = await said(supervisor, "PATCH", f"{ROTAS}/{made['id']}", json={"publish": True})

    assert published["status"] == "published"
    assert times(await laid_out(agent)) == times(await laid_out(supervisor)) != []


async def test_a_rota_that_ends_takes_its_shifts_along(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    made = await rota_of(supervisor, alex)
    path = f"{ROTAS}/{made['id']}"

    assert (await supervisor.delete(path, headers={"If-Match": '"1"'})).status_code == 204

    assert await laid_out(supervisor) == []
    assert (await said(supervisor, "GET", ROTAS))["items"] == []
    assert (await said(supervisor, "GET", path))["status"] == "ended"
    assert_problem(await supervisor.delete(path), 409, "shift_state")
    assert_problem(await supervisor.patch(path, json={"name": "x"}), 409, "shift_state")
    await planned(supervisor, alex)


async def test_time_off_is_left_out_when_a_rota_is_laid_out(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    off = {"agent": str(alex), "starts_at": at(0, 1), "ends_at": at(12, 2)}
    await said(supervisor, "POST", "/api/shifts/time-off", 201, json=off)

    await rota_of(supervisor, alex, zone="UTC")

    shifts = await listed(supervisor)
    assert times(shifts)[:3] == [(at(8), at(16)), (at(12, 2), at(16, 2)), (at(8, 3), at(16, 3))]


async def test_a_rota_is_kept_once_under_a_key_and_changed_by_whoever_saw_it(
    supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    made = await said(supervisor, "POST", ROTAS, 201, json=a_rota(alex), headers=key)
    path = f"{ROTAS}/{made['id']}"

    assert await said(supervisor, "POST", ROTAS, 201, json=a_rota(alex), headers=key) == made
    assert (await supervisor.get(path)).headers["ETag"] == '"1"'
    await said(supervisor, "PATCH", path, json={"name": "Late"}, headers={"If-Match": '"1"'})
    assert_problem(await supervisor.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'}), 412, "stale_revision")


async def test_rotas_are_for_supervisors(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    path = f"{ROTAS}/{(await rota_of(supervisor, alex))['id']}"

    for answer in (
        await agent.get(ROTAS),
        await agent.get(path),
        await agent.post(ROTAS, json=a_rota(alex)),
        await agent.patch(path, json={"name": "x"}),
        await agent.delete(path),
    ):
        assert_problem(answer, 403, "forbidden")
    assert_problem(await supervisor.get(f"{ROTAS}/987654321"), 404, "not_found")


async def test_a_single_shift_does_not_overlap_a_rotas(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    await rota_of(supervisor, alex, zone="UTC")

    assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex, 15, 17)), 409, "shift_overlap")
    overtime = await planned(supervisor, alex, 16, 18, kind="overtime")
    assert overtime["kind"] == "overtime"
