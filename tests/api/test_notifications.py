"""The inbox over HTTP: one's own, ready to be shown, read on one device and so on all."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from domain.notification import NotificationType
from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem, do, opened
from tests.api.inboxes import INBOX, counts_of, inbox_of, mark, told_of, why
from tests.api.keys import a_key, a_service, with_key
from tests.api.listening import stream_server


@pytest.fixture
async def ticket(requester: httpx2.AsyncClient, supervisor: httpx2.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    """The requester's new ticket in team `support`; it is nobody's burden behind the test."""
    made = await opened(requester, team="support")
    yield made
    await supervisor.post(f"/api/tickets/{made['number']}/status", json={"status": "resolved"})


@pytest.fixture
async def given(supervisor: httpx2.AsyncClient, api: ApiDesk, ticket: dict[str, Any]) -> dict[str, Any]:
    """The requester's ticket, which a supervisor gave to the agent."""
    return await do(supervisor, ticket["number"], "assign", {"assignee": str(api.people["agent"].id)})


async def test_a_notification_is_ready_to_be_shown(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, given: dict[str, Any]
) -> None:
    await do(requester, given["number"], "replies", {"body": "It burns. The password is 1234."})

    replied, assigned = await inbox_of(agent, ticket=given["number"])

    name = f"#{given['number']} The printer is on fire"
    assert assigned["text"] == f"Sam Supervisor gave you {name}"
    assert replied["text"] == f"{api.people['requester'].name} replied to {name}"
    assert replied == replied | {
        "type": "replied", "kind": "ticket.replied", "why": "assignee", "read_at": None, "subject": None,
        "actor": {"kind": "person", "id": str(api.people["requester"].id), "name": api.people["requester"].name},
        "ticket": {
            "number": given["number"], "title": "The printer is on fire", "priority": "normal", "status": "new",
        },
    }  # fmt: skip
    assert "1234" not in str(replied)


