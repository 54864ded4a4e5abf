"""Opening, listing, reading and editing tickets, and everything one does to them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, do, numbers, opened, still, ticket_of, timeline_of

FIELDS = {
    "number", "title", "description", "status", "priority", "category", "team", "organisation", "requester", "assignee",
    "required_skills", "estimated_minutes", "due_at", "tags", "escalation_level", "sla_state", "next_due_at", "sla",
    "allowed_transitions", "revision", "created_at", "updated_at", "first_responded_at", "resolved_at", "closed_at",
    "snoozed", "snoozed_until", "assigned_at", "offer", "satisfaction",
}  # fmt: skip


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat().replace("+00:00", "Z")


async def test_a_ticket_is_opened_with_everything_one_can_say(api: ApiDesk, requester: httpx2.AsyncClient) -> None:
    asked = {
        "title": "  The printer is on fire  ",
        "description": "Since nine.\nÜmläute, 絵文字 🎫 and 'quotes'; drop table tickets",
        "priority": "urgent",
        "category": "technical",
        "team": "network",
        "due_at": in_days(3),
        "required_skills": ["printers", "fire"],
        "estimated_minutes": 30,
        "tags": ["third_floor", "2nd-try"],
    }

    answer = await requester.post("/api/tickets", json=asked)

    ticket = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/tickets/{ticket['number']}"
    assert answer.headers["ETag"] == '"1"'
    assert ticket.keys() == FIELDS
    assert ticket | asked == ticket | {"title": "  The printer is on fire  "}
    assert ticket["title"] == "The printer is on fire"
    assert (ticket["status"], ticket["revision"], ticket["assignee"]) == ("new", 1, None)
    assert ticket["requester"] == {"id": str(api.people["requester"].id), "name": "Robin Requester"}
    assert ticket["next_due_at"] == min(asked["due_at"], *[clock["due_at"] for clock in ticket["sla"]])
    assert still(await ticket_of(requester, ticket["number"])) == still(ticket)


async def test_moments_are_spoken_in_utc(requester: httpx2.AsyncClient) -> None:
    ticket = await opened(requester, due_at="2150-06-01T12:00:00+02:00")

    assert ticket["due_at"] == "2150-06-01T10:00:00Z"
    assert ticket["created_at"].endswith("Z")


async def test_an_edit_changes_what_it_names(agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    path = f"/api/tickets/{ticket['number']}"

    first = await agent.patch(path, json={"title": "New title", "tags": ["a", "b"], "due_at": in_days(1)})
    assert first.status_code == 200
    assert first.headers["ETag"] == f'"{first.json()["revision"]}"'
    assert (first.json()["title"], first.json()["description"]) == ("New title", ticket["description"])
    second = (await agent.patch(path, json={"description": "More", "due_at": None, "estimated_minutes": 5})).json()
    assert (second["title"], second["description"], second["due_at"], second["estimated_minutes"]) == (
        "New title", "More", None, 5,
    )  # fmt: skip
    assert second["tags"] == ["a", "b"]
    third = (await agent.patch(path, json={"tags": [], "estimated_minutes": None})).json()
    assert (third["tags"], third["estimated_minutes"]) == ([], None)
    assert still((await agent.patch(path, json={})).json()) == still(third)
    assert still((await agent.patch(path, json={"title": "New title"})).json()) == still(third)


async def test_another_team_returns_the_ticket_to_that_teams_queue(
    api: ApiDesk, supervisor: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    number = ticket["number"]
    await do(supervisor, number, "assign", {"assignee": str(api.people["agent"].id)})

    moved = (await supervisor.patch(f"/api/tickets/{number}", json={"team": "billing"})).json()
    assert (moved["team"], moved["assignee"]) == ("billing", None)
    nowhere = (await supervisor.patch(f"/api/tickets/{number}", json={"team": None})).json()
    assert nowhere["team"] is None


async def test_a_conversation(
    api: ApiDesk, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    number = ticket["number"]

    answer = await agent.post(f"/api/tickets/{number}/replies", json={"body": "  Which printer?  "})
    reply = answer.json()
    assert answer.status_code == 201
    assert reply == {
        "id": reply["id"], "ticket": number, "revision": 2, "body": "Which printer?", "internal": False,
        "author": {"id": str(api.people["agent"].id), "name": "Alex Agent"}, "created_at": reply["created_at"],
        "mentions": [],
    }  # fmt: skip
    seen = await ticket_of(requester, number)
    assert (seen["status"], seen["first_responded_at"]) == ("open", reply["created_at"])
    await do(agent, number, "status", {"status": "pending"})
    await do(requester, number, "replies", {"body": "The one on fire."})
    assert (await ticket_of(agent, number))["status"] == "open"
    await do(agent, number, "status", {"status": "resolved"})
    await do(requester, number, "replies", {"body": "Still burning."})
    assert (await ticket_of(agent, number))["status"] == "open"
    timeline = await timeline_of(agent, number)
    assert [entry["body"] for entry in timeline if entry["type"] == "ticket.replied"] == [
        "Which printer?", "The one on fire.", "Still burning.",
    ]  # fmt: skip
    assert [entry["revision"] for entry in timeline] == list(range(1, len(timeline) + 1))


async def test_assignment(api: ApiDesk, agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    number, path = ticket["number"], f"/api/tickets/{ticket['number']}"
    agent2, agent3 = str(api.people["agent2"].id), str(api.people["agent3"].id)

    assert (await do(agent, number, "assign", {"assignee": agent2}))["assignee"] == {"id": agent2, "name": "Ana Agent"}
    assert_problem(await agent.post(f"{path}/claim"), 409, "already_assigned")
    assert (await do(agent, number, "unassign"))["assignee"] is None
    claimed = await agent.post(f"{path}/claim")
    assert claimed.json()["assignee"]["id"] == str(api.people["agent"].id)
    for unfit in (agent3, str(api.people["requester"].id), "00000000-0000-4000-8000-000000000000"):
        assert_problem(await agent.post(f"{path}/assign", json={"assignee": unfit}), 409, "assignee_unavailable")
    assert (await do(agent, number, "assign", {"assignee": str(api.people["supervisor"].id)}))["assignee"]


async def test_escalation_and_snooze(agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    number, path = ticket["number"], f"/api/tickets/{ticket['number']}"
    until = in_days(1)

    assert (await do(agent, number, "escalate"))["escalation_level"] == 1
    assert (await do(agent, number, "escalate", {"level": 3}))["escalation_level"] == 3
    assert_problem(await agent.post(f"{path}/escalate"), 409, "escalation_limit")
    assert (await do(agent, number, "de-escalate"))["escalation_level"] == 0
    snoozed = await do(agent, number, "snooze", {"until": until})
    assert (snoozed["snoozed"], snoozed["snoozed_until"]) == (True, until)
    pending = (await agent.get(f"{path}/pending")).json()["items"]
    assert (until, "wake") in [(moment["at"], moment["kind"]) for moment in pending]
    assert all(moment["cause"] for moment in pending)
    assert (await do(agent, number, "wake"))["snoozed"] is False
    assert_problem(await agent.post(f"{path}/wake"), 409, "not_snoozed")
    assert (await do(agent, number, "snooze"))["snoozed_until"] is None
    assert_problem(await agent.post(f"{path}/snooze", json={"until": in_days(-1)}), 422, "moment_passed")


async def test_resolving_closing_and_reopening(agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    number, path = ticket["number"], f"/api/tickets/{ticket['number']}"

    assert_problem(await agent.post(f"{path}/status", json={"status": "closed"}), 409, "illegal_transition")
    resolved = await do(agent, number, "status", {"status": "resolved"})
    assert resolved["resolved_at"] is not None
    assert [moment["kind"] for moment in (await agent.get(f"{path}/pending")).json()["items"]] == ["auto_close"]
    assert_problem(await agent.post(f"{path}/snooze"), 409, "ticket_resolved")
    closed = await do(agent, number, "status", {"status": "closed"})
    assert (closed["allowed_transitions"], closed["closed_at"] is not None) == (["open"], True)
    assert_problem(await agent.post(f"{path}/replies", json={"body": "late"}), 409, "ticket_closed")
    assert_problem(await agent.patch(path, json={"priority": "low"}), 409, "ticket_closed")
    assert (await do(agent, number, "status", {"status": "closed"}))["revision"] == closed["revision"]
    reopened = await do(agent, number, "status", {"status": "open"})
    assert (reopened["resolved_at"], reopened["closed_at"]) == (None, None)


async def test_if_match_protects_what_somebody_else_changed(
    agent: httpx2.AsyncClient, requester: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    number, path = ticket["number"], f"/api/tickets/{ticket['number']}"
    etag = (await agent.get(path)).headers["ETag"]
    await do(requester, number, "replies", {"body": "By the way ..."}, **{"If-Match": etag})

    stale = [
        await agent.patch(path, json={"title": "x"}, headers={"If-Match": etag}),
        await agent.post(f"{path}/status", json={"status": "resolved"}, headers={"If-Match": etag}),
        await agent.post(f"{path}/replies", json={"body": "x"}, headers={"If-Match": "1"}),
        await agent.post(f"{path}/claim", headers={"If-Match": f"W/{etag}"}),
    ]

    for answer in stale:
        assert_problem(answer, 412, "stale_revision")
    assert (await ticket_of(agent, number))["revision"] == 2
    fresh = (await agent.get(path)).headers["ETag"]
    assert (await agent.post(f"{path}/claim", headers={"If-Match": fresh})).status_code == 200
    assert (await agent.post(f"{path}/unassign", headers={"If-Match": "*"})).status_code == 200


async def test_what_became_of_a_command_can_be_asked(
    api: ApiDesk, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    number = ticket["number"]
    await do(agent, number, "escalate", **{"Idempotency-Key": f"ask-{number}"})
    command = await api.parts.pool.fetchval(
        "select id from ticket_commands where ticket_number = $1 and revision = 2", number
    )

    done = (await agent.get(f"/api/tickets/{number}/commands/{command}")).json()
    unknown = (await agent.get(f"/api/tickets/{number}/commands/00000000-0000-4000-8000-000000000000")).json()

    assert done == {"command_id": str(command), "status": "done", "revision": 2}
    assert (unknown["status"], unknown["revision"]) == ("unknown", None)


# Lists.


async def every_page(client: httpx2.AsyncClient, query: str, limit: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await client.get(f"/api/tickets?{query}&limit={limit}{cursor}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


@pytest.fixture(scope="module")
async def listed(supervisor: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """Tickets of a tag of their own."""
    made = [
        await opened(
            supervisor,
            title=f"Listed {'zebra' if place % 2 else 'giraffe'} {place}",
            tags=["listed", f"place-{place}"],
            priority=("low", "normal", "high", "urgent")[place % 4],
            team=("support", "billing")[place % 2],
            category=("technical", "general")[place % 2],
            **({"due_at": f"2100-01-0{place + 1}T00:00:00Z"} if place % 3 else {}),
        )
        for place in range(7)
    ]
    await do(supervisor, made[0]["number"], "claim")
    await do(supervisor, made[1]["number"], "snooze")
    return made


@pytest.mark.parametrize(
    "sort",
    [
        "created_at", "-created_at", "updated_at", "-updated_at", "number", "-number", "due_at", "-due_at",
        "priority", "-priority",
    ],
)  # fmt: skip
async def test_every_sort_pages_through_everything_once(
    supervisor: httpx2.AsyncClient, listed: list[dict[str, Any]], sort: str
) -> None:
    whole = await every_page(supervisor, f"tag=listed&sort={sort}", 200)
    in_pages = await every_page(supervisor, f"tag=listed&sort={sort}", 2)

    assert still(in_pages) == still(whole)
    assert sorted(numbers(whole)) == sorted(numbers(listed))
    ranks = {"low": 0, "normal": 1, "high": 2, "urgent": 3}
    field = sort.removeprefix("-")
    keys = [ranks[one[field]] if field == "priority" else one[field] or "9999" for one in whole]
    assert keys == sorted(keys, reverse=sort.startswith("-"))


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("team=support", {0, 2, 4, 6}),
        ("team=support&team=billing", {0, 1, 2, 3, 4, 5, 6}),
        ("priority=urgent&priority=low", {0, 3, 4}),
        ("category=general", {1, 3, 5}),
        ("status=new&status=open", {0, 1, 2, 3, 4, 5, 6}),
        ("status=closed", set()),
        ("assignee=me", {0}),
        ("assignee=none", {1, 2, 3, 4, 5, 6}),
        ("assignee=me&assignee=none", {0, 1, 2, 3, 4, 5, 6}),
        ("requester=me", {0, 1, 2, 3, 4, 5, 6}),
        ("requester=00000000-0000-4000-8000-000000000000", set()),
        ("tag=place-3", {3}),
        ("snoozed=true", {1}),
        ("snoozed=false", {0, 2, 3, 4, 5, 6}),
        ("q=zebra", {1, 3, 5}),
        ("q=ZEBRA+-5", {1, 3}),
        ("q=zebra+or+giraffe", {0, 1, 2, 3, 4, 5, 6}),
        ("q=%22zebra+3%22", {3}),
        ("q=%27+%26+%7C+%21%28%3A%2A", set()),
        ("q=+++", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
async def test_every_filter_narrows_the_list(
    supervisor: httpx2.AsyncClient, listed: list[dict[str, Any]], query: str, places: set[int]
) -> None:
    found = await every_page(supervisor, f"tag=listed&{query}", 200)

    if query.startswith("q=%27"):  # only signs: no words to look for
        assert set(numbers(found)) <= set(numbers(listed))
        return
    assert set(numbers(found)) == {listed[place]["number"] for place in places}


async def test_a_ticket_is_found_by_its_number(supervisor: httpx2.AsyncClient, listed: list[dict[str, Any]]) -> None:
    number = listed[2]["number"]

    for query in (f"q={number}", f"q=%23{number}"):
        assert numbers(await every_page(supervisor, query, 50)) == [number]


async def test_pages_are_stable_when_tickets_are_opened_meanwhile(
    supervisor: httpx2.AsyncClient, listed: list[dict[str, Any]]
) -> None:
    before = await every_page(supervisor, "tag=listed&sort=-created_at", 200)
    first = (await supervisor.get("/api/tickets?tag=listed&sort=-created_at&limit=3")).json()
    await opened(supervisor, tags=["listed-later"])

    rest = (await supervisor.get(f"/api/tickets?tag=listed&sort=-created_at&cursor={first['next_cursor']}")).json()

    assert still(first["items"] + rest["items"]) == still(before)


async def test_the_timeline_pages_too(agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    number = ticket["number"]
    for _ in range(2):
        await do(agent, number, "escalate")
        await do(agent, number, "de-escalate")
    whole = await timeline_of(agent, number)

    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await agent.get(f"/api/tickets/{number}/timeline?limit=2{cursor}")).json()
        items += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert items == whole
    assert len(whole) == 5
    assert whole[0]["title"] == ticket["title"]
    assert whole[1]["change"] == {"escalation_level": 1}
