"""Making admins at the terminal."""

import pytest

from api.credentials.passwords import Passwords
from database.people import PeopleStore
from database.pool import open_pool
from domain.people import Role
from operations.admin import make_admin
from settings import Settings


async def test_a_new_person_becomes_an_admin_with_the_given_password(database_dsn: str) -> None:
    settings = Settings(database_url=database_dsn)

    assert (
        await make_admin(settings, "ada@example.org", "Ada", "long enough") == "ada@example.org was made, as an admin."
    )

    async with await open_pool(database_dsn, 1) as pool:
        ada = await PeopleStore(pool).find_by_email("ada@example.org")
    assert ada is not None
    assert (ada.role, ada.name) == (Role.ADMIN, "Ada")
    assert await Passwords().verify("long enough", ada.password_hash) == (True, None)


async def test_a_known_person_is_raised_and_keeps_the_password(database_dsn: str) -> None:
    async with await open_pool(database_dsn, 1) as pool:
        await PeopleStore(pool).add("bob@example.org", "Bob", Role.REQUESTER, "a hash")

        sentence = await make_admin(Settings(database_url=database_dsn), "bob@example.org", "Other", None)

        bob = await PeopleStore(pool).find_by_email("bob@example.org")
    assert sentence == "bob@example.org is an admin now; the password stays as it is."
    assert bob is not None
    assert (bob.role, bob.name, bob.password_hash) == (Role.ADMIN, "Bob", "a hash")


@pytest.mark.parametrize("password", [None, "short"])
async def test_a_new_person_needs_a_password(database_dsn: str, password: str | None) -> None:
    with pytest.raises(ValueError, match="at least 8"):
        await make_admin(Settings(database_url=database_dsn), "eve@example.org", "Eve", password)
