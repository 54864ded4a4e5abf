"""Ratings over HTTP: what its requester says of how a ticket was handled, who may say it, and who learns of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from database.report_log import ReportLog
from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, ticket_of, timeline_of
from tests.api.inboxes import inbox_of, told_of
from tests.api.listening import stream_server

COMMENT = "Five weeks for a toner."


@pytest.fixture
async def resolved(agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> dict[str, Any]:
    """The requester's ticket in team `support`, which its agent has resolved."""
    await do(agent, ticket["number"], "claim")
    return await do(agent, ticket["number"], "status", {"status": "resolved"})


@pytest.fixture
async def watched(
    api: ApiDesk, agent: httpx2.AsyncClient, resolved: dict[str, Any]
) -> AsyncIterator[httpx2.AsyncClient]:
    """A requester who watches the other one's ticket."""
    watcher = api.people["requester2"].id
    added = await agent.put(f"/api/tickets/{resolved['number']}/watchers/{watcher}")
    assert added.status_code == 200, added.text
    async with api.client("requester2") as client:
        yield client


async def rate(client: httpx2.AsyncClient, ticket: dict[str, Any], body: Any, **headers: str) -> httpx2.Response:
    return await client.post(f"/api/tickets/{ticket['number']}/rating", json=body, headers=headers)


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


async def test_its_requester_rates_a_resolved_ticket_and_both_sides_see_it(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, resolved: dict[str, Any]
) -> None:
    assert resolved["satisfaction"] is None

    answer = await rate(requester, resolved, {"score": 2, "comment": f"  {COMMENT} "})

    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert answer.headers["ETag"] == f'"{told["revision"]}"'
    assert told["satisfaction"] == {"score": 2, "comment": COMMENT, "rated_at": told["updated_at"]}
    assert (told["status"], told["revision"]) == ("resolved", resolved["revision"] + 1)
    assert (await ticket_of(agent, resolved["number"]))["satisfaction"] == told["satisfaction"]
    entry = (await timeline_of(agent, resolved["number"]))[-1]
    assert (entry["type"], entry["internal"], entry["body"]) == ("ticket.rated", False, COMMENT)
    spoken = {"score": 2, "rated_at": told["updated_at"]}
    assert entry["change"] == {"satisfaction": spoken, "previous_score": None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"score": 0},
        {"score": 6},
        {"score": 3.5},
        {"score": 4.0},
        {"score": "4"},
        {"score": True},
        {"score": None},
        {"score": 3, "comment": " "},
        {"score": 3, "comment": "\0"},
        {"score": 3, "comment": "x" * 50_001},
        {"score": 3, "by": "somebody"},
    ],
    ids=lambda body: str(body)[:40],
)
async def test_what_is_no_rating_is_refused(
    requester: httpx2.AsyncClient, resolved: dict[str, Any], body: dict[str, Any]
) -> None:
    assert_problem(await rate(requester, resolved, body), 422, "invalid")

    assert (await ticket_of(requester, resolved["number"]))["revision"] == resolved["revision"]


