"""Mentions: whoever is mentioned hears of it and may see it, and nobody learns by it who there is."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, do, opened, timeline_of
from tests.api.inboxes import inbox_of, told_of
from tests.api.staff import NOBODY

PASSWORD = "long enough for all"


@pytest.fixture
async def acme(api: ApiDesk, admin: httpx2.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    """The requester and a colleague, of one organisation; the colleague sees only their own tickets."""
    slug = f"org-{uuid4().hex[:8]}"
    await admin.post("/api/organisations", json={"slug": slug, "name": "Acme"})
    requester = f"/api/users/{api.people['requester'].id}"
    assert (await admin.patch(requester, json={"organisation": slug})).status_code == 200
    new = {"email": f"{uuid4().hex}@example.com", "name": "Carol", "role": "requester", "password": PASSWORD}
    made = await admin.post("/api/users", json=new | {"organisation": slug})
    assert made.status_code == 201, made.text
    yield made.json()
    await admin.patch(requester, json={"organisation": None})


async def reply(client: httpx2.AsyncClient, ticket: dict[str, Any], body: str, **more: Any) -> list[str]:
    """Write a reply; the names of whom it mentions."""
    said = await do(client, ticket["number"], "replies", {"body": body, **more})
    return [one["name"] for one in said["mentions"]]


async def watchers(client: httpx2.AsyncClient, ticket: dict[str, Any]) -> set[str]:
    return {one["name"] for one in (await client.get(f"/api/tickets/{ticket['number']}/watchers")).json()["items"]}


async def test_whoever_is_mentioned_hears_of_it_and_sees_the_ticket(
    agent: httpx2.AsyncClient, billing_agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    path = f"/api/tickets/{ticket['number']}"
    assert_problem(await billing_agent.get(path), 404, "ticket_not_found")

    assert await reply(agent, ticket, "Is this yours, @agent3@example.com?", internal=True) == ["Aki Agent"]

    (told,) = await inbox_of(billing_agent, ticket=ticket["number"])
    assert (told["type"], told["kind"], told["why"]) == ("mentioned", "ticket.noted", "mentioned")
    assert told["text"] == f"Alex Agent mentioned you in a note on #{ticket['number']} The printer is on fire"
    assert (await billing_agent.get(path)).status_code == 200
    noted = [one for one in await timeline_of(billing_agent, ticket["number"]) if one["type"] == "ticket.noted"]
    assert [one["name"] for one in noted[0]["change"]["mentions"]] == ["Aki Agent"]
    assert await watchers(agent, ticket) == {"Aki Agent"}


async def test_ids_and_addresses_mention_each_person_once(
    api: ApiDesk, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    other, me = str(api.people["agent2"].id), str(api.people["agent"].id)

    names = await reply(agent, ticket, "@agent2@example.com @AGENT2@example.com", mentions=[other, me, other])

    assert names == [api.people["agent2"].name], "and not oneself"
    assert [one["type"] for one in await inbox_of(colleague, ticket=ticket["number"])] == ["mentioned"]


async def test_what_is_quoted_or_no_address_of_ours_is_only_text(
    agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    body = "> @agent2@example.com\n`@agent3@example.com` @nobody@example.com @ada agent2@example.com"

    assert await reply(agent, ticket, body) == []
    assert await watchers(agent, ticket) == set()


async def test_a_requester_mentions_people_of_their_organisation_on_their_own_ticket(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, acme: dict[str, Any]
) -> None:
    ticket = await opened(requester, team="support")
    async with api.client() as carol:
        carol.headers["Authorization"] = f"Bearer {await api.token_of(acme['id'])}"
        path = f"/api/tickets/{ticket['number']}"
        assert_problem(await carol.get(path), 404, "ticket_not_found")

        assert await reply(requester, ticket, f"See @{acme['email']}.") == ["Carol"]

        assert await told_of(carol, ticket) == [
            f"{api.people['requester'].name} mentioned you in a reply to #{ticket['number']} The printer is on fire"
        ]
        assert (await carol.get(path)).status_code == 200
        stranger = str(api.people["requester2"].id)
        refused = await carol.post(f"{path}/replies", json={"body": "hello", "mentions": [stranger]})
        assert_problem(refused, 422, "mention_refused")
        assert await reply(agent, ticket, f"For you too, @{api.people['requester2'].email}") != []
        seen = [one for one in await timeline_of(carol, ticket["number"]) if one["type"] == "ticket.replied"]
        assert [len(one["change"]["mentions"]) for one in seen] == [1, 1]


async def test_nobody_learns_by_a_mention_who_there_is(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, acme: dict[str, Any]
) -> None:
    ticket = await opened(requester, team="support")
    path = f"/api/tickets/{ticket['number']}/replies"
    refusals = set()
    for id in (NOBODY, *(str(api.people[name].id) for name in ("agent", "supervisor", "requester2"))):
        problem = assert_problem(
            await requester.post(path, json={"body": "hello", "mentions": [id]}), 422, "mention_refused"
        )
        refusals.add(problem["detail"].replace(id, "ID"))
    assert len(refusals) == 1

    said = " ".join(f"@{api.people[name].email}" for name in ("agent2", "supervisor", "requester2"))
    assert await reply(requester, ticket, f"{said} @nobody@example.com") == []
    assert await watchers(agent, ticket) == set()


async def test_outsiders_do_not_see_whom_of_the_desk_a_reply_mentions(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    mentions = [str(api.people[name].id) for name in ("agent3", "requester2", "requester")]
    await reply(agent, ticket, "Look at this.", mentions=mentions)

    def named(timeline: list[dict[str, Any]]) -> list[set[str]]:
        replies = [one for one in timeline if one["type"] == "ticket.replied"]
        return [{mention["id"] for mention in one["change"]["mentions"]} for one in replies]

    assert named(await timeline_of(agent, ticket["number"])) == [set(mentions)]
    assert named(await timeline_of(requester, ticket["number"])) == [set(mentions[1:])]
    assert len(await watchers(agent, ticket)) == 2, "the requester sees it anyway"


async def test_a_note_mentions_only_who_may_read_it(
    api: ApiDesk, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    path = f"/api/tickets/{ticket['number']}/replies"
    for name in ("requester", "requester2"):
        note = {"body": "secret", "internal": True, "mentions": [str(api.people[name].id)]}
        assert_problem(await agent.post(path, json=note), 422, "mention_refused")
    assert await reply(agent, ticket, "secret, @requester2@example.com", internal=True) == []
    assert await inbox_of(requester, ticket=ticket["number"]) == []


async def test_who_is_gone_is_not_mentioned(
    admin: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    new = {"email": f"{uuid4().hex}@example.com", "name": "Gone", "role": "requester", "password": PASSWORD}
    gone = (await admin.post("/api/users", json=new)).json()
    assert (await admin.patch(f"/api/users/{gone['id']}", json={"is_active": False})).status_code == 200

    assert await reply(agent, ticket, f"@{gone['email']}") == []
    path = f"/api/tickets/{ticket['number']}/replies"
    assert_problem(await agent.post(path, json={"body": "x", "mentions": [gone["id"]]}), 422, "mention_refused")


async def test_a_mention_is_told_as_such_to_who_would_hear_anyway(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    await reply(agent, ticket, "Please look.", mentions=[str(api.people["requester"].id)])

    assert [one["type"] for one in await inbox_of(requester, ticket=ticket["number"])] == ["mentioned"]
    await reply(agent, ticket, "Did you?")
    assert [one["type"] for one in await inbox_of(requester, ticket=ticket["number"])] == ["replied", "mentioned"]


async def test_a_reply_that_is_sent_again_mentions_once(
    agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    body, headers = {"body": "@agent2@example.com"}, {"Idempotency-Key": f"mention-{uuid4()}"}

    first, second = [await do(agent, ticket["number"], "replies", body, **headers) for _ in range(2)]

    assert first == second
    assert len(first["mentions"]) == len(await inbox_of(colleague, ticket=ticket["number"])) == 1
    watched = [one for one in await timeline_of(agent, ticket["number"]) if one["type"] == "ticket.watched"]
    assert [one["revision"] for one in watched] == [first["revision"] + 1]


@pytest.mark.parametrize("mentions", [["x"], "x", [None], [NOBODY] * 21, None, {}], ids=str)
async def test_mentions_that_are_none_are_refused(
    agent: httpx2.AsyncClient, ticket: dict[str, Any], mentions: Any
) -> None:
    path = f"/api/tickets/{ticket['number']}/replies"
    assert_problem(await agent.post(path, json={"body": "x", "mentions": mentions}), 422, "invalid")
