"""A browser hands in its subscription, is reached by it, and what is no subscription is refused."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from aiohttp import web

from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem, running_app
from tests.api.keys import a_key, a_service, with_key
from tests.integrations.push_service import HOST, Browser, PushService, push_service, read, spelled

PATH = "/api/notifications/push-subscriptions"


@pytest.fixture(scope="module")
async def here(api: ApiDesk, api_settings: Settings) -> AsyncIterator[ApiDesk]:
    """The same desk, which may call services on this machine."""
    settings = api_settings.model_copy(update={"outgoing_allow": (HOST,)})
    async with running_app(settings) as app:
        yield replace(api, app=app, settings=settings)


@pytest.fixture(autouse=True)
async def no_devices(api: ApiDesk) -> None:
    await api.parts.pool.execute("delete from push_subscriptions")


@pytest.fixture
async def ada(here: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    async with here.client("agent") as client:
        yield client


@pytest.fixture
async def ben(here: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    async with here.client("agent2") as client:
        yield client


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as service:
        yield service


def a_browser() -> Browser:
    return Browser(f"https://push.example.com/send/{uuid4().hex}")


async def subscribed(client: httpx2.AsyncClient, browser: Browser, device: str = "phone") -> dict[str, Any]:
    answer = await client.post(PATH, json=browser.to_json() | {"device": device})
    assert answer.status_code in (200, 201), answer.text
    made: dict[str, Any] = answer.json()
    return made


async def devices(client: httpx2.AsyncClient) -> list[str]:
    answer = await client.get(PATH)
    assert answer.status_code == 200
    return [one["device"] for one in answer.json()["items"]]


async def test_the_public_key_is_a_point_and_stays_the_same(ada: httpx2.AsyncClient, agent: httpx2.AsyncClient) -> None:
    """Two processes with one data folder have one key."""
    (one, other) = [(await client.get("/api/notifications/push-key")).json() for client in (ada, agent)]
    assert one == other
    point = read(one["public_key"])
    assert (len(point), point[0]) == (65, 4)


async def test_a_subscription_is_kept_listed_and_removed_and_its_keys_are_never_told(ada: httpx2.AsyncClient) -> None:
    browser = a_browser()
    made = await ada.post(PATH, json=browser.to_json() | {"device": " Ada's phone "})
    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"], "device": "Ada's phone", "service": "push.example.com",
        "created_at": made.json()["created_at"], "last_used_at": None,
    }  # fmt: skip
    listed = await ada.get(PATH)
    assert listed.json() == {"items": [made.json()]}
    for answer in (made, listed):
        for secret in (*browser.to_json()["keys"].values(), browser.endpoint):
            assert secret not in answer.text
    assert (await ada.delete(f"{PATH}/{made.json()['id']}")).status_code == 204
    assert await devices(ada) == []
    assert_problem(await ada.delete(f"{PATH}/{made.json()['id']}"), 404)


async def test_the_same_again_is_no_second_one(ada: httpx2.AsyncClient) -> None:
    browser = a_browser()
    first = await ada.post(PATH, json=browser.to_json())
    again = await ada.post(PATH, json=browser.to_json() | {"device": "phone", "expirationTime": 1.9e12})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"device": "phone"}
    assert await devices(ada) == ["phone"]


async def test_the_eleventh_takes_the_place_of_the_oldest(ada: httpx2.AsyncClient) -> None:
    for number in range(11):
        await subscribed(ada, a_browser(), f"{number}")
    assert await devices(ada) == [f"{number}" for number in range(1, 11)]


async def test_a_shared_browser_is_theirs_who_came_last(ada: httpx2.AsyncClient, ben: httpx2.AsyncClient) -> None:
    browser = a_browser()
    hers = await subscribed(ada, browser)
    his = await subscribed(ben, browser)
    assert (await devices(ada), await devices(ben)) == ([], ["phone"])
    for id in (hers["id"], his["id"]):
        assert_problem(await ada.post(f"{PATH}/{id}/test"), 404)
        assert_problem(await ada.delete(f"{PATH}/{id}"), 404)
    assert await devices(ben) == ["phone"]


OUTSIDE = spelled(b"\x04" + b"\x01" * 64)
COMPRESSED = spelled(b"\x02" + a_browser().p256dh[1:33])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("p256dh", ""), ("p256dh", "AAAA"), ("p256dh", OUTSIDE),
        pytest.param("p256dh", COMPRESSED, id="compressed"), ("p256dh", "ü" * 87),
        ("p256dh", "!" * 87), ("p256dh", spelled(b"\x04" * 66)), ("p256dh", "A" * 100_000), ("p256dh", None),
        ("p256dh", "A" * 89), ("p256dh", spelled(bytes(65))), ("p256dh", 7),
        ("auth", ""), ("auth", spelled(bytes(15))), ("auth", spelled(bytes(17))), ("auth", "+/+/+/+/+/+/+/+/+/+/+A"),
        ("auth", "A"), ("auth", None), ("auth", ["A" * 22]),
    ],
)  # fmt: skip
async def test_keys_that_are_none_are_refused(ada: httpx2.AsyncClient, field: str, value: Any) -> None:
    body = a_browser().to_json()
    body["keys"][field] = value
    problem = assert_problem(await ada.post(PATH, json=body), 422, "invalid")
    assert problem["errors"][0]["loc"] == ["body", "keys", field]
    assert await devices(ada) == []


async def test_keys_with_padding_are_keys(ada: httpx2.AsyncClient) -> None:
    body = a_browser().to_json()
    body["keys"] = {name: key + "=" * (-len(key) % 4) for name, key in body["keys"].items()}
    assert (await ada.post(PATH, json=body)).status_code == 201


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.com/x", "https://10.0.0.1/x", "https://169.254.169.254/latest", "https://localhost/x",
        "https://[::1]/x", "https://ada:secret@push.example.com/x", "https://push.example.com:25/x", "push", "",
        "file:///etc/passwd", f"https://push.example.com/{'x' * 2000}", "https://push.example.com/\x00",
    ],
)  # fmt: skip
async def test_an_address_that_is_no_push_services_is_refused(agent: httpx2.AsyncClient, endpoint: str) -> None:
    body = a_browser().to_json() | {"endpoint": endpoint}
    assert_problem(await agent.post(PATH, json=body), 422, "invalid")


async def test_only_what_the_operator_allows_may_be_here(
    agent: httpx2.AsyncClient, ada: httpx2.AsyncClient, service: PushService
) -> None:
    browser = service.browser()
    assert_problem(await agent.post(PATH, json=browser.to_json()), 422)
    await subscribed(ada, browser)


@pytest.mark.parametrize("change", [{"more": 1}, {"keys": None}, {"device": "x" * 101}, {"device": "a\0b"}])
async def test_other_malformed_bodies_are_refused(ada: httpx2.AsyncClient, change: dict[str, Any]) -> None:
    assert_problem(await ada.post(PATH, json=a_browser().to_json() | change), 422)


async def test_a_trial_reaches_the_device(ada: httpx2.AsyncClient, service: PushService) -> None:
    browser = service.browser()
    made = await subscribed(ada, browser)
    service.answers = [web.Response(status=201, text="thanks")]
    answer = await ada.post(f"{PATH}/{made['id']}/test")
    assert answer.json() == {"outcome": "sent", "status": 201, "said": "thanks"}
    (came,) = service.at(browser)
    assert browser.reads(came.body)["title"] == "Notifications work"
    assert came.key == (await ada.get("/api/notifications/push-key")).json()["public_key"]
    assert came.claims["sub"] == "mailto:smart-ticketing@localhost"
    assert (await ada.get(PATH)).json()["items"][0]["last_used_at"] is not None


@pytest.mark.parametrize(
    ("status", "outcome", "left"),
    [(404, "gone", 0), (410, "gone", 0), (403, "failed", 1), (302, "failed", 1), (500, "failed", 1)],
)
async def test_a_trial_tells_what_the_service_said(
    ada: httpx2.AsyncClient, service: PushService, status: int, outcome: str, left: int
) -> None:
    made = await subscribed(ada, service.browser())
    service.answers = [web.Response(status=status, text="no\n" * 10_000)]
    answer = (await ada.post(f"{PATH}/{made['id']}/test")).json()
    assert (answer["outcome"], answer["status"], answer["said"][:5]) == (outcome, status, "no no")
    assert len(answer["said"]) <= 300
    assert len(await devices(ada)) == left


async def test_a_trial_at_a_service_that_is_away_says_so(ada: httpx2.AsyncClient) -> None:
    async with push_service() as gone:
        made = await subscribed(ada, gone.browser())
    answer = await ada.post(f"{PATH}/{made['id']}/test")
    assert answer.json() == {"outcome": "failed", "status": None, "said": "ConnectError"}


async def test_a_trial_never_calls_what_is_private(
    here: ApiDesk, api: ApiDesk, ada: httpx2.AsyncClient, agent: httpx2.AsyncClient, service: PushService
) -> None:
    """The subscription was taken when the operator allowed it, or its name leads elsewhere by now."""
    made = await subscribed(ada, service.browser())
    answer = await agent.post(f"{PATH}/{made['id']}/test")
    assert answer.json() == {"outcome": "failed", "status": None, "said": "endpoint_refused"}
    assert service.came == []


async def test_trials_are_not_for_flooding_a_service(ada: httpx2.AsyncClient, service: PushService) -> None:
    made = await subscribed(ada, service.browser())
    answers = [await ada.post(f"{PATH}/{made['id']}/test") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert len(service.came) == 10


async def test_a_service_has_no_device(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    account = await a_service(admin)
    key = await a_key(admin, "notifications:read", "notifications:write", of=account)
    async with with_key(api, key) as machine:
        assert_problem(await machine.get(PATH), 403, "forbidden")
        assert_problem(await machine.post(PATH, json=a_browser().to_json()), 403, "forbidden")
        assert_problem(await machine.delete(f"{PATH}/{uuid4()}"), 403, "forbidden")
        assert_problem(await machine.post(f"{PATH}/{uuid4()}/test"), 403, "forbidden")


async def test_whoever_is_not_signed_in_has_none(nobody: httpx2.AsyncClient) -> None:
    assert_problem(await nobody.get(PATH), 401)
    assert_problem(await nobody.get("/api/notifications/push-key"), 401)
