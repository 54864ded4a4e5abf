"""Registering: an account is its owner's once the link in the mail was used, and nobody learns who has one."""

import httpx2
import pytest

from domain.account_mail import LinkPurpose
from tests.api.accounts import PASSWORD, link_to, login, mails_to, new_email, register, signed_up, verify
from tests.api.desk_api import ApiDesk, assert_problem, running_app


async def test_whoever_registers_is_a_requester_once_the_link_was_used(
    api: ApiDesk, nobody: httpx2.AsyncClient
) -> None:
    email = new_email()

    assert (await register(nobody, email)).status_code == 202
    assert_problem(await login(nobody, email), 403, "email_not_verified")
    assert_problem(await login(nobody, email, "another password"), 401, "invalid_credentials")
    assert await mails_to(api, email) == ["verify_email"]
    assert (await verify(api, nobody, email)).status_code == 204

    person = (await login(nobody, email.upper())).json()["person"]
    assert (person["role"], person["teams"], person["email"]) == ("requester", [], email)


async def test_a_known_address_gets_the_same_answer_and_its_owner_a_mail(
    api: ApiDesk, nobody: httpx2.AsyncClient
) -> None:
    email = new_email()
    await signed_up(api, nobody, email)

    known, unknown = await register(nobody, email, "quite another"), await register(nobody, new_email())

    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert known.headers.keys() == unknown.headers.keys()
    assert await mails_to(api, email) == ["verify_email", "already_registered"]
    assert (await login(nobody, email)).status_code == 200, "the password stays"


async def test_the_registration_that_was_last_counts_and_the_links_of_others_do_not(
    api: ApiDesk, nobody: httpx2.AsyncClient
) -> None:
    """Else a stranger could register first, with a password of their own, and wait."""
    email = new_email()
    await register(nobody, email, "the stranger's own")
    strangers_link = await link_to(api, email, LinkPurpose.VERIFY_EMAIL)
    await register(nobody, email)

    answer = await nobody.post("/api/auth/verify-email", json={"token": strangers_link})
    assert_problem(answer, 422, "link_invalid")
    await verify(api, nobody, email)
    assert (await login(nobody, email)).status_code == 200
    assert_problem(await login(nobody, email, "the stranger's own"), 401, "invalid_credentials")


async def test_a_registration_asks_for_nothing_more_than_it_may(nobody: httpx2.AsyncClient) -> None:
    for more in ({"role": "admin"}, {"teams": ["support"]}, {"email_verified_at": "2020-01-01T00:00:00Z"}):
        assert_problem(await register(nobody, new_email(), **more), 422, "invalid")


async def test_nobody_is_answered_with_their_password(nobody: httpx2.AsyncClient) -> None:
    answer = await register(nobody, new_email(), "planted-password")

    assert "planted-password" not in answer.text
    assert "argon2" not in answer.text


async def test_a_verified_address_leads_into_its_organisation(
    api: ApiDesk, nobody: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    await api.parts.pool.execute(
        "insert into organisations (slug, name, domains) values ('acme', 'Acme', '{acme.example.net}') "
        "on conflict do nothing"
    )
    inside, outside = f"ann-{new_email()}".replace("@", "@acme."), new_email()
    for email in (inside, outside):
        await register(nobody, email)
    before = await api.parts.people.find_by_email(inside)
    for email in (inside, outside):
        await verify(api, nobody, email)
    found = [await api.parts.people.find_by_email(email) for email in (inside, outside)]

    assert before is not None
    assert before.organisation is None
    assert [person and person.organisation for person in found] == ["acme", None]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ada.{}@example.net", "ADA.{}@Example.NET"),
        ("ada.{}@example.net", "\uff41da.{}@example.net"),
        ("\u00e4da.{}@example.net", "\u00c4da.{}@example.net"),
        ("ada.{}@b\u00fccher.example.net", "ada.{}@xn--bcher-kva.example.net"),
        ("ada.{}@b\u00fccher.example.net", "ada.{}@BU\u0308CHER.example.net"),
    ],
)
async def test_two_spellings_of_one_address_are_one_account(
    api: ApiDesk, nobody: httpx2.AsyncClient, first: str, second: str
) -> None:
    unique = new_email().partition("@")[0]
    await signed_up(api, nobody, first.format(unique))

    assert (await register(nobody, second.format(unique))).status_code == 202
    assert await mails_to(api, first.format(unique)) == ["verify_email", "already_registered"]
    assert (await login(nobody, second.format(unique))).status_code == 200


@pytest.mark.parametrize(
    "email", ["p\u0430ypal@example.net", "ada@ex\u0430mple.net", "\u0391da@example.net", "ada@\u0440aypal.example.net"]
)
async def test_letters_of_several_scripts_are_refused(nobody: httpx2.AsyncClient, email: str) -> None:
    refused = assert_problem(await register(nobody, email), 422, "invalid")

    assert "scripts" in refused["detail"]


@pytest.mark.parametrize("password", ["password", "Passw0rd!", "qwertyuiop", "12345678", "aaaaaaaa", "summer2024!"])
async def test_what_is_guessed_first_is_no_password(nobody: httpx2.AsyncClient, password: str) -> None:
    assert_problem(await register(nobody, new_email(), password), 422, "password_refused")


async def test_ones_address_is_no_password(nobody: httpx2.AsyncClient) -> None:
    email = new_email()

    assert_problem(await register(nobody, email, email.upper()), 422, "password_refused")
    assert_problem(await register(nobody, email, email.partition("@")[0] + "1"), 422, "password_refused")


async def test_a_password_is_the_same_however_a_keyboard_composed_it(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    await register(nobody, email, "Schl\u00fcsselbund \u2460")
    await verify(api, nobody, email)

    assert (await login(nobody, email, "Schlu\u0308sselbund 1")).status_code == 200


async def test_an_unverified_person_signs_in_where_that_is_enough(api: ApiDesk) -> None:
    settings = api.settings.model_copy(update={"email_verification": "optional"})
    async with running_app(settings) as app:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://desk") as client:
            email = new_email()
            await register(client, email)
            assert (await login(client, email)).status_code == 200

            await register(client, email, "the stranger's own")
            assert (await login(client, email, PASSWORD)).status_code == 200, "what is in use is not replaced"
            assert await mails_to(api, email) == ["verify_email", "already_registered"]
