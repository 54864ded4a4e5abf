"""Previewing another version of a policy or a calendar, applying it to open tickets, and undoing that."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, opened, ticket_of, timeline_of
from tests.api.keys import a_key, a_service, with_key
from tests.api.sla_desk import CALENDARS, OFFICE, POLICIES, a_calendar, a_policy, added, replaced
from tests.workflows.engine_desk import eventually

ROLLOUTS = "/api/sla/rollouts"
GOALS = {"first_response": {"minutes": 30}, "resolution": {"minutes": 1000}}
ALL = ("low", "normal", "high", "urgent")


async def accepted(client: httpx2.AsyncClient, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    rollout: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"{ROLLOUTS}/{rollout['id']}"
    return rollout


async def becomes(client: httpx2.AsyncClient, rollout: dict[str, Any], status: str) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        answer = await client.get(f"{ROLLOUTS}/{rollout['id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return await eventually(read, lambda found: found["status"] == status)


def due(ticket: dict[str, Any], target: str = "resolution") -> timedelta:
    """How long after its opening the ticket's target is due."""
    (clock,) = [clock for clock in ticket["sla"] if clock["target"] == target]
    return datetime.fromisoformat(clock["due_at"]) - datetime.fromisoformat(ticket["created_at"])


@pytest.fixture
async def policy(admin: httpx2.AsyncClient) -> dict[str, Any]:
    """A policy for tickets with a tag of its own."""
    return await added(admin, POLICIES, a_policy())


