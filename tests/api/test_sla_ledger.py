"""What the ledger tells whom, and the proof that it holds."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from database.ticket_rows import NewWording
from domain.business_calendar import ALWAYS_OPEN
from domain.ids import PersonId, TicketNumber
from domain.lifecycle import opened as opened_ticket
from domain.sla_keeping import begin
from domain.sla_policy import Conditions, Goal, Goals, SlaPolicy, first_match
from domain.ticket import Priority
from domain.ticket_events import TicketOpened
from tests.api.desk_api import ApiDesk, assert_problem, do, opened
from tests.factories import opening_change

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
GOALS = Goals(first_response=Goal(minutes=60), resolution=Goal(minutes=240))
POLICY = SlaPolicy(
    conditions=Conditions(tags=("ledgered",)),
    goals={Priority.NORMAL: GOALS, Priority.HIGH: GOALS.model_copy(update={"first_response": Goal(minutes=30)})},
    team_goals={Priority.NORMAL: Goals(first_response=Goal(minutes=15))},
    warnings=(50, 90),
)


@pytest.fixture(scope="module", autouse=True)
async def promise(api: ApiDesk) -> AsyncIterator[None]:
    """The second version of the policy Difficult customers, above all others, for tickets with the tag `ledgered`."""
    id = await api.parts.pool.fetchval(
        "insert into sla_policies (name, place) values ('Difficult customers', -1) returning id"
    )
    for version in (1, 2):
        await api.parts.pool.execute(
            "insert into sla_policy_versions (policy_id, version, calendar_id, policy) "
            "select $1, $2, min(id), $3 from sla_calendars",
            id,
            version,
            POLICY.model_dump_json(),
        )
    await api.parts.pool.execute("update sla_edition set number = number + 1")
    yield
    await api.parts.pool.execute("update sla_policies set is_deleted = true where id = $1", id)
    await api.parts.pool.execute("update sla_edition set number = number + 1")


async def opened_before(api: ApiDesk, ago: timedelta, **changes: Any) -> int:
    """The requester's ticket, opened some time ago; nothing has happened to it since."""
    desk, at = api.parts, datetime.now(UTC) - ago
    requester, number = api.people["requester"].id, await desk.tickets.next_number()
    change = opening_change(number, at=at, requester_id=requester, team="support", tags=("ledgered",), **changes)
    event = change.events[0]
    assert isinstance(event, TicketOpened)
    ticket, offer = opened_ticket(number, event, at), await desk.terms.offer_to(PersonId(requester))
    event = event.model_copy(
        update={"sla": begin(ticket, first_match(offer.terms, ticket, offer.tier), desk.terms.zone_data)}
    )
    change = change.model_copy(update={"events": (event,), "actor": change.actor.model_copy(update={"id": requester})})
    await desk.tickets.open(change, NewWording(event.wording_id, requester, "It is cold", ""))
    return number


