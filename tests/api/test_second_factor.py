"""The second factor: asked for after the right password only, and no code works twice."""

import asyncio
import time
from typing import Any, NamedTuple

import httpx2
import pyotp
import pytest

from api.credentials.factor_cipher import FactorCipher, load_or_make_secret
from api.credentials.factor_codes import STEP_SECONDS
from tests.api.accounts import PASSWORD, bearer, login, mails_to, new_email, signed_up
from tests.api.desk_api import ApiDesk, assert_problem


class Guarded(NamedTuple):
    """Somebody with a second factor."""

    email: str
    signed: dict[str, Any]
    secret: str
    recovery_codes: list[str]

    @property
    def headers(self) -> dict[str, str]:
        return bearer(self.signed)

    def code(self, steps: int = 0) -> str:
        """Of now, or of some steps later."""
        return pyotp.TOTP(self.secret).at(int(time.time()) + steps * STEP_SECONDS)


async def begin(client: httpx2.AsyncClient, headers: dict[str, str], password: str = PASSWORD) -> httpx2.Response:
    return await client.post("/api/auth/totp", json={"password": password}, headers=headers)


async def confirm(client: httpx2.AsyncClient, headers: dict[str, str], code: str) -> httpx2.Response:
    return await client.post("/api/auth/totp/confirm", json={"code": code}, headers=headers)


async def remove(client: httpx2.AsyncClient, headers: dict[str, str], **proof: str) -> httpx2.Response:
    return await client.request("DELETE", "/api/auth/totp", json=proof, headers=headers)


async def guarded(api: ApiDesk, client: httpx2.AsyncClient) -> Guarded:
    email = new_email()
    signed = await signed_up(api, client, email)
    secret = (await begin(client, bearer(signed))).json()["secret"]
    code = pyotp.TOTP(secret).at(int(time.time()) - STEP_SECONDS)  # so that those of now and later are left
    answer = await confirm(client, bearer(signed), code)
    assert answer.status_code == 200, answer.text
    return Guarded(email, signed, secret, answer.json()["recovery_codes"])