def draft_of(policy: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return a_policy(conditions=policy["conditions"], calendar=policy["calendar"]) | changes


@pytest.fixture
async def held(requester: httpx2.AsyncClient, policy: dict[str, Any]) -> dict[str, Any]:
    """A ticket that runs on the policy."""
    return await opened(requester, team="support", tags=policy["conditions"]["tags"])


async def test_a_draft_is_previewed_applied_and_undone(
    admin: httpx2.AsyncClient, requester: httpx2.AsyncClient, policy: dict[str, Any], held: dict[str, Any]
) -> None:
    path, number = f"{POLICIES}/{policy['id']}", held["number"]
    assert due(held) == timedelta(minutes=240)

    draft = draft_of(policy, goals=dict.fromkeys(ALL, GOALS))
    preview = await becomes(admin, await accepted(admin, f"{path}/preview", {"draft": draft}), "previewed")
    assert (preview["tickets"], preview["moved"], preview["overdue"]) == (1, 1, 0)
    (shown,) = (await admin.get(f"{ROLLOUTS}/{preview['id']}/tickets")).json()["items"]
    assert (shown["ticket"], shown["outcome"]) == (number, None)
    assert due(await ticket_of(requester, number)) == timedelta(minutes=240), "a preview changes nothing"
    assert (await admin.get(path)).json()["goals"] == policy["goals"], "and a draft is not on offer"

    await accepted(admin, f"{path}/apply", {"rollout": preview["id"]})
    done = await becomes(admin, preview, "applied")
    assert (done["applied"], done["changed"]) == (1, 0)
    after = await ticket_of(requester, number)
    shown_due = {move["target"]: move["due_after"] for move in shown["moves"] if move["audience"] == "customer"}
    assert {clock["target"]: clock["due_at"] for clock in after["sla"]} == shown_due
    assert due(after) == timedelta(minutes=1000)
    assert due(await opened(requester, tags=policy["conditions"]["tags"])) == timedelta(minutes=1000)

    await accepted(admin, f"{ROLLOUTS}/{preview['id']}/undo", {})
    undone = await becomes(admin, preview, "undone")
    assert (undone["restored"], undone["carried"]) == (1, 0)
    assert due(await ticket_of(requester, number)) == timedelta(minutes=240)
    assert (await admin.get(path)).json()["version"] == policy["version"]
    types = [entry["type"] for entry in await timeline_of(admin, number)]
    assert types[1:] == [
        "ticket.terms_taken", "ticket.sla_changed", "ticket.terms_taken_back", "ticket.sla_changed",
    ]  # fmt: skip


async def test_a_rollout_of_a_service_bears_the_services_name(
    api: ApiDesk, admin: httpx2.AsyncClient, policy: dict[str, Any], held: dict[str, Any]
) -> None:
    path, service = f"{POLICIES}/{policy['id']}", await a_service(admin, role="admin", name="Policies as code")
    async with with_key(api, await a_key(admin, "sla:read", "sla:write", of=service)) as machine:
        draft = draft_of(policy, goals=dict.fromkeys(ALL, GOALS))
        preview = await becomes(machine, await accepted(machine, f"{path}/preview", {"draft": draft}), "previewed")
        await accepted(machine, f"{path}/apply", {"rollout": preview["id"]})
        await becomes(machine, preview, "applied")

    taken = (await timeline_of(admin, held["number"]))[1]
    assert taken["type"] == "ticket.terms_taken"
    assert taken["actor"] == {"kind": "integration", "id": service["id"], "name": "Policies as code"}


async def test_a_version_on_offer_is_applied_to_tickets_that_run_on_an_older_one(
    admin: httpx2.AsyncClient, requester: httpx2.AsyncClient, policy: dict[str, Any], held: dict[str, Any]
) -> None:
    path = f"{POLICIES}/{policy['id']}"
    await replaced(admin, POLICIES, policy, draft_of(policy, goals=dict.fromkeys(ALL, GOALS)))
    assert due(await ticket_of(requester, held["number"])) == timedelta(minutes=240)

    preview = await becomes(admin, await accepted(admin, f"{path}/preview", {}), "previewed")
    await accepted(admin, f"{path}/apply", {"rollout": preview["id"]})
    await becomes(admin, preview, "applied")

    assert due(await ticket_of(requester, held["number"])) == timedelta(minutes=1000)


async def test_a_calendar_is_previewed_and_applied(admin: httpx2.AsyncClient, requester: httpx2.AsyncClient) -> None:
    calendar = await added(admin, CALENDARS, a_calendar(week=[], always_open=True))
    policy = await added(admin, POLICIES, a_policy(calendar=calendar["id"]))
    ticket = await opened(requester, tags=policy["conditions"]["tags"])
    path = f"{CALENDARS}/{calendar['id']}"
    never_on_weekdays = [[], [], [], [], [], OFFICE[0], OFFICE[0]]

    draft = a_calendar(week=never_on_weekdays)
    preview = await becomes(admin, await accepted(admin, f"{path}/preview", {"draft": draft}), "previewed")
    await accepted(admin, f"{path}/apply", {"rollout": preview["id"]})
    record = await becomes(admin, preview, "applied")

    assert (record["calendar"], record["policy"], record["applied"]) == (calendar["id"], None, 1)
    moment = datetime.fromisoformat((await ticket_of(requester, ticket["number"]))["next_due_at"])
    assert moment.isoweekday() in (6, 7)
    assert (await admin.get(path)).json()["week"][5] == OFFICE[0]


async def test_tickets_of_other_policies_are_left_alone(
    admin: httpx2.AsyncClient, requester: httpx2.AsyncClient, policy: dict[str, Any]
) -> None:
    await opened(requester)

    path = f"{POLICIES}/{policy['id']}/preview"
    draft = draft_of(policy, goals=dict.fromkeys(ALL, GOALS))
    preview = await becomes(admin, await accepted(admin, path, {"draft": draft}), "previewed")

    assert preview["tickets"] == 0


async def test_the_same_key_is_the_same_preview(admin: httpx2.AsyncClient, policy: dict[str, Any]) -> None:
    path, key = f"{POLICIES}/{policy['id']}/preview", {"Idempotency-Key": uuid4().hex}

    first = await accepted(admin, path, {}, **key)
    again = await accepted(admin, path, {}, **key)

    assert first["id"] == again["id"]
    assert_problem(await admin.post(path, json={"moves_ladders": True}, headers=key), 422, "idempotency_key_reused")


async def test_what_cannot_be_done_is_refused(
    admin: httpx2.AsyncClient, agent: httpx2.AsyncClient, policy: dict[str, Any]
) -> None:
    path = f"{POLICIES}/{policy['id']}"
    preview = await becomes(admin, await accepted(admin, f"{path}/preview", {}), "previewed")
    chosen = {"rollout": preview["id"]}
    other = await added(admin, POLICIES, a_policy())

    assert_problem(await admin.post(f"{ROLLOUTS}/{preview['id']}/undo", json={}), 409, "rollout_state")
    assert_problem(await admin.post(f"{POLICIES}/{other['id']}/apply", json=chosen), 409, "conflict")
    assert_problem(await admin.post(f"{path}/apply", json=chosen), 409, "preview_outdated")
    assert_problem(await admin.post(f"{path}/apply", json={"rollout": 2**31 - 1}), 404, "not_found")
    assert_problem(await admin.post(f"{path}/apply", json={}), 422, "invalid")
    assert_problem(await admin.post(f"{POLICIES}/{2**31 - 1}/preview", json={}), 404, "not_found")
    bad = draft_of(policy, goals={"normal": {"resolution": {"minutes": 0}}})
    assert_problem(await admin.post(f"{path}/preview", json={"draft": bad}), 422, "invalid")
    assert_problem(await admin.get(f"{ROLLOUTS}/{2**31 - 1}"), 404, "not_found")
    for answer in (
        await agent.post(f"{path}/preview", json={}),
        await agent.post(f"{path}/apply", json=chosen),
        await agent.get(f"{ROLLOUTS}/{preview['id']}"),
        await agent.get(f"{ROLLOUTS}/{preview['id']}/tickets"),
        await agent.post(f"{ROLLOUTS}/{preview['id']}/undo", json={}),
    ):
        assert_problem(answer, 403, "forbidden")
