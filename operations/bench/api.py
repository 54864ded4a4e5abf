"""The product's HTTP API as the load uses it: no retries, and every answer but the right one is an error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from operations.bench.system import BenchError
from operations.replay.desk import Json


@dataclass(frozen=True)
class SignedIn:
    """A person's id and request headers."""

    id: str
    headers: dict[str, str]


class Api:
    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = f"{address}/api"

    async def sign_in(self, email: str, password: str) -> SignedIn:
        answer = await self._ask("POST", "/auth/login", {"email": email, "password": password}, {}, 200)
        return SignedIn(answer["person"]["id"], {"Authorization": f"Bearer {answer['access_token']}"})

    async def make_key(self, by: SignedIn, *scopes: str) -> SignedIn:
        """The same person, as one of their own keys makes them known."""
        body: Json = {"name": "bench", "scopes": list(scopes)}
        return SignedIn(by.id, {"X-API-Key": (await self._ask("POST", "/auth/api-keys", body, by.headers, 201))["key"]})

    async def get(self, address: str, headers: dict[str, str]) -> None:
        """Any address, of any server."""
        async with self._session.get(address, headers=headers) as response:
            if response.status != 200:
                raise BenchError(f"GET {address} was answered {response.status}: {(await response.text())[:500]}")
            await response.read()

    async def open(self, by: SignedIn, team: str | None = None, tags: Sequence[str] = ()) -> int:
        """Returns the ticket's number."""
        body: Json = {
            "title": "The printer on the second floor jams",
            "description": "It takes two sheets at a time and stops. Switching it off and on has not helped.",
            "category": "technical",
            "tags": list(tags),
        }
        if team is not None:
            body["team"] = team
        return int((await self._ask("POST", "/tickets", body, by.headers, 201))["number"])

    async def reply(self, by: SignedIn, number: int) -> None:
        body = {"body": "Could you send us the model's name, please? It is on a label at the back."}
        await self._ask("POST", f"/tickets/{number}/replies", body, by.headers, 201)

    async def set_status(self, by: SignedIn, number: int, status: str) -> None:
        await self._ask("POST", f"/tickets/{number}/status", {"status": status}, by.headers, 200)

    async def assign(self, by: SignedIn, number: int, assignee: str) -> None:
        await self._ask("POST", f"/tickets/{number}/assign", {"assignee": assignee}, by.headers, 200)

    async def read(self, by: SignedIn, number: int) -> None:
        await self._ask("GET", f"/tickets/{number}", None, by.headers, 200)

    async def page(self, by: SignedIn, limit: int) -> Json:
        return await self._ask("GET", f"/tickets?limit={limit}", None, by.headers, 200)

    async def _ask(self, method: str, path: str, body: Json | None, headers: dict[str, str], expected: int) -> Json:
        async with self._session.request(method, self._address + path, json=body, headers=headers) as response:
            if response.status != expected:
                raise BenchError(f"{method} {path} was answered {response.status}: {(await response.text())[:500]}")
            answer: Any = orjson.loads(await response.read())
            return dict(answer)
