"""Whoever tries too often waits; the true owner is kept out by nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from starlette.requests import Request

from api.credentials.throttle import client_address
from domain.throttle import ACCOUNT_LIMITS, ADDRESS_LIMITS, PAIR_LIMITS, Attempt
from tests.api.accounts import login, mails_to, new_email, register, signed_up
from tests.api.desk_api import BASE, ApiDesk, assert_problem

FREE = PAIR_LIMITS[Attempt.LOGIN].free


@asynccontextmanager
async def client_at(api: ApiDesk, address: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody at this address."""
    transport = httpx2.ASGITransport(api.app, client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


def assert_waits(answer: httpx2.Response) -> int:
    """It was refused for coming too soon; how many seconds it is to wait."""
    assert_problem(answer, 429, "too_many_attempts")
    seconds = int(answer.headers["Retry-After"])
    assert seconds >= 1
    return seconds


async def guess(client: httpx2.AsyncClient, email: str, times: int) -> list[httpx2.Response]:
    return [await login(client, email, "a wrong guess") for _ in range(times)]


@pytest.mark.parametrize("is_known", [True, False])
async def test_whoever_guesses_at_an_account_waits_known_or_not(
    api: ApiDesk, nobody: httpx2.AsyncClient, is_known: bool
) -> None:
    email = new_email()
    if is_known:
        await signed_up(api, nobody, email)

    answers = await guess(nobody, email, FREE + 1)

    assert [answer.status_code for answer in answers] == [401] * FREE + [429]
    assert_waits(answers[-1])
    assert_waits(await login(nobody, email))  # the right password is not tried either


async def test_a_thousand_at_once_get_no_further_than_one_after_the_other(
    api: ApiDesk, nobody: httpx2.AsyncClient
) -> None:
    email = new_email()

    answers = await asyncio.gather(*(login(nobody, email, "a wrong guess") for _ in range(30)))

    assert sorted(answer.status_code for answer in answers) == [401] * FREE + [429] * (30 - FREE)


async def test_the_owner_signs_in_from_elsewhere_meanwhile(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    await signed_up(api, nobody, email)
    async with client_at(api, "203.0.113.9") as attacker:
        assert_waits((await guess(attacker, email, FREE + 1))[-1])

    assert (await login(nobody, email)).status_code == 200


async def test_many_addresses_together_slow_an_account_down_but_not_where_its_owner_was(
    api: ApiDesk, nobody: httpx2.AsyncClient
) -> None:
    email = new_email()
    await signed_up(api, nobody, email)
    limit = ACCOUNT_LIMITS[Attempt.LOGIN]
    for number in range(limit.free):
        async with client_at(api, f"198.51.100.{number}") as attacker:
            await guess(attacker, email, 1)

    async with client_at(api, "203.0.113.77") as stranger:
        assert assert_waits(await login(stranger, email)) <= limit.longest_wait.total_seconds()
    assert (await login(nobody, email)).status_code == 200


async def test_many_accounts_from_one_address_are_found(api: ApiDesk) -> None:
    async with client_at(api, "203.0.113.10") as attacker:
        limit = ADDRESS_LIMITS[Attempt.LOGIN]
        answers = [await login(attacker, new_email(), "a wrong guess") for _ in range(limit.free + 1)]

    assert [answer.status_code for answer in answers] == [401] * limit.free + [429]


async def test_signing_in_begins_anew(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    await signed_up(api, nobody, email)

    for _ in range(3):
        await guess(nobody, email, FREE - 1)
        assert (await login(nobody, email)).status_code == 200


async def test_codes_are_guessed_no_faster(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    signed = await signed_up(api, nobody)
    headers = {"Authorization": f"Bearer {signed['access_token']}"}
    await nobody.post("/api/auth/totp", json={"password": "an unlikely sentence"}, headers=headers)

    answers = [
        await nobody.post("/api/auth/totp/confirm", json={"code": "000000"}, headers=headers)
        for _ in range(PAIR_LIMITS[Attempt.FACTOR].free + 1)
    ]

    assert_waits(answers[-1])


async def test_refresh_tokens_are_guessed_no_faster(api: ApiDesk) -> None:
    async with client_at(api, "203.0.113.11") as attacker:
        body = {"refresh_token": "a wrong guess"}
        limit = ADDRESS_LIMITS[Attempt.REFRESH]
        answers = [await attacker.post("/api/auth/refresh", json=body) for _ in range(limit.free + 1)]

    assert answers[-2].status_code == 401
    assert_waits(answers[-1])


@pytest.mark.parametrize("path", ["forgot-password", "resend-verification"])
async def test_mails_are_asked_for_a_few_times_only(api: ApiDesk, nobody: httpx2.AsyncClient, path: str) -> None:
    email = new_email()
    if path == "forgot-password":
        await signed_up(api, nobody, email)
    else:
        await register(nobody, email)
    before = len(await mails_to(api, email))

    statuses = []
    for number in range(8):  # from as many addresses, so that none of them has to wait
        async with client_at(api, f"198.51.100.{number}") as client:
            statuses.append((await client.post(f"/api/auth/{path}", json={"email": email})).status_code)
    assert set(statuses) == {202}, "nobody is told"
    assert len(await mails_to(api, email)) - before == 5

    one = [await nobody.post(f"/api/auth/{path}", json={"email": new_email()}) for _ in range(31)]
    assert_waits(one[-1])


async def test_registering_often_takes_ever_longer(api: ApiDesk) -> None:
    email = new_email()
    async with client_at(api, "203.0.113.12") as client:
        answers = [await register(client, email) for _ in range(PAIR_LIMITS[Attempt.REGISTER].free + 1)]

    assert_waits(answers[-1])


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.1", 5), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.1", 5), "192.0.2.1"),
        (("testclient", 5), "testclient"),
        (None, ""),
    ],
)
def test_a_household_is_one_address(client: tuple[str, int] | None, address: str) -> None:
    assert client_address(Request({"type": "http", "client": client})) == address
