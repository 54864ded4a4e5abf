"""Why one was told of something, or was not: for oneself, and without a word about who else was."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, do, opened, timeline_of
from tests.api.inboxes import INBOX, inbox_of, why


@pytest.fixture
async def ticket(requester: httpx2.AsyncClient, supervisor: httpx2.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    """The requester's new ticket in team `support`; it is nobody's burden behind the test."""
    made = await opened(requester, team="support")
    yield made
    await supervisor.post(f"/api/tickets/{made['number']}/status", json={"status": "resolved"})


async def reply(client: httpx2.AsyncClient, ticket: dict[str, Any], **more: Any) -> int:
    """Write something; its revision."""
    return int((await do(client, ticket["number"], "replies", {"body": "Hello?", **more}))["revision"])


@pytest.fixture
async def muted(api: ApiDesk) -> AsyncIterator[None]:
    """The agent keeps replies out of their inbox."""
    agent = api.people["agent"].id
    await api.parts.pool.execute("insert into notification_choices values ($1, 'replied', false, 'off', 'off')", agent)
    yield
    await api.parts.pool.execute("delete from notification_choices where person_id = $1", agent)


async def test_a_notification_says_why_it_came_and_what_became_of_it(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    await do(agent, ticket["number"], "claim")
    await reply(requester, ticket)
    (told,) = await inbox_of(agent, ticket=ticket["number"])
    await api.parts.pool.execute(
        "insert into notification_decisions (notification_id, channel, at, outcome, reason) "
        "values ($1, 'push', now(), 'skips', 'no_device')",
        told["id"],
    )

    explained = (await agent.get(f"{INBOX}/{told['id']}/why")).json()

    assert explained["notification"] == told
    assert (explained["cause"], explained["text"]) == ("told", "You were told. You are the assignee.")
    (decision,) = [one for one in explained["decisions"] if one["reason"] == "no_device"]
    assert (decision["channel"], decision["outcome"]) == ("push", "skips")
    assert decision["text"] == "By push it does not come (no device)."


async def test_what_was_muted_is_found_by_its_event(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any], muted: None
) -> None:
    await do(agent, ticket["number"], "claim")
    revision = await reply(requester, ticket)

    assert await inbox_of(agent, ticket=ticket["number"]) == []
    explained = await why(agent, ticket["number"], revision)

    assert explained["cause"] == "muted"
    assert "you chose" in explained["text"]
    id = explained["notification"]["id"]
    assert (await agent.get(f"{INBOX}/{id}/why")).json()["cause"] == "muted"
    assert_problem(await agent.post(f"{INBOX}/{id}/read"), 404, "notification_not_found")


async def test_an_event_tells_each_reader_why_they_heard_or_did_not(
    api: ApiDesk,
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    colleague: httpx2.AsyncClient,
    ticket: dict[str, Any],
) -> None:
    await do(agent, ticket["number"], "claim")
    revision = await reply(agent, ticket)

    heard, own, none = [await why(client, ticket["number"], revision) for client in (requester, agent, colleague)]

    assert (heard["cause"], heard["text"]) == ("told", "You were told. You asked for the ticket.")
    assert heard["notification"] == (await inbox_of(requester, ticket=ticket["number"]))[0]
    assert (own["cause"], own["notification"]) == ("by_yourself", None)
    assert none["cause"] == "none_of_them"
    told_to = ["whoever asked for it", "whoever has it", "those who watch it"]
    assert heard["told_to"] == own["told_to"] == none["told_to"] == told_to
    assert (none["type"], none["revision"], none["decisions"]) == ("ticket.replied", revision, [])
    for name in ("requester", "agent2", "supervisor"):
        assert str(api.people[name].id) not in str(none)


async def test_it_goes_by_how_the_ticket_stood_then(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    before = await reply(requester, ticket)
    await do(agent, ticket["number"], "claim")
    after = await reply(requester, ticket)

    assert (await why(agent, ticket["number"], before))["cause"] == "none_of_them"
    assert (await why(agent, ticket["number"], after))["cause"] == "told"


async def test_who_was_mentioned_watched_by_then(
    api: ApiDesk, agent: httpx2.AsyncClient, billing_agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    revision = await reply(agent, ticket, internal=True, mentions=[str(api.people["agent3"].id)])

    explained = await why(billing_agent, ticket["number"], revision)

    assert (explained["cause"], explained["text"]) == ("told", "You were told. Somebody mentioned you.")
    assert "those whom it mentions" in explained["told_to"]


async def test_whoever_joined_later_was_not_among_them(
    api: ApiDesk, supervisor: httpx2.AsyncClient, billing_agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    escalated = await do(supervisor, ticket["number"], "escalate")
    agent = api.people["agent3"].id
    await supervisor.put(f"/api/teams/support/members/{agent}")

    explained = await why(billing_agent, ticket["number"], escalated["revision"])
    await supervisor.delete(f"/api/teams/support/members/{agent}")

    assert explained["type"] == "ticket.escalated"
    assert explained["cause"] == "not_then"


async def test_of_some_events_nobody_is_told(agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    edited = await agent.patch(f"/api/tickets/{ticket['number']}", json={"tags": ["vip"]})
    assert edited.status_code == 200, edited.text

    explained = await why(agent, ticket["number"], edited.json()["revision"])

    assert (explained["cause"], explained["told_to"]) == ("nobody_is_told", [])


async def test_without_a_revision_it_is_about_the_last_event_that_one_sees(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    note = await reply(agent, ticket, internal=True)

    assert (await why(agent, ticket["number"]))["revision"] == note
    seen = await timeline_of(requester, ticket["number"])
    assert (await why(requester, ticket["number"]))["revision"] == seen[-1]["revision"] < note


async def test_what_one_may_not_see_is_not_explained(
    requester: httpx2.AsyncClient, stranger: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    path = f"/api/tickets/{ticket['number']}/notifications/why"
    note = await reply(agent, ticket, internal=True)

    assert_problem(await requester.get(path, params={"revision": note}), 404, "not_found")
    assert_problem(await requester.get(path, params={"revision": 999}), 404, "not_found")
    assert_problem(await stranger.get(path), 404, "ticket_not_found")
    assert_problem(await agent.get("/api/tickets/1/notifications/why"), 404, "ticket_not_found")
    for revision in ("0", "x", str(2**31), "-1"):
        assert_problem(await agent.get(path, params={"revision": revision}), 422, "invalid")
