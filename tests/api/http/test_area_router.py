"""A request is answered by the routes of its area, wherever those are hung up."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from starlette.routing import Match

from api.app import create_app
from api.http.area_router import AreaRouter
from settings import Settings


def two_areas() -> FastAPI:
    tickets, notes, others = AreaRouter(prefix="/tickets"), AreaRouter(prefix="/tickets/{number}/notes"), AreaRouter()

    @tickets.get("")
    async def every_ticket() -> str:
        return "tickets"

    @tickets.get("/{number}")
    async def one_ticket(number: int) -> str:
        return f"ticket {number}"

    @notes.post("")
    async def add_note(number: int) -> str:
        return f"note on {number}"

    @others.get("/agents")
    async def agents() -> str:
        return "agents"

    @others.get("/teams")
    async def teams() -> str:
        return "teams"

    app = FastAPI()
    for router in (tickets, notes, others):
        app.include_router(router, prefix="/api")
    return app


@pytest.mark.parametrize("root_path", ["", "/desk"])
@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/api/tickets", "tickets"),
        ("GET", "/api/tickets/7", "ticket 7"),
        ("POST", "/api/tickets/7/notes", "note on 7"),
        ("GET", "/api/agents", "agents"),
        ("GET", "/api/teams", "teams"),
    ],
)
async def test_each_area_answers_for_its_paths(method: str, path: str, answer: str, root_path: str) -> None:
    transport = httpx2.ASGITransport(two_areas(), root_path=root_path)
    async with httpx2.AsyncClient(transport=transport, base_url="http://desk") as client:
        answered = await client.request(method, root_path + path)

    assert (answered.status_code, answered.json()) == (200, answer)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api/tickets/7/others", 404),
        ("POST", "/api/tickets", 405),
        ("GET", "/api/tickets/7/notes", 405),
    ],
)
async def test_what_no_area_knows_is_refused_as_ever(method: str, path: str, status: int) -> None:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(two_areas()), base_url="http://desk") as client:
        answered = await client.request(method, path)

    assert answered.status_code == status


def test_every_path_of_the_contract_is_found(make_folder: Callable[[], Path]) -> None:
    app = create_app(Settings(data_dir=make_folder()))

    found = {
        (method, path): any(route.matches(request_for(method, path))[0] is Match.FULL for route in app.router.routes)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }

    assert len(found) > 200
    assert all(found.values())


def request_for(method: str, path: str) -> dict[str, object]:
    """A request for a path of the contract, its parameters filled in."""
    filled = re.sub(r"\{[^}]*\}", "1", path)
    return {"type": "http", "method": method.upper(), "path": filled, "headers": [], "query_string": b""}
