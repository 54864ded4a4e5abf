"""The two routes between which the price of signing in lies."""

import httpx2

from domain.permissions import PERMISSIONS
from operations.bench.signed_web import PLAIN, SIGNED, app
from settings import Settings


async def test_only_one_of_the_two_asks_who_it_is() -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app(Settings())), base_url="http://desk") as client:
        assert (await client.get(PLAIN)).json() is True
        assert (await client.get(SIGNED)).status_code == 401


def test_both_are_found_at_once_and_the_door_knows_the_one_that_asks() -> None:
    first, second = app(Settings()).router.routes[:2]

    assert {getattr(one, "path", "") for one in (first, second)} == {PLAIN, SIGNED}
    assert {getattr(one, "name", "") for one in (first, second)} & PERMISSIONS.keys()
