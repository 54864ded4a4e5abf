"""Teams whose tickets and forecasts are known, and what the API says of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2

from tests.api.desk_api import ApiDesk
from tests.arrivals import by_chance, fold_arrivals, rates, store_arrivals
from tests.workflows.engine_desk import eventually

PATH, PREDICTIONS = "/api/reports/forecast", "/api/workload/predictions"
WEEKS = 9


class BusyTeam:
    """A team of the test's own, with nine weeks of tickets that the facts know."""

    def __init__(self, slug: str, since: datetime, counts: tuple[int, ...]) -> None:
        self.slug = slug
        self._since = since
        self._counts = counts

    def came(self, until: datetime, weeks: int, hour_of_week: int) -> list[int]:
        """What came in this hour of the last weeks, counted by hand."""
        begin = until - timedelta(weeks=weeks)
        hours = {self._since + timedelta(hours=place): count for place, count in enumerate(self._counts)}
        return [
            sum(
                count
                for at, count in hours.items()
                if begin + timedelta(weeks=week) <= at < begin + timedelta(weeks=week + 1)
                and at.weekday() * 24 + at.hour == hour_of_week
            )
            for week in range(weeks)
        ]


async def spoken(client: httpx2.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert [hour["hour_of_week"] for hour in body["hours"]] == list(range(168))
    return body


async def predicted(client: httpx2.AsyncClient, team: str | None = None) -> list[dict[str, Any]]:
    answer = await client.get(PREDICTIONS, params={} if team is None else {"team": team})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def a_busy_team(api: ApiDesk, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, seed: int) -> BusyTeam:
    """With a forecast that was made just now."""
    slug = f"t-{uuid4().hex[:20]}"
    assert (await admin.post("/api/teams", json={"slug": slug, "name": "Ours"})).status_code == 201
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(weeks=WEEKS)
    counts = (1, *by_chance(rates(WEEKS, since), seed=seed)[1:])
    await store_arrivals(api.parts.pool, slug, api.people["requester"].id, since, counts)
    await fold_arrivals(api.parts.pool, slug)
    assert (await supervisor.post(PREDICTIONS, json={"team": slug})).status_code == 202
    await eventually(lambda: predicted(supervisor, slug), lambda items: items[0]["computed_at"] is not None)
    return BusyTeam(slug, since, counts)


@asynccontextmanager
async def busy_teams(
    api: ApiDesk, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> AsyncIterator[list[BusyTeam]]:
    """Two of them."""
    teams = [await a_busy_team(api, admin, supervisor, seed) for seed in (1, 2)]
    yield teams
    slugs = [one.slug for one in teams]
    await api.parts.pool.execute("delete from ticket_facts where team = any($1)", slugs)
    await api.parts.pool.execute("update teams set is_active = false where slug = any($1)", slugs)
