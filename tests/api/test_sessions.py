"""Sessions: how they go on, and how they end, in every process."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from api.credentials.principals import Principals
from database.bell import ACCESS_BELL, Bell
from database.credentials import CredentialStore
from database.pool import open_pool
from tests.api.accounts import bearer, login, new_email, signed_up
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.listening import stream_server
from tests.workflows.engine_desk import eventually


async def refresh(client: httpx2.AsyncClient, signed: dict[str, Any]) -> httpx2.Response:
    return await client.post("/api/auth/refresh", json={"refresh_token": signed["refresh_token"]})


async def me(client: httpx2.AsyncClient, signed: dict[str, Any]) -> int:
    return (await client.get("/api/auth/me", headers=bearer(signed))).status_code


async def make_old(api: ApiDesk, seconds: int) -> None:
    """All uses of refresh tokens lie further back than they do."""
    await api.parts.pool.execute(
        "update refresh_tokens set used_at = used_at - make_interval(secs => $1)", float(seconds)
    )


async def test_a_refresh_token_is_exchanged_for_the_next_one(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    first = await signed_up(api, nobody)

    second = (await refresh(nobody, first)).json()
    third = (await refresh(nobody, second)).json()

    assert len({one["refresh_token"] for one in (first, second, third)}) == 3
    assert third["person"] == first["person"]
    assert [await me(nobody, one) for one in (first, second, third)] == [200, 200, 200]
    sessions = (await nobody.get("/api/auth/sessions", headers=bearer(third))).json()["items"]
    assert [one["is_this"] for one in sessions] == [True], "it is one session all along"


async def test_an_answer_that_got_lost_is_answered_again(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    first = await signed_up(api, nobody)
    lost = (await refresh(nobody, first)).json()

    again = (await refresh(nobody, first)).json()

    assert (await refresh(nobody, again)).status_code == 200
    assert_problem(await refresh(nobody, lost), 401, "refresh_token_reused")


@pytest.mark.parametrize("is_successor_used", [True, False])
async def test_a_token_that_comes_again_ends_the_session(
    api: ApiDesk, nobody: httpx2.AsyncClient, is_successor_used: bool
) -> None:
    first = await signed_up(api, nobody)
    second = (await refresh(nobody, first)).json()
    newest = (await refresh(nobody, second)).json() if is_successor_used else second
    if not is_successor_used:
        await make_old(api, 21)

    assert_problem(await refresh(nobody, first), 401, "refresh_token_reused")

    assert_problem(await refresh(nobody, newest), 401, "refresh_token_invalid")
    await eventually(lambda: me(nobody, newest), lambda status: status == 401)
    because = await api.parts.pool.fetchval(
        "select revoked_because from sessions where person_id = $1", first["person"]["id"]
    )
    assert because == "refresh_token_reused"


async def test_of_many_at_once_one_token_is_left(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    first = await signed_up(api, nobody)

    answers = await asyncio.gather(*(refresh(nobody, first) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 20
    unused = await api.parts.pool.fetchval(
        "select count(*) from refresh_tokens t join sessions s on s.id = t.session_id "
        "where s.person_id = $1 and t.used_at is null and s.revoked_at is null",
        first["person"]["id"],
    )
    assert unused == 1


async def test_of_many_at_once_with_a_used_successor_none_gets_in(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    first = await signed_up(api, nobody)
    await refresh(nobody, (await refresh(nobody, first)).json())

    answers = await asyncio.gather(*(refresh(nobody, first) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {401}


async def test_only_a_refresh_token_of_ours_refreshes(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    signed = await signed_up(api, nobody)
    for token in ("x", signed["access_token"][:200], signed["refresh_token"][:-1]):
        answer = await nobody.post("/api/auth/refresh", json={"refresh_token": token})
        assert_problem(answer, 401, "refresh_token_invalid")
    for body in ({}, {"refresh_token": ""}, {"refresh_token": "x" * 201}, {"refresh_token": "nul\0"}):
        assert_problem(await nobody.post("/api/auth/refresh", json=body), 422, "invalid")


OVER = {
    "token": "update refresh_tokens set expires_at = now() - interval '1 second' where session_id = $1",
    "session": "update sessions set expires_at = now() - interval '1 second' where id = $1",
}


@pytest.mark.parametrize("what", OVER)
async def test_what_is_over_refreshes_nothing(api: ApiDesk, nobody: httpx2.AsyncClient, what: str) -> None:
    signed = await signed_up(api, nobody)
    await api.parts.pool.execute(OVER[what], api.parts.tokens.check(signed["access_token"])[0].id)

    assert_problem(await refresh(nobody, signed), 401, "refresh_token_invalid")


async def test_whoever_was_deactivated_refreshes_nothing(
    api: ApiDesk, nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    signed = await signed_up(api, nobody)
    await admin.patch(f"/api/users/{signed['person']['id']}", json={"is_active": False})

    assert_problem(await refresh(nobody, signed), 401, "refresh_token_invalid")


async def test_logging_out_ends_this_session_only(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    here = await signed_up(api, nobody, email)
    there = (await login(nobody, email)).json()

    assert (await nobody.post("/api/auth/logout", headers=bearer(here))).status_code == 204

    assert (await me(nobody, here), await me(nobody, there)) == (401, 200)
    assert_problem(await refresh(nobody, here), 401, "refresh_token_invalid")
    assert (await refresh(nobody, there)).status_code == 200


async def test_logging_out_everywhere_ends_all(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    here = await signed_up(api, nobody, email)
    there = (await login(nobody, email)).json()

    assert (await nobody.post("/api/auth/logout-everywhere", headers=bearer(here))).status_code == 204

    assert (await me(nobody, here), await me(nobody, there)) == (401, 401)


async def test_one_sees_and_ends_ones_own_sessions_only(
    api: ApiDesk, nobody: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    email = new_email()
    here = await signed_up(api, nobody, email)
    there = (await nobody.post(
        "/api/auth/login",
        json={"email": email, "password": "an unlikely sentence"},
        headers={"User-Agent": "A telephone"},
    )).json()  # fmt: skip
    sessions = (await nobody.get("/api/auth/sessions", headers=bearer(here))).json()["items"]
    assert (sessions[0]["user_agent"], sessions[0]["is_this"]) == ("A telephone", False)
    path = f"/api/auth/sessions/{sessions[0]['id']}"

    assert_problem(await stranger.delete(path), 404, "not_found")
    assert await me(nobody, there) == 200
    assert (await nobody.delete(path, headers=bearer(here))).status_code == 204
    assert await me(nobody, there) == 401
    assert_problem(await nobody.delete(path, headers=bearer(here)), 404, "not_found")


async def test_another_process_hears_of_a_revocation(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    signed = await signed_up(api, nobody)
    credential = api.parts.tokens.check(signed["access_token"])[0]
    pool = await open_pool(api.settings.database_dsn, 2)
    principals = Principals(CredentialStore(pool), clock=lambda: 0.0)  # it forgets nothing by itself
    bell = Bell(api.settings.database_dsn, {ACCESS_BELL: principals.ring})
    ringing = asyncio.create_task(bell.run())
    try:
        async with asyncio.timeout(5):
            while not bell.is_connected:
                await asyncio.sleep(0.01)
        known = await principals.find(credential)
        assert known is not None
        assert known.is_good(datetime.now(UTC))

        await nobody.post("/api/auth/logout", headers=bearer(signed))
        async with asyncio.timeout(5):
            while (found := await principals.find(credential)) and found.is_good(datetime.now(UTC)):
                await asyncio.sleep(0.01)
    finally:
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)
        await pool.close()


async def test_the_streams_of_a_session_end_with_it_and_others_go_on(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    here = await signed_up(api, nobody, email)
    there = (await login(nobody, email)).json()
    async with (
        stream_server(api.settings) as server,
        server.listen(bearer(there)) as ending,
        server.listen(bearer(here)) as going_on,
    ):
        sessions = (await nobody.get("/api/auth/sessions", headers=bearer(there))).json()["items"]
        (this,) = [one["id"] for one in sessions if one["is_this"]]
        await nobody.delete(f"/api/auth/sessions/{this}", headers=bearer(here))

        async with asyncio.timeout(5):
            bye = (await ending.until_end())[-1]
        assert bye.data["reason"] == "signed out"
        mine = await nobody.post("/api/tickets", json={"title": "Still here"}, headers=bearer(here))
        async with asyncio.timeout(5):
            await going_on.until_event("ticket.opened", mine.json()["number"])
