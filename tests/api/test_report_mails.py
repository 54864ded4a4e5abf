"""Mailed reports over HTTP: who may, what is kept, what is refused, and how somebody leaves."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem

MAILS = "/api/reports/mails"


@pytest.fixture(autouse=True)
async def no_mails(api: ApiDesk) -> AsyncIterator[None]:
    yield
    await api.parts.pool.execute("delete from report_mails")


def a_mail(api: ApiDesk, *names: str, **changes: Any) -> dict[str, Any]:
    return {
        "report": "tickets",
        "period": "last_week",
        "zone": "Europe/Berlin",
        "cadence": {"every": "week", "weekdays": [0], "hour": 7},
        "recipients": [str(api.people[name].id) for name in names or ("agent",)],
        **changes,
    }


async def added(client: httpx2.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(MAILS, json=body)
    assert answer.status_code == 201, answer.text
    mail: dict[str, Any] = answer.json()
    return mail


async def test_a_mail_is_added_read_changed_and_removed(api: ApiDesk, supervisor: httpx2.AsyncClient) -> None:
    mail = await added(supervisor, a_mail(api, "agent", "supervisor", attachment="xlsx", group_by="team"))
    address = f"{MAILS}/{mail['id']}"

    assert mail["owner_id"] == str(api.people["supervisor"].id)
    assert (mail["revision"], mail["is_active"], mail["compare"], len(mail["recipients"])) == (1, True, True, 2)
    read = await supervisor.get(address)
    assert (read.json(), read.headers["etag"]) == (mail, '"1"')
    assert (await supervisor.get(MAILS)).json() == {"items": [mail]}

    body = a_mail(api, "agent2", is_active=False)
    changed = await supervisor.put(address, json=body, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"'), changed.text
    assert changed.json()["recipients"] == [str(api.people["agent2"].id)]
    assert changed.json()["is_active"] is False
    assert_problem(await supervisor.put(address, json=body, headers={"If-Match": '"1"'}), 412)
    assert_problem(await supervisor.delete(address, headers={"If-Match": '"1"'}), 412)

    assert (await supervisor.delete(address)).status_code == 204
    assert_problem(await supervisor.get(address), 404)
    actions = await api.parts.pool.fetch(
        "select action from audit_entries where subject_kind = 'report_mail' and subject_id = $1", mail["id"]
    )
    assert {"report_mail.made", "report_mail.changed", "report_mail.deleted"} <= {row[0] for row in actions}


async def test_it_is_added_once_under_a_key(api: ApiDesk, supervisor: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    one, other = [await supervisor.post(MAILS, json=a_mail(api), headers=key) for _ in range(2)]

    assert one.json() == other.json()


@pytest.mark.parametrize(
    "changes",
    [
        {"report": "weather"},
        {"recipients": []},
        {"recipients": [str(uuid4())]},
        {"recipients": [str(uuid4()) for _ in range(51)]},
        {"zone": "Mars/Olympus"},
        {"group_by": "score"},
        {"report": "agents", "group_by": "team"},
        {"filters": {"team": ["no-such-team"]}},
        {"cadence": {"every": "month", "hour": 7}},
        {"period": "tomorrow"},
        {"period": "next_7_days"},
        {"report": "forecast"},
        {"report": "forecast", "period": "next_7_days", "group_by": "team"},
        {"report": "forecast", "period": "next_7_days", "filters": {"team": ["no-such-team"]}},
        {"attachment": "pdf"},
        {"unknown": 1},
    ],
)
async def test_what_cannot_be_sent_is_refused(
    api: ApiDesk, supervisor: httpx2.AsyncClient, changes: dict[str, Any]
) -> None:
    assert_problem(await supervisor.post(MAILS, json=a_mail(api, **changes)), 422)


async def test_a_forecast_may_be_mailed(api: ApiDesk, supervisor: httpx2.AsyncClient) -> None:
    body = a_mail(api, report="forecast", period="next_7_days", filters={"team": ["support"]}, attachment="csv")

    mail = await added(supervisor, body)

    assert (mail["report"], mail["period"], mail["filters"]["team"]) == ("forecast", "next_7_days", ["support"])


async def test_receivers_are_of_the_desk(api: ApiDesk, supervisor: httpx2.AsyncClient) -> None:
    assert_problem(await supervisor.post(MAILS, json=a_mail(api, "requester")), 422)


async def test_agents_and_requesters_see_and_change_none(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    address = f"{MAILS}/{(await added(supervisor, a_mail(api)))['id']}"
    for client in (agent, requester):
        assert_problem(await client.get(MAILS), 403)
        assert_problem(await client.post(MAILS, json=a_mail(api)), 403)
        assert_problem(await client.get(address), 403)
        assert_problem(await client.put(address, json=a_mail(api)), 403)
        assert_problem(await client.delete(address), 403)
        assert_problem(await client.post(f"{address}/send"), 403)
        assert_problem(await client.get(f"{address}/runs"), 403)


async def test_whoever_gets_it_may_leave(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient
) -> None:
    mail = await added(supervisor, a_mail(api, "agent", "supervisor"))
    leave = f"{MAILS}/{mail['id']}/leave"

    assert (await agent.post(leave)).status_code == 204
    assert_problem(await agent.post(leave), 404)
    assert_problem(await colleague.post(leave), 404)
    left = (await supervisor.get(f"{MAILS}/{mail['id']}")).json()
    assert (left["recipients"], left["revision"]) == ([str(api.people["supervisor"].id)], 2)


async def test_one_that_is_asked_for_waits_among_the_runs(api: ApiDesk, supervisor: httpx2.AsyncClient) -> None:
    mail = await added(supervisor, a_mail(api))
    key = {"Idempotency-Key": uuid4().hex}
    one, other = [await supervisor.post(f"{MAILS}/{mail['id']}/send", headers=key) for _ in range(2)]

    assert (one.status_code, one.json()) == (202, other.json()), one.text
    (run,) = (await supervisor.get(f"{MAILS}/{mail['id']}/runs")).json()["items"]
    assert run["id"] == one.json()["run_id"]
    assert (run["is_asked"], run["started_at"], run["problem"], run["letters"]) == (True, None, None, [])
    assert_problem(await supervisor.post(f"{MAILS}/{uuid4()}/send"), 404)
    assert_problem(await supervisor.get(f"{MAILS}/{uuid4()}/runs"), 404)
