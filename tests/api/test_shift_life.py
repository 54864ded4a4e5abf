"""Shifts and breaks, started and ended by hand."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.presence_desk import Member, Planned, member, planned


@pytest.fixture
async def somebody(api: ApiDesk) -> AsyncIterator[Member]:
    async with member(api) as somebody:
        yield somebody


@pytest.fixture
async def shift(api: ApiDesk, somebody: Member) -> Planned:
    """Theirs, in half an hour."""
    return await planned(api, somebody.id)


async def done(client: httpx2.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.post(path)
    assert answer.status_code == 200, answer.text
    spoken: dict[str, Any] = answer.json()
    return spoken


async def test_a_shift_with_its_lunch(api: ApiDesk, somebody: Member, shift: Planned) -> None:
    begun = await done(somebody.client, f"{shift.path}/start")
    lunch = await done(somebody.client, f"{shift.break_path}/start")
    again = await done(somebody.client, f"{shift.break_path}/start")
    back = await done(somebody.client, f"{shift.break_path}/end")
    over = await done(somebody.client, f"{shift.path}/end")

    assert (begun["presence"], begun["cause"], begun["shift"]["id"]) == ("online", "shift_started", shift.id)
    assert (lunch["presence"], lunch["current_break"]["id"], lunch["current_break"]["kind"]) == (
        "on_break", shift.lunch, "lunch"
    )  # fmt: skip
    assert again == lunch
    assert (back["presence"], back["cause"], back["current_break"]) == ("online", "break_ended", None)
    assert (over["presence"], over["cause"], over["shift"]) == ("offline", "shift_ended", None)
    row = await api.parts.pool.fetchrow(
        "select s.started_at, s.ended_at, b.started_at as b_started_at, b.ended_at as b_ended_at "
        "from shifts s join shift_breaks b on b.shift_id = s.id where s.id = $1",
        shift.id,
    )
    assert row is not None
    assert sorted(row.values()) == [row["started_at"], row["b_started_at"], row["b_ended_at"], row["ended_at"]]
    assert begun["since"][:19] == f"{row['started_at']:%Y-%m-%dT%H:%M:%S}"


async def test_what_is_not_legal_now_is_refused(somebody: Member, shift: Planned) -> None:
    client = somebody.client
    assert_problem(await client.post(f"{shift.path}/end"), 409, "shift_not_on")
    assert_problem(await client.post(f"{shift.break_path}/start"), 409, "not_at_work")
    assert_problem(await client.post(f"{shift.break_path}/end"), 409, "break_not_on")
    await done(client, f"{shift.path}/start")
    await done(client, f"{shift.break_path}/start")
    await done(client, f"{shift.break_path}/end")
    assert_problem(await client.post(f"{shift.break_path}/start"), 409, "break_over")
    await done(client, f"{shift.path}/end")

    assert_problem(await client.post(f"{shift.path}/start"), 409, "shift_over")


async def test_a_shift_is_not_started_long_before_its_plan(api: ApiDesk, somebody: Member) -> None:
    tomorrow = await planned(api, somebody.id, timedelta(days=1))

    problem = assert_problem(await somebody.client.post(f"{tomorrow.path}/start"), 409, "shift_too_early")

    assert f"{tomorrow.starts_at:%Y-%m-%d %H:%MZ}" in problem["detail"]


async def test_only_one_shift_is_on(api: ApiDesk, somebody: Member, shift: Planned) -> None:
    other = await planned(api, somebody.id, timedelta(minutes=45))
    await done(somebody.client, f"{shift.path}/start")

    assert_problem(await somebody.client.post(f"{other.path}/start"), 409, "shift_on")
    await api.parts.pool.execute("update shifts set kind = 'overtime' where id = $1", other.id)
    taken = await done(somebody.client, f"{other.path}/start")

    assert (taken["presence"], taken["shift"]["id"]) == ("online", other.id)
    assert await api.parts.pool.fetchval("select ended_at from shifts where id = $1", shift.id) is not None


async def test_somebody_elses_shift_is_not_yours(
    api: ApiDesk, shift: Planned, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    for path in (f"{shift.path}/start", f"{shift.path}/end", f"{shift.break_path}/start", f"{shift.break_path}/end"):
        assert_problem(await agent.post(path), 403, "forbidden")
        assert_problem(await requester.post(path), 403, "forbidden")

    assert await api.parts.pool.fetchval("select started_at from shifts where id = $1", shift.id) is None


async def test_a_supervisor_may_start_it_but_the_agent_has_to_show_up(
    somebody: Member, shift: Planned, supervisor: httpx2.AsyncClient
) -> None:
    begun = await done(supervisor, f"{shift.path}/start")

    assert (begun["agent"]["id"], begun["presence"]) == (str(somebody.id), "away")
    assert (await somebody.sets("online")).json()["presence"] == "online"


async def test_what_is_not_there_is_not_found(api: ApiDesk, somebody: Member, shift: Planned) -> None:
    client, other = somebody.client, await planned(api, somebody.id, timedelta(days=2))
    assert_problem(await client.post("/api/shifts/999999999/start"), 404, "shift_not_found")
    assert_problem(await client.post(f"{shift.path}/breaks/999999999/start"), 404, "break_not_found")
    await done(client, f"{shift.path}/start")
    assert_problem(await client.post(f"{other.path}/breaks/{shift.lunch}/start"), 404, "break_not_found")
    await api.parts.pool.execute("update shifts set status = 'draft' where id = $1", other.id)
    assert_problem(await client.post(f"{other.path}/start"), 404, "shift_not_found")


@pytest.mark.parametrize("path", ["/api/shifts/0/start", "/api/shifts/x/end", "/api/shifts/1/breaks/-1/start"])
async def test_a_malformed_id_is_refused(somebody: Member, path: str) -> None:
    assert_problem(await somebody.client.post(path), 422, "invalid")
