"""The app in the test's own process, with people who are signed in, and what a test says to it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
from fastapi import FastAPI

from api.app import create_app
from api.http.problems import MEDIA_TYPE
from api.state import Desk
from database.credentials import CredentialId
from database.people import PersonRecord
from domain.ids import PersonId
from operations.seed import PEOPLE, seed
from settings import Settings

BASE = "http://desk"
PERSON_NAMES = {email: email.split("@", maxsplit=1)[0] for email, *_ in PEOPLE}
"""What the tests call the people of the demo organisation: `admin`, `agent2`, ..."""


@dataclass(frozen=True)
class ApiDesk:
    """A running app and the people who use it."""

    app: FastAPI
    settings: Settings
    people: dict[str, PersonRecord]
    sessions: dict[str, CredentialId]

    @property
    def parts(self) -> Desk:
        desk: Desk = self.app.state.desk
        return desk

    def token(self, name: str) -> str:
        return self.parts.tokens.make(self.people[name].id, self.sessions[name])

    async def token_of(self, person: PersonId) -> str:
        """A token of somebody who has just signed in."""
        return self.parts.tokens.make(person, await signed_in(self.parts, person))

    def headers(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(name)}"}

    @asynccontextmanager
    async def client(self, name: str | None = None) -> AsyncIterator[httpx2.AsyncClient]:
        """A client, signed in as that person. An unhandled exception of the app is raised into the test."""
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app), base_url=BASE, headers=self.headers(name) if name else {}
        ) as client:
            yield client


@asynccontextmanager
async def running_app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The app with its lifespan begun."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def seeded_desk(settings: Settings) -> AsyncIterator[ApiDesk]:
    """The app on a database with the demo organisation."""
    await seed(settings)
    async with running_app(settings) as app:
        desk: Desk = app.state.desk
        await desk.pool.execute(f"alter sequence ticket_numbers restart with {uuid4().int % 2**40 + 2**20}")
        # All tests of a package share these agents and leave tickets with them.
        await desk.pool.execute("update agents set capacity_tickets = 500")
        found = [await desk.people.find_by_email(email) for email, *_ in PEOPLE]
        people = {PERSON_NAMES[person.email]: person for person in found if person is not None}
        sessions = {name: await signed_in(desk, person.id) for name, person in people.items()}
        yield ApiDesk(app, settings, people, sessions)


async def signed_in(desk: Desk, person: PersonId) -> CredentialId:
    """A session of theirs."""
    return await desk.sessions.open(person, datetime.now(UTC) + timedelta(days=1))


async def opened(client: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A ticket that this person has just opened."""
    answer = await client.post("/api/tickets", json={"title": "The printer is on fire", **fields})
    assert answer.status_code == 201, answer.text
    ticket: dict[str, Any] = answer.json()
    return ticket


async def do(client: httpx2.AsyncClient, number: int, what: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """Do something to a ticket, and expect that it is done."""
    answer = await client.post(f"/api/tickets/{number}/{what}", json=body if body is not None else {}, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    done: dict[str, Any] = answer.json()
    return done


async def ticket_of(client: httpx2.AsyncClient, number: int) -> dict[str, Any]:
    answer = await client.get(f"/api/tickets/{number}")
    assert answer.status_code == 200, answer.text
    ticket: dict[str, Any] = answer.json()
    return ticket


async def timeline_of(client: httpx2.AsyncClient, number: int) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/tickets/{number}/timeline?limit=200")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def assert_problem(answer: httpx2.Response, status: int, *codes: str) -> dict[str, Any]:
    """The answer is problem+json with this status and one of these codes (any, if none is given)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code", "errors"} <= problem.keys()
    assert problem["status"] == status
    assert not codes or problem["code"] in codes, problem
    assert problem["type"].endswith(problem["code"])
    return problem


def still(spoken: Any) -> Any:
    """The same without what goes on with the time: what the clocks have counted by now."""
    if isinstance(spoken, list):
        return [still(item) for item in spoken]
    if not isinstance(spoken, dict):
        return spoken
    return {
        name: still(value) for name, value in spoken.items() if name not in ("elapsed_seconds", "remaining_seconds")
    }


def numbers(items: Iterable[dict[str, Any]]) -> list[int]:
    return [item["number"] for item in items]