async def test_it_counts_once_it_was_confirmed(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    signed = await signed_up(api, nobody, email)
    first = (await begin(nobody, bearer(signed))).json()["secret"]
    assert (await login(nobody, email)).status_code == 200

    made = (await begin(nobody, bearer(signed))).json()
    assert made["secret"] != first
    assert made["otpauth_uri"].startswith("otpauth://totp/Smart%20Ticketing:")
    assert_problem(await confirm(nobody, bearer(signed), pyotp.TOTP(first).now()), 401, "second_factor_invalid")
    answer = await confirm(nobody, bearer(signed), pyotp.TOTP(made["secret"]).now())

    assert len(set(answer.json()["recovery_codes"])) == 10
    assert_problem(await login(nobody, email), 401, "second_factor_required")
    assert (await mails_to(api, email))[-1] == "factor_added"
    assert (await nobody.get("/api/auth/totp", headers=bearer(signed))).json() == {
        "is_on": True,
        "recovery_codes_left": 10,
    }
    assert_problem(await begin(nobody, bearer(signed)), 409, "conflict")
    assert_problem(await confirm(nobody, bearer(signed), "123456"), 409, "conflict")


async def test_a_code_beside_the_password_signs_in_and_works_once(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    person = await guarded(api, nobody)
    code = person.code()

    assert (await login(nobody, person.email, code=code)).status_code == 200
    assert_problem(await login(nobody, person.email, code=code), 401, "second_factor_invalid")
    assert (await login(nobody, person.email, code=person.code(1))).status_code == 200
    assert_problem(await login(nobody, person.email, code=person.code()), 401, "second_factor_invalid")


async def test_of_many_at_once_with_one_code_one_gets_in(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    person = await guarded(api, nobody)
    code = person.code()

    answers = await asyncio.gather(*(login(nobody, person.email, code=code) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


async def test_nothing_is_told_of_it_before_the_right_password(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    person = await guarded(api, nobody)

    for code in ({}, {"code": person.code()}, {"code": "000000"}):
        assert_problem(await login(nobody, person.email, "wrong password", **code), 401, "invalid_credentials")
    assert (await login(nobody, person.email, code=person.code())).status_code == 200, "no code was used up"


@pytest.mark.parametrize("code", ["000000", "", "12345", "1234567", "abc", "\u0661\u0662\u0663\u0664\u0665\u0666"])
async def test_a_wrong_code_does_not_sign_in(api: ApiDesk, nobody: httpx2.AsyncClient, code: str) -> None:
    person = await guarded(api, nobody)

    assert_problem(await login(nobody, person.email, code=code), 401, "second_factor_invalid")


async def test_a_code_of_another_time_does_not_sign_in(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    person = await guarded(api, nobody)

    for steps in (-3, 3):
        assert_problem(await login(nobody, person.email, code=person.code(steps)), 401, "second_factor_invalid")


async def test_a_recovery_code_works_once_however_it_is_typed(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    person = await guarded(api, nobody)
    one, other = person.recovery_codes[:2]

    assert (await login(nobody, person.email, code=one)).status_code == 200
    assert_problem(await login(nobody, person.email, code=one), 401, "second_factor_invalid")
    assert (await login(nobody, person.email, code=f" {other.upper().replace('-', ' ')} ")).status_code == 200
    left = (await nobody.get("/api/auth/totp", headers=person.headers)).json()
    assert left["recovery_codes_left"] == 8


async def test_a_browser_needs_it_too(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    person = await guarded(api, nobody)
    body = {"email": person.email, "password": PASSWORD}

    assert_problem(await nobody.post("/api/auth/browser-session", json=body), 401, "second_factor_required")
    answer = await nobody.post("/api/auth/browser-session", json=body | {"code": person.code()})
    nobody.cookies.clear()
    assert answer.status_code == 200


async def test_making_and_removing_it_take_a_proof(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    signed = await signed_up(api, nobody)
    assert_problem(await begin(nobody, bearer(signed), "wrong password"), 401, "invalid_credentials")

    person = await guarded(api, nobody)
    assert_problem(await remove(nobody, person.headers), 422, "invalid")
    assert_problem(await remove(nobody, person.headers, password="wrong"), 401, "invalid_credentials")
    assert_problem(await remove(nobody, person.headers, code="000000"), 401, "second_factor_invalid")
    assert_problem(await login(nobody, person.email), 401, "second_factor_required")
    assert (await remove(nobody, person.headers, code=person.code())).status_code == 204
    assert (await login(nobody, person.email)).status_code == 200

    other = await guarded(api, nobody)
    assert (await remove(nobody, other.headers, password=PASSWORD)).status_code == 204
    assert (await login(nobody, other.email)).status_code == 200


async def test_an_admin_removes_it_for_whoever_lost_all(
    api: ApiDesk, nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> None:
    person = await guarded(api, nobody)
    path = f"/api/users/{person.signed['person']['id']}/totp"

    assert_problem(await supervisor.delete(path), 403, "forbidden")
    assert (await admin.delete(path)).status_code == 204
    assert_problem(await admin.delete(path), 404, "not_found")
    assert (await login(nobody, person.email)).status_code == 200


async def test_the_database_knows_neither_secret_nor_codes(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    person = await guarded(api, nobody)
    id = api.parts.tokens.check(person.signed["access_token"])[0].id
    rows = await api.parts.pool.fetch(
        "select f.secret, c.hash from totp_factors f join recovery_codes c using (person_id) "
        "join sessions s using (person_id) where s.id = $1",
        id,
    )
    kept = b"".join(bytes(value) for row in rows for value in row.values())

    assert len(rows) == 10
    for planted in (person.secret, *person.recovery_codes):
        assert planted.encode() not in kept
    cipher = FactorCipher(load_or_make_secret(api.settings.factor_key_path))
    found, stranger = await api.parts.people.find_by_email(person.email), api.people["agent"]
    assert found is not None
    assert cipher.decrypt(found.id, rows[0]["secret"]) == person.secret
    with pytest.raises(ValueError, match="another secret"):
        cipher.decrypt(stranger.id, rows[0]["secret"])
    with pytest.raises(ValueError, match="another secret"):
        FactorCipher(b"x" * 32).decrypt(found.id, rows[0]["secret"])


def test_the_key_is_kept_and_only_its_owner_may_read_it(api: ApiDesk) -> None:
    path = api.settings.factor_key_path

    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make_secret(path) == load_or_make_secret(path)


def test_a_short_secret_is_refused(api: ApiDesk) -> None:
    path = api.settings.data_dir / "short-factor-key"
    path.write_text("too short")

    with pytest.raises(ValueError, match="fewer than 32"):
        load_or_make_secret(path)
