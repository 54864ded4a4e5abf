"""The two routes between which the price of signing in lies."""

from types import SimpleNamespace

import httpx2

from api.refusals import Refusal
from domain.permissions import PERMISSIONS
from operations.bench.signed_web import PLAIN, SIGNED, app
from settings import Settings


class FakeRefusals:
    """Where refused attempts are told, without a database."""

    def __init__(self) -> None:
        self.told: list[Refusal] = []

    async def tell(self, refusal: Refusal) -> None:
        self.told.append(refusal)


async def test_only_one_of_the_two_asks_who_it_is() -> None:
    web, refusals = app(Settings()), FakeRefusals()
    web.state.desk = SimpleNamespace(refusals=refusals)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(web), base_url="http://desk") as client:
        assert (await client.get(PLAIN)).json() is True
        assert (await client.get(SIGNED)).status_code == 401
    assert len(refusals.told) == 1


def test_both_are_found_at_once_and_the_door_knows_the_one_that_asks() -> None:
    first, second = app(Settings()).router.routes[:2]

    assert {getattr(one, "path", "") for one in (first, second)} == {PLAIN, SIGNED}
    assert {getattr(one, "name", "") for one in (first, second)} & PERMISSIONS.keys()