async def test_who_has_a_ticket_opened_for_them_hears_of_it(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    made = await opened(agent, requester=str(api.people["requester"].id))

    (told,) = await inbox_of(requester, ticket=made["number"])

    assert told["text"] == f"Alex Agent opened #{made['number']} The printer is on fire for you"
    assert (told["type"], told["kind"], told["why"]) == ("opened", "ticket.opened", "requester")
    assert (await why(requester, made["number"], 1))["cause"] == "told"
    assert (await why(agent, made["number"], 1))["cause"] == "by_yourself"


async def test_the_requester_hears_of_what_concerns_them(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, given: dict[str, Any]
) -> None:
    number = given["number"]
    await do(agent, number, "replies", {"body": "Use water."})
    await do(agent, number, "replies", {"body": "They never do.", "internal": True})
    await do(agent, number, "status", {"status": "resolved"})

    name = f"#{number} The printer is on fire"
    assert await told_of(requester, given) == [f"Alex Agent replied to {name}", f"Alex Agent set {name} to resolved"]


async def test_it_is_narrowed_and_read_page_by_page(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, given: dict[str, Any]
) -> None:
    number = given["number"]
    for _ in range(3):
        await do(requester, number, "replies", {"body": "Hello?"})
    everything = await inbox_of(agent, ticket=number)
    params = {"ticket": number, "limit": 3}

    first = (await agent.get(INBOX, params=params)).json()
    await mark(agent, "read", {"ids": [everything[0]["id"], everything[3]["id"]]})
    second = (await agent.get(INBOX, params=params | {"cursor": first["next_cursor"]})).json()

    assert [one["id"] for one in first["items"] + second["items"]] == [one["id"] for one in everything]
    assert second["next_cursor"] is None
    assert first["stream_cursor"] <= second["stream_cursor"]
    assert [one["type"] for one in await inbox_of(agent, ticket=number, unread=True)] == ["replied"] * 2
    assert {one["type"] for one in await inbox_of(agent, ticket=number, unread=False)} == {"assigned", "replied"}
    assert len(await inbox_of(agent, ticket=number, type=["assigned", "mentioned"])) == 1


async def test_it_comes_by_ticket_for_a_small_screen(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, given: dict[str, Any]
) -> None:
    await do(requester, given["number"], "replies", {"body": "Hello?"})
    await mark(agent, "read", {"ticket": given["number"], "type": ["assigned"]})

    group = (await agent.get(f"{INBOX}/groups", params={"limit": 1})).json()["items"][0]

    assert group["ticket"]["number"] == given["number"]
    assert (group["count"], group["unread"], group["types"]) == (2, 1, ["assigned", "replied"])
    assert group["last"] == (await inbox_of(agent, ticket=given["number"]))[0]


async def test_counts_have_every_type(agent: httpx2.AsyncClient, given: dict[str, Any]) -> None:
    counts = await counts_of(agent)

    assert counts["by_type"].keys() == set(NotificationType)
    assert counts["unread"] == sum(counts["by_type"].values()) >= 1
    marked = await mark(agent, "read", {"ticket": given["number"]})
    assert marked["changed"] == 1
    after = await counts_of(agent)
    assert after["unread"] == marked["unread"] == counts["unread"] - 1
    assert marked["by_type"]["assigned"] == after["by_type"]["assigned"] == counts["by_type"]["assigned"] - 1


async def test_one_is_read_and_unread_again(agent: httpx2.AsyncClient, given: dict[str, Any]) -> None:
    (assigned,) = await inbox_of(agent, ticket=given["number"])

    assert [(await mark(agent, f"{assigned['id']}/read"))["changed"] for _ in range(2)] == [1, 0]
    assert (await inbox_of(agent, ticket=given["number"]))[0]["read_at"] is not None
    assert [(await mark(agent, f"{assigned['id']}/unread"))["changed"] for _ in range(2)] == [1, 0]
    assert await inbox_of(agent, ticket=given["number"]) == [assigned]


async def test_looking_at_a_ticket_reads_nothing(agent: httpx2.AsyncClient, given: dict[str, Any]) -> None:
    await agent.get(f"/api/tickets/{given['number']}")
    await agent.get(f"/api/tickets/{given['number']}/timeline")

    assert [one["read_at"] for one in await inbox_of(agent, ticket=given["number"])] == [None]


async def test_what_came_after_what_was_seen_stays_unread(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, given: dict[str, Any]
) -> None:
    seen = (await inbox_of(agent))[0]["id"]
    await do(requester, given["number"], "replies", {"body": "Hello?"})

    await mark(agent, "read", {"before": seen})

    assert [one["type"] for one in await inbox_of(agent, unread=True)] == ["replied"]
    (latest,) = await inbox_of(agent, unread=True)
    assert (await mark(agent, "read", {"before_at": latest["at"]}))["unread"] == 0


async def test_nobody_reads_anothers_inbox(
    agent: httpx2.AsyncClient,
    colleague: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    admin: httpx2.AsyncClient,
    given: dict[str, Any],
) -> None:
    (assigned,) = await inbox_of(agent, ticket=given["number"])

    for client in (colleague, supervisor, admin):
        assert await inbox_of(client, ticket=given["number"]) == []
        for what in ("read", "unread"):
            answer = await client.post(f"{INBOX}/{assigned['id']}/{what}")
            assert_problem(answer, 404, "notification_not_found")
        assert_problem(await client.get(f"{INBOX}/{assigned['id']}/why"), 404, "notification_not_found")
        assert (await mark(client, "read", {"ids": [assigned["id"]]}))["changed"] == 0
    assert [one["read_at"] for one in await inbox_of(agent, ticket=given["number"])] == [None]


async def test_a_ticket_out_of_sight_keeps_its_title_to_itself(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, given: dict[str, Any]
) -> None:
    number = given["number"]
    await do(requester, number, "replies", {"body": "Hello?"})
    moved = await supervisor.patch(f"/api/tickets/{number}", json={"team": "billing", "title": "The secret merger"})
    assert moved.status_code == 200, moved.text
    assert_problem(await agent.get(f"/api/tickets/{number}"), 404, "ticket_not_found")

    items = await inbox_of(agent, ticket=number)

    assert [one["text"] for one in items] == [
        f"Somebody put #{number} back into its queue", f"Somebody replied to #{number}", f"Somebody gave you #{number}",
    ]  # fmt: skip
    assert all(one["ticket"] is None and one["actor"]["name"] is one["actor"]["id"] is None for one in items)
    group = (await agent.get(f"{INBOX}/groups", params={"limit": 1})).json()["items"][0]
    assert (group["ticket"], group["count"]) == (None, 3)
    assert "merger" not in str(items) + str(group)
    explained = (await agent.get(f"{INBOX}/{items[0]['id']}/why")).json()
    assert "merger" not in str(explained)
    assert_problem(await agent.get(f"/api/tickets/{number}/notifications/why"), 404, "ticket_not_found")


async def test_what_is_read_on_one_device_is_read_on_the_others(
    api: ApiDesk, api_settings: Settings, agent: httpx2.AsyncClient, given: dict[str, Any]
) -> None:
    (assigned,) = await inbox_of(agent, ticket=given["number"])
    before = await counts_of(agent)
    async with (
        stream_server(api_settings) as server,
        server.listen(api.headers("agent"), "?topics=notifications") as mine,
        server.listen(api.headers("agent2"), f"?cursor={before['stream_cursor']}") as hers,
    ):
        await mark(agent, f"{assigned['id']}/read")
        await mark(agent, f"{assigned['id']}/unread")
        read, unread = await mine.next(), await mine.next()
        await opened(agent, team="support")
        heard = await hers.until(lambda message: message.event == "ticket.opened")

    assert (read.event, unread.event) == ("notification.read", "notification.unread")
    by_type = {type: number for type, number in before["by_type"].items() if number}
    assert unread.data["change"] == {
        "ids": [assigned["id"]], "count": 1, "unread": before["unread"], "by_type": by_type,
    }  # fmt: skip
    assert read.data["change"]["unread"] == before["unread"] - 1
    assert read.data["ticket"] is None
    assert not [message for message in heard if message.event.startswith("notification.")]


async def test_a_new_one_arrives_on_the_stream_of_whom_it_is_for(
    api: ApiDesk,
    api_settings: Settings,
    agent: httpx2.AsyncClient,
    requester: httpx2.AsyncClient,
    given: dict[str, Any],
) -> None:
    async with (
        stream_server(api_settings) as server,
        server.listen(api.headers("agent"), "?topics=notifications") as mine,
    ):
        await do(requester, given["number"], "replies", {"body": "Hello?"})
        created = await mine.next()

    (replied, _) = await inbox_of(agent, ticket=given["number"])
    fields = ("id", "type", "kind", "revision", "why", "subject")
    assert created.event == "notification.created"
    assert created.data["actor"] == {"kind": "person", "id": None, "name": None}
    assert created.data["change"] == {
        "notification": {field: replied[field] for field in fields} | {"ticket": given["number"]}
    }


@pytest.mark.parametrize(
    "body",
    [
        None, {}, [], {"ids": []}, {"ids": ["x"]}, {"ids": [0]}, {"ids": [2**63]}, {"ids": list(range(1, 202))},
        {"type": ["weather"]}, {"type": []}, {"ticket": 0}, {"before": "yesterday"}, {"before": 2**63},
        {"before_at": "2030-01-01"}, {"before_at": "0001-01-01T00:00:00Z"}, {"before": None}, {"everything": True},
        {"ids": None},
    ],
    ids=str,
)  # fmt: skip
async def test_what_says_not_which_is_refused(agent: httpx2.AsyncClient, body: Any) -> None:
    assert_problem(await agent.post(f"{INBOX}/read", json=body), 422, "invalid")


@pytest.mark.parametrize(
    "params",
    [
        {"type": "weather"}, {"unread": "perhaps"}, {"ticket": 0}, {"ticket": 2**60}, {"limit": 0}, {"limit": 201},
        {"cursor": "x"}, {"cursor": "é"}, {"cursor": "x" * 301}, {"cursor": "W10"}, {"cursor": "a\0b"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_refused(agent: httpx2.AsyncClient, params: dict[str, Any]) -> None:
    assert_problem(await agent.get(INBOX, params=params), 422, "invalid")
    if "ticket" not in params:
        assert_problem(await agent.get(f"{INBOX}/groups", params=params), 422, "invalid")


async def test_ids_that_are_none_are_refused(agent: httpx2.AsyncClient, nobody: httpx2.AsyncClient) -> None:
    for id in ("0", "-1", "x", str(2**63)):
        assert_problem(await agent.post(f"{INBOX}/{id}/read"), 422, "invalid")
        assert_problem(await agent.get(f"{INBOX}/{id}/why"), 422, "invalid")
    assert_problem(await agent.get(f"{INBOX}/{2**62}/why"), 404, "notification_not_found")
    assert_problem(await nobody.get(INBOX), 401, "unauthenticated")


async def test_a_key_reads_as_far_as_its_scopes(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    async with with_key(api, await a_key(agent, "notifications:read")) as client:
        assert (await client.get(f"{INBOX}/counts")).status_code == 200
        assert_problem(await client.post(f"{INBOX}/read", json={"before": 1}), 403, "forbidden")


async def test_a_service_has_no_inbox(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    key = await a_key(admin, "notifications:read", "notifications:write", of=await a_service(admin))
    async with with_key(api, key) as client:
        for path in ("", "/groups", "/counts", "/1/why"):
            assert_problem(await client.get(INBOX + path), 403, "forbidden")
        assert_problem(await client.post(f"{INBOX}/read", json={"before": 1}), 403, "forbidden")