async def test_an_open_ticket_is_not_rated_and_a_closed_one_is(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    refused = assert_problem(await rate(requester, ticket, {"score": 5}), 409, "ticket_not_resolved")
    assert refused["detail"] == f"Ticket {ticket['number']} is new; you can rate it when it is resolved."
    for status in ("resolved", "closed"):
        await do(agent, ticket["number"], "status", {"status": status})

    told = await do(requester, ticket["number"], "rating", {"score": 5})

    assert (told["status"], told["satisfaction"]["score"]) == ("closed", 5)


async def test_a_resolution_of_long_ago_is_not_rated_any_more(
    api: ApiDesk, requester: httpx2.AsyncClient, resolved: dict[str, Any]
) -> None:
    number = resolved["number"]
    await api.parts.pool.execute(
        "update tickets set resolved_at = resolved_at - interval '30 days', held_open = true where number = $1", number
    )
    state = await api.parts.tickets.state(number)
    assert state is not None
    await api.parts.workflows.reload(state)

    refused = assert_problem(await rate(requester, resolved, {"score": 5}), 409, "rating_window_passed")

    assert "more than 30 days ago" in refused["detail"]


async def test_nobody_but_its_requester_rates_a_ticket(
    agent: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    admin: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    watched: httpx2.AsyncClient,
    resolved: dict[str, Any],
) -> None:
    for other in (agent, supervisor, admin, watched):
        refused = assert_problem(await rate(other, resolved, {"score": 5, "comment": "Me!"}), 403, "forbidden")
        assert refused["detail"] == "Only its requester may rate how a ticket was handled."
    assert_problem(await rate(billing_agent, resolved, {"score": 5}), 404, "ticket_not_found")
    assert (await ticket_of(agent, resolved["number"]))["satisfaction"] is None


async def test_a_colleague_of_the_organisation_does_not_rate_it(
    api: ApiDesk, admin: httpx2.AsyncClient, resolved: dict[str, Any]
) -> None:
    slug = f"org-{uuid4().hex[:8]}"
    await admin.post("/api/organisations", json={"slug": slug, "name": "Acme"})
    requester, colleague = (f"/api/users/{api.people[name].id}" for name in ("requester", "requester2"))
    await admin.patch(requester, json={"organisation": slug})
    await admin.patch(colleague, json={"organisation": slug, "sees_organisation": True})
    try:
        async with api.client("requester2") as client:
            assert (await ticket_of(client, resolved["number"]))["status"] == "resolved"
            assert_problem(await rate(client, resolved, {"score": 5}), 403, "forbidden")
    finally:
        await admin.patch(requester, json={"organisation": None})
        await admin.patch(colleague, json={"organisation": None, "sees_organisation": False})


async def test_a_supervisor_rates_their_own_ticket_as_its_requester(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    number = (await opened(supervisor, team="support"))["number"]
    await do(agent, number, "claim")
    await do(agent, number, "status", {"status": "resolved"})

    assert (await do(supervisor, number, "rating", {"score": 4}))["satisfaction"]["score"] == 4


@pytest.mark.parametrize("what", ["claim", "escalate"], ids=["had it", "nobody had it"])
async def test_nobody_rates_what_they_resolved_themselves(supervisor: httpx2.AsyncClient, what: str) -> None:
    ticket = await opened(supervisor, team="support")
    await do(supervisor, ticket["number"], what)
    await do(supervisor, ticket["number"], "status", {"status": "resolved"})

    assert_problem(await rate(supervisor, ticket, {"score": 5}), 403, "own_work")


async def test_another_rating_replaces_the_first_with_its_comment(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, resolved: dict[str, Any]
) -> None:
    number = resolved["number"]
    await do(requester, number, "rating", {"score": 1, "comment": COMMENT})
    await do(requester, number, "rating", {"score": 4})
    await do(agent, number, "status", {"status": "open"})
    reopened = await ticket_of(requester, number)
    assert_problem(await rate(requester, resolved, {"score": 5}), 409, "ticket_not_resolved")
    await do(agent, number, "status", {"status": "resolved"})

    again = await do(requester, number, "rating", {"score": 4, "comment": "Better."})

    assert (reopened["satisfaction"]["score"], reopened["satisfaction"]["comment"]) == (4, None)
    assert (again["satisfaction"]["score"], again["satisfaction"]["comment"]) == (4, "Better.")
    changes = [one["change"] for one in await timeline_of(agent, number) if one["type"] == "ticket.rated"]
    assert [(one["previous_score"], one["satisfaction"]["score"]) for one in changes] == [(None, 1), (1, 4), (4, 4)]


async def test_a_rating_sent_again_has_one_effect(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, resolved: dict[str, Any]
) -> None:
    body, headers = {"score": 3, "comment": COMMENT}, key()
    first = await rate(requester, resolved, body, **headers)
    await do(agent, resolved["number"], "replies", {"body": "Sorry.", "internal": True})

    answers = await asyncio.gather(*(rate(requester, resolved, body, **headers) for _ in range(4)))

    assert first.status_code == 200, first.text
    assert [answer.json()["satisfaction"] for answer in answers] == [first.json()["satisfaction"]] * 4
    types = [entry["type"] for entry in await timeline_of(agent, resolved["number"])]
    assert types.count("ticket.rated") == 1
    reused = await rate(requester, resolved, {**body, "score": 4}, **headers)
    assert_problem(reused, 422, "idempotency_key_reused")
    assert (await ticket_of(agent, resolved["number"]))["satisfaction"]["score"] == 3


async def test_a_rating_of_what_has_changed_since_is_refused_when_it_says_so(
    requester: httpx2.AsyncClient, resolved: dict[str, Any]
) -> None:
    stale, present = ({"If-Match": f'"{resolved["revision"] + more}"'} for more in (-1, 0))

    assert_problem(await rate(requester, resolved, {"score": 3}, **stale), 412)
    assert (await rate(requester, resolved, {"score": 3}, **present)).status_code == 200


async def test_others_who_see_the_ticket_see_the_score_and_not_the_comment(
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    watched: httpx2.AsyncClient,
    resolved: dict[str, Any],
) -> None:
    number = resolved["number"]
    told = await do(requester, number, "rating", {"score": 2, "comment": COMMENT})

    seen = await ticket_of(watched, number)
    listed = (await watched.get("/api/tickets", params={"limit": 200})).json()["items"]
    entry = (await timeline_of(watched, number))[-1]

    assert seen["satisfaction"] == {**told["satisfaction"], "comment": None}
    assert [one["satisfaction"] for one in listed if one["number"] == number] == [seen["satisfaction"]]
    assert (entry["type"], entry["body"]) == ("ticket.rated", None)
    assert (await timeline_of(requester, number))[-1]["body"] == COMMENT
    for client in (requester, agent):
        answer = await client.get("/api/tickets", params={"limit": 200})
        found = [one["satisfaction"] for one in answer.json()["items"] if one["number"] == number]
        assert found == [told["satisfaction"]]


async def test_who_had_the_ticket_hears_of_it_and_supervisors_of_a_low_score(
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    colleague: httpx2.AsyncClient,
    resolved: dict[str, Any],
) -> None:
    number = resolved["number"]
    name = f"Robin Requester rated #{number} The printer is on fire"
    await do(supervisor, number, "unassign")
    await do(requester, number, "rating", {"score": 3})
    assert await told_of(supervisor, resolved, type="rated") == []
    await do(requester, number, "rating", {"score": 1, "comment": COMMENT})

    assert await told_of(agent, resolved, type="rated") == [f"{name} 3 of 5", f"{name} 1 of 5"]
    assert await told_of(supervisor, resolved, type="rated") == [f"{name} 1 of 5"]
    assert await told_of(colleague, resolved, type="rated") == []
    assert COMMENT not in str(await inbox_of(agent, ticket=number))


async def test_the_stream_tells_both_sides_the_score_and_nobody_the_comment(
    api: ApiDesk,
    api_settings: Settings,
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    resolved: dict[str, Any],
) -> None:
    number = resolved["number"]
    async with (
        stream_server(api_settings) as server,
        server.listen(api.headers("requester"), "?topics=tickets") as theirs,
        server.listen(api.headers("agent"), "?topics=tickets") as desks,
        server.listen(api.headers("requester2"), "?topics=tickets") as strangers,
    ):
        told = await do(requester, number, "rating", {"score": 5, "comment": COMMENT})
        async with api.client("requester2") as stranger:
            own = (await opened(stranger))["number"]
        heard = [(await stream.until_event("ticket.rated", number))[-1] for stream in (theirs, desks)]
        unheard = await strangers.until_event("ticket.opened", own)

    spoken = {"score": 5, "rated_at": told["satisfaction"]["rated_at"]}
    assert [one.data["change"] for one in heard] == [{"satisfaction": spoken, "previous_score": None}] * 2
    assert [one.data["revision"] for one in heard] == [told["revision"]] * 2
    assert COMMENT not in str([one.data for one in heard])
    assert number not in [one.data.get("ticket") for one in unheard]


async def test_it_is_a_fact_of_the_ticket_that_stays_with_whom_it_judges(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, resolved: dict[str, Any]
) -> None:
    number = resolved["number"]
    await do(agent, number, "assign", {"assignee": str(api.people["agent2"].id)})
    told = await do(requester, number, "rating", {"score": 4})

    reports = ReportLog(api.parts.pool)
    row = None
    while row is None or row["rating"] is None:
        await reports.catch_up()
        row = await api.parts.pool.fetchrow(
            "select rating, rated_at, rated_resolver_id, rated_team from ticket_facts where number = $1", number
        )
    assert (row["rating"], row["rated_resolver_id"], row["rated_team"]) == (4, api.people["agent"].id, "support")
    assert row["rated_at"].isoformat().replace("+00:00", "Z") == told["satisfaction"]["rated_at"]
