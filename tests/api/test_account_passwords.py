"""Changing a password, and forgetting one."""

from typing import Any

import httpx2

from domain.account_mail import LinkPurpose
from tests.api.accounts import PASSWORD, bearer, link_to, login, mails_to, new_email, register, signed_up, verify
from tests.api.desk_api import ApiDesk, assert_problem

NEW_PASSWORD = "another unlikely sentence"


async def me(client: httpx2.AsyncClient, signed: dict[str, Any]) -> int:
    return (await client.get("/api/auth/me", headers=bearer(signed))).status_code


async def test_a_new_password_ends_all_other_sessions_and_old_links(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    here = await signed_up(api, nobody, email)
    there = (await login(nobody, email)).json()
    link = await link_to(api, email, LinkPurpose.RESET_PASSWORD)

    body = {"old_password": PASSWORD, "password": NEW_PASSWORD}
    changed = await nobody.post("/api/auth/change-password", json=body, headers=bearer(here))

    assert changed.status_code == 204
    assert (await me(nobody, here), await me(nobody, there)) == (200, 401)
    assert_problem(await login(nobody, email), 401, "invalid_credentials")
    assert (await login(nobody, email, NEW_PASSWORD)).status_code == 200
    assert (await mails_to(api, email))[-1] == "password_changed"
    late = await nobody.post("/api/auth/reset-password", json={"token": link, "password": "one more sentence"})
    assert_problem(late, 422, "link_invalid")


async def test_changing_it_takes_the_old_one_and_a_good_one(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    here = await signed_up(api, nobody)
    for body, status, code in (
        ({"old_password": "wrong", "password": NEW_PASSWORD}, 401, "invalid_credentials"),
        ({"old_password": PASSWORD, "password": "password1"}, 422, "password_refused"),
        ({"old_password": PASSWORD, "password": "short"}, 422, "invalid"),
    ):
        answer = await nobody.post("/api/auth/change-password", json=body, headers=bearer(here))
        assert_problem(answer, status, code)
    assert await me(nobody, here) == 200


async def test_a_forgotten_password_is_set_anew_by_a_link_that_works_once(
    api: ApiDesk, nobody: httpx2.AsyncClient
) -> None:
    email = new_email()
    here = await signed_up(api, nobody, email)
    known = await nobody.post("/api/auth/forgot-password", json={"email": email})
    unknown = await nobody.post("/api/auth/forgot-password", json={"email": new_email()})
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text) == (202, known.text)
    assert (await mails_to(api, email))[-1] == "reset_password"

    body = {"token": await link_to(api, email, LinkPurpose.RESET_PASSWORD), "password": NEW_PASSWORD}
    assert (await nobody.post("/api/auth/reset-password", json=body)).status_code == 204
    assert_problem(await nobody.post("/api/auth/reset-password", json=body), 422, "link_invalid")

    assert await me(nobody, here) == 401
    assert (await login(nobody, email, NEW_PASSWORD)).status_code == 200


async def test_whoever_reads_the_mail_of_an_address_has_confirmed_it(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    await register(nobody, email)

    body = {"token": await link_to(api, email, LinkPurpose.RESET_PASSWORD), "password": NEW_PASSWORD}
    await nobody.post("/api/auth/reset-password", json=body)

    assert (await login(nobody, email, NEW_PASSWORD)).status_code == 200


async def test_a_link_is_good_for_its_purpose_only(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    signed = await signed_up(api, nobody, email)
    verification = await link_to(api, email, LinkPurpose.VERIFY_EMAIL)
    for token in (verification, signed["access_token"], "x", "a.b.c"):
        body = {"token": token, "password": NEW_PASSWORD}
        assert_problem(await nobody.post("/api/auth/reset-password", json=body), 422, "link_invalid")


async def test_the_link_of_a_registration_is_sent_once_more_to_whoever_waits_for_it(
    api: ApiDesk, nobody: httpx2.AsyncClient
) -> None:
    waiting, done = new_email(), new_email()
    await register(nobody, waiting)
    await signed_up(api, nobody, done)

    answers = [
        await nobody.post("/api/auth/resend-verification", json={"email": one}) for one in (waiting, done, new_email())
    ]

    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert await mails_to(api, waiting) == ["verify_email", "verify_email"]
    assert await mails_to(api, done) == ["verify_email"]


async def test_a_deactivated_account_has_no_links(
    api: ApiDesk, nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    email = new_email()
    signed = await signed_up(api, nobody, email)
    await admin.patch(f"/api/users/{signed['person']['id']}", json={"is_active": False})

    await nobody.post("/api/auth/forgot-password", json={"email": email})
    body = {"token": await link_to(api, email, LinkPurpose.RESET_PASSWORD), "password": NEW_PASSWORD}

    assert await mails_to(api, email) == ["verify_email"]
    assert_problem(await nobody.post("/api/auth/reset-password", json=body), 422, "link_invalid")
    assert_problem(await verify(api, nobody, email), 422, "link_invalid")
