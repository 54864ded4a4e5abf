"""Who sees and does what, over HTTP."""

from typing import Any

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, do, numbers, opened, ticket_of, timeline_of

COMMANDS: dict[str, Any] = {
    "replies": {"body": "hello"},
    "status": {"status": "open"},
    "assign": {"assignee": "00000000-0000-4000-8000-000000000000"},
    "unassign": {},
    "claim": {},
    "escalate": {},
    "de-escalate": {},
    "snooze": {},
    "wake": {},
}
DESK_ONLY = ("assign", "unassign", "claim", "escalate", "de-escalate", "snooze", "wake")
READS = ("", "/timeline", "/pending", "/commands/00000000-0000-4000-8000-000000000000")


async def test_a_stranger_is_told_that_there_is_no_such_ticket(
    stranger: httpx2.AsyncClient, billing_agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    path = f"/api/tickets/{ticket['number']}"
    for person in (stranger, billing_agent):
        answers = [await person.get(path + read) for read in READS]
        answers += [await person.post(f"{path}/{what}", json=body) for what, body in COMMANDS.items()]
        answers += [
            await person.patch(path, json={"title": "mine"}),
            await person.get(f"/api/events?ticket={ticket['number']}"),
        ]
        for answer in answers:
            assert_problem(answer, 404, "ticket_not_found")
        assert ticket["number"] not in numbers((await person.get("/api/tickets?limit=200")).json()["items"])


async def test_the_answer_is_the_same_for_a_ticket_that_does_not_exist(
    stranger: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    hidden = (await stranger.get(f"/api/tickets/{ticket['number']}")).json()
    missing = (await stranger.get("/api/tickets/999")).json()

    assert hidden == missing | {"detail": hidden["detail"]}
    assert hidden["detail"].replace(str(ticket["number"]), "999") == missing["detail"]


@pytest.mark.parametrize("what", DESK_ONLY)
async def test_a_requester_may_not_do_the_desks_work(
    requester: httpx2.AsyncClient, ticket: dict[str, Any], what: str
) -> None:
    assert_problem(
        await requester.post(f"/api/tickets/{ticket['number']}/{what}", json=COMMANDS[what]), 403, "forbidden"
    )
    assert (await ticket_of(requester, ticket["number"]))["revision"] == 1


@pytest.mark.parametrize("status", ["pending", "on_hold", "new"])
async def test_a_requester_may_not_set_the_desks_statuses(
    requester: httpx2.AsyncClient, ticket: dict[str, Any], status: str
) -> None:
    answer = await requester.post(f"/api/tickets/{ticket['number']}/status", json={"status": status})

    assert_problem(answer, 403, "forbidden")


@pytest.mark.parametrize(
    "edit",
    [{"team": "billing"}, {"team": None}, {"tags": ["vip"]}, {"estimated_minutes": 5}, {"required_skills": ["x"]}],
)
async def test_a_requester_may_not_edit_what_the_desk_decides(
    requester: httpx2.AsyncClient, ticket: dict[str, Any], edit: dict[str, Any]
) -> None:
    assert_problem(await requester.patch(f"/api/tickets/{ticket['number']}", json=edit), 403, "forbidden")


async def test_a_requester_may_write_edit_resolve_and_reopen(
    requester: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    number = ticket["number"]
    edit = {"title": "The printer was on fire", "priority": "high", "category": "technical", "due_at": None}
    assert (await requester.patch(f"/api/tickets/{number}", json=edit)).status_code == 200
    await do(requester, number, "replies", {"body": "It is out."})
    assert (await do(requester, number, "status", {"status": "resolved"}))["allowed_transitions"] == ["open", "closed"]
    assert (await do(requester, number, "status", {"status": "open"}))["status"] == "open"


async def test_allowed_transitions_are_what_this_reader_may_set(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    for person in (requester, agent):
        seen = await ticket_of(person, ticket["number"])
        for status in seen["allowed_transitions"]:
            fresh = await opened(requester, team="support")
            await do(person, fresh["number"], "status", {"status": status})


async def test_notes_are_never_shown_to_requesters(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    number = ticket["number"]
    assert_problem(
        await requester.post(f"/api/tickets/{number}/replies", json={"body": "x", "internal": True}), 403, "forbidden"
    )
    await do(agent, number, "replies", {"body": "Plantednote", "internal": True})
    await do(agent, number, "replies", {"body": "Come by at three."})

    shown = await timeline_of(requester, number)
    assert [entry["type"] for entry in shown] == ["ticket.opened", "ticket.replied", "ticket.status_changed"]
    desk = await timeline_of(agent, number)
    assert [(entry["type"], entry["body"]) for entry in desk if entry["internal"]] == [
        ("ticket.noted", "Plantednote"),
        ("ticket.sla_changed", None),
    ]
    for path in ("", "/timeline", "/pending"):
        assert "Plantednote" not in (await requester.get(f"/api/tickets/{number}{path}")).text
    assert "Plantednote" not in (await requester.get("/api/tickets?q=Plantednote")).text
    assert (await requester.get("/api/tickets?q=Plantednote")).json()["items"] == []


async def test_everybody_sees_the_tickets_that_are_theirs_to_see(
    api: ApiDesk, requester: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> None:
    support, billing = await opened(requester, team="support"), await opened(requester, team="billing")
    unrouted = await opened(requester)
    expected = {
        "admin": {support["number"], billing["number"], unrouted["number"]},
        "supervisor": {support["number"], billing["number"], unrouted["number"]},
        "agent": {support["number"], unrouted["number"]},
        "agent3": {billing["number"], unrouted["number"]},
        "requester": {support["number"], billing["number"], unrouted["number"]},
        "requester2": set(),
    }
    ours = expected["admin"]

    for name, visible in expected.items():
        async with api.client(name) as person:
            listed = numbers((await person.get("/api/tickets?limit=200&sort=-number")).json()["items"])
            assert set(listed) & ours == visible, name
            for number in ours:
                status = (await person.get(f"/api/tickets/{number}")).status_code
                assert status == (200 if number in visible else 404), name


async def test_only_the_desk_opens_for_others(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    other = str(api.people["requester2"].id)

    assert_problem(await requester.post("/api/tickets", json={"title": "x", "requester": other}), 403, "forbidden")
    made = await opened(agent, requester=other)

    assert made["requester"] == {"id": other, "name": "Rita Requester"}
    async with api.client("requester2") as whom:
        assert (await ticket_of(whom, made["number"]))["number"] == made["number"]


async def test_people_teams_and_categories_are_the_admins_to_change(api: ApiDesk) -> None:
    person = str(api.people["requester2"].id)
    for name in ("requester", "agent", "supervisor"):
        async with api.client(name) as client:
            answers = [
                await client.get("/api/users"),
                await client.post(
                    "/api/users",
                    json={"email": "x@example.com", "name": "x", "role": "admin", "password": "long enough"},
                ),
                await client.patch(f"/api/users/{person}", json={"role": "admin"}),
                await client.post("/api/teams", json={"slug": "mine", "name": "Mine"}),
                await client.post("/api/categories", json={"slug": "mine", "name": "Mine"}),
            ]
            for answer in answers:
                assert_problem(answer, 403, "forbidden")
            assert (await client.get("/api/teams")).status_code == 200
            assert (await client.get("/api/categories")).status_code == 200
            assert (await client.get("/api/agents")).status_code == (403 if name == "requester" else 200)