async def ledger_of(client: httpx2.AsyncClient, number: int) -> dict[str, Any]:
    answer = await client.get(f"/api/tickets/{number}/sla")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def check_of(client: httpx2.AsyncClient, number: int) -> dict[str, Any]:
    answer = await client.get(f"/api/sla/check/{number}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def names_of(told: dict[str, Any]) -> list[tuple[str, str, int, str]]:
    return [(clock["audience"], clock["target"], clock["cycle"], clock["state"]) for clock in told["clocks"]]


async def test_the_desk_reads_every_stretch_of_every_clock(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    number = await opened_before(api, 40 * MINUTE)
    await do(agent, number, "status", {"status": "pending"})
    await do(agent, number, "replies", {"body": "What is cold?"})

    told = await ledger_of(agent, number)

    assert (told["number"], told["is_cut"]) == (number, False)
    assert told["sentence"] == (
        "This ticket runs on policy Difficult customers (version 2) with calendar Around the clock (version 1)."
    )
    assert told["policy"] == {"name": "Difficult customers", "version": 2}
    assert told["calendar"] == {"name": "Around the clock", "version": 1}
    assert names_of(told) == [
        ("customer", "first_response", 1, "met"),
        ("customer", "resolution", 1, "paused"),
        ("team", "first_response", 1, "breached"),
    ]
    response, resolution, teams = told["clocks"]
    assert [(entry["kind"], entry["why"], entry["counted_seconds"]) for entry in resolution["entries"]] == [
        ("running", "opened", resolution["used_seconds"]),
        ("paused", "status became pending", 0),
    ]
    for clock in told["clocks"]:
        assert clock["entries"][0]["since"] == clock["started_at"]
        assert all(one["until"] == other["since"] for one, other in pairwise(clock["entries"]))
        assert clock["entries"][-1]["until"] == (clock["ended_at"] or told["at"])
        assert sum(entry["counted_seconds"] for entry in clock["entries"]) == clock["used_seconds"]
        assert {entry["policy"]["version"] for entry in clock["entries"]} == {2}
    assert [given["percent"] for given in response["warnings"]] == [50]
    assert 40 * 60 <= response["used_seconds"] < 60 * 60
    assert response["sentence"].startswith("First response was met in time at ")
    assert resolution["sentence"].startswith(
        "Resolution is paused and has no due time while it waits for the requester (status became pending); 40 min "
    )
    assert (resolution["due_at"], resolution["remaining_seconds"] > 0) == (None, True)
    assert teams["sentence"].startswith("The team's first response was met late at ")


async def test_the_ledger_dates_what_came_late_at_its_own_moment(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    number = await opened_before(api, 3 * HOUR)
    await do(agent, number, "replies", {"body": "Sorry."})

    response = (await ledger_of(agent, number))["clocks"][0]

    began = datetime.fromisoformat(response["started_at"])
    moments = [datetime.fromisoformat(given["at"]) - began for given in response["warnings"]]
    assert moments == [30 * MINUTE, 54 * MINUTE]
    assert datetime.fromisoformat(response["breached_at"]) - began == HOUR
    assert (response["state"], response["remaining_seconds"]) == ("breached", None)
    assert response["met_at"] == response["ended_at"]


async def test_the_requester_reads_the_promises_to_them_only_and_no_inner_reason(
    api: ApiDesk, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    number = await opened_before(api, 20 * MINUTE)
    await agent.patch(f"/api/tickets/{number}", json={"priority": "high"})
    await agent.patch(f"/api/tickets/{number}", json={"tags": []})

    told = await ledger_of(requester, number)

    assert names_of(told) == [
        ("customer", "first_response", 1, "running"),
        ("customer", "resolution", 1, "running"),
    ]
    assert (told["policy"], told["calendar"]) == (None, None)
    response = told["clocks"][0]
    assert [entry["why"] for entry in response["entries"]] == ["opened", "priority became high", "the terms changed"]
    assert {(entry["policy"], entry["calendar"]) for entry in response["entries"]} == {(None, None)}
    assert "Difficult" not in str(told)
    inner = (await ledger_of(agent, number))["clocks"][0]
    assert [entry["why"] for entry in inner["entries"]][-1] == "another policy fits"
    assert [entry["policy"]["name"] for entry in inner["entries"]] == ["Difficult customers"] * 2 + ["Standard"]


async def test_a_ticket_that_no_policy_fits_says_so(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    number = await opened_before(api, HOUR, priority=Priority.LOW)
    pool = api.parts.pool
    nothing = '{"policy_version": null, "calendar_version": null, "zone_data": "2026.1", "clocks": []}'
    await pool.execute(
        "update events set data = jsonb_set(data, '{sla}', $2) where ticket_number = $1", number, nothing
    )
    await pool.execute("update tickets set sla = $2 where number = $1", number, nothing)

    told = await ledger_of(agent, number)

    assert (told["clocks"], told["policy"]) == ([], None)
    assert told["sentence"] == "No SLA policy fits this ticket, so it has no clock."
    assert (await check_of(agent, number))["agrees"] is True


@pytest.mark.parametrize("path", ["/api/tickets/{}/sla", "/api/sla/check/{}"])
async def test_who_may_not_see_the_ticket_finds_none(
    path: str,
    api: ApiDesk,
    nobody: httpx2.AsyncClient,
    stranger: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    admin: httpx2.AsyncClient,
) -> None:
    number = await opened_before(api, MINUTE)

    assert_problem(await nobody.get(path.format(number)), 401)
    assert_problem(await stranger.get(path.format(number)), 404, "ticket_not_found")
    assert_problem(await billing_agent.get(path.format(number)), 404, "ticket_not_found")
    assert_problem(await admin.get(path.format(TicketNumber(2**50))), 404, "ticket_not_found")
    assert_problem(await admin.get(path.format("one")), 422)


async def test_the_desk_checks_that_what_is_stored_is_what_the_events_come_to(
    api: ApiDesk, agent: httpx2.AsyncClient
) -> None:
    number = await opened_before(api, 5 * HOUR)
    await do(agent, number, "status", {"status": "pending"})
    await agent.patch(f"/api/tickets/{number}", json={"priority": "high", "team": "support"})
    await do(agent, number, "status", {"status": "resolved"})
    await do(agent, number, "status", {"status": "open"})
    assert await check_of(agent, number) == {"number": number, "agrees": True, "differences": []}

    await api.parts.pool.execute(
        "update tickets set sla = jsonb_set(sla::jsonb, '{clocks,0,goal}', '\"PT5M\"') where number = $1", number
    )

    told = await check_of(agent, number)
    assert told["agrees"] is False
    assert told["differences"] == [
        "the ticket: first response (cycle 2): goal is stored as 0:05:00, counted anew it is 0:30:00"
    ]


async def test_the_requester_may_not_check(
    requester: httpx2.AsyncClient, billing_agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    assert_problem(await requester.get(f"/api/sla/check/{ticket['number']}"), 403, "forbidden")
    own = await opened(billing_agent, team="support", title=f"My own {uuid4()}")
    assert_problem(await billing_agent.get(f"/api/sla/check/{own['number']}"), 403, "forbidden")


async def test_around_the_clock_nothing_is_ever_closed(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    number = await opened_before(api, 30 * 24 * HOUR)

    told = await ledger_of(agent, number)

    assert ALWAYS_OPEN.zone == told["clocks"][0]["zone"]
    assert [entry["kind"] for clock in told["clocks"] for entry in clock["entries"]] == ["running"] * 3
