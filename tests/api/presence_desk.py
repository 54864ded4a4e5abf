"""Agents of the tests' own, with their shifts, and what a test asks of their presence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2

from domain.ids import PersonId
from domain.people import Role
from tests.api.desk_api import BASE, ApiDesk
from tests.workflows.engine_desk import eventually


class Member(NamedTuple):
    """An agent of team `support` whom no other test knows."""

    id: PersonId
    name: str
    client: httpx2.AsyncClient

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.client.headers["Authorization"]}

    async def sets(self, presence: str, **headers: str) -> httpx2.Response:
        return await self.client.put("/api/agents/me/presence", json={"presence": presence}, headers=headers)

    async def presence(self) -> dict[str, Any]:
        answer = await self.client.get("/api/agents/me/presence")
        assert answer.status_code == 200, answer.text
        spoken: dict[str, Any] = answer.json()
        return spoken

    async def becomes(self, presence: str, cause: str) -> dict[str, Any]:
        """The agent's presence once it is this, and for this reason."""
        return await eventually(
            self.presence, lambda spoken: (spoken["presence"], spoken["cause"]) == (presence, cause)
        )


@asynccontextmanager
async def member(api: ApiDesk, app: Any = None) -> AsyncIterator[Member]:
    """A new agent, signed in; at the end of the test they are offline."""
    name = f"Agent {uuid4()}"
    person = await api.parts.people.add(
        f"{uuid4()}@example.com", name, Role.AGENT, password_hash="", teams=("support",)
    )
    headers = {"Authorization": f"Bearer {await api.token_of(person.id)}"}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app or api.app), base_url=BASE, headers=headers
    ) as client:
        yield Member(person.id, name, client)


class Planned(NamedTuple):
    """A published shift with one lunch."""

    id: int
    lunch: int
    starts_at: datetime
    ends_at: datetime

    @property
    def path(self) -> str:
        return f"/api/shifts/{self.id}"

    @property
    def break_path(self) -> str:
        return f"/api/shifts/{self.id}/breaks/{self.lunch}"


async def planned(api: ApiDesk, agent: PersonId, starts_in: timedelta = timedelta(minutes=30)) -> Planned:
    """A shift of four hours, with half an hour for lunch in its middle."""
    starts_at = datetime.now(UTC) + starts_in
    ends_at = starts_at + timedelta(hours=4)
    pool = api.parts.pool
    shift = await pool.fetchval(
        "insert into shifts (agent_id, starts_at, ends_at, status) values ($1, $2, $3, 'published') returning id",
        agent,
        starts_at,
        ends_at,
    )
    lunch = await pool.fetchval(
        "insert into shift_breaks (shift_id, kind, starts_at, ends_at) values ($1, 'lunch', $2, $3) returning id",
        shift,
        starts_at + timedelta(hours=2),
        starts_at + timedelta(minutes=150),
    )
    return Planned(shift, lunch, starts_at, ends_at)
