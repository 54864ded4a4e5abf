"""The desk as its HTTP clients see it: signed-in people whose requests are repeated until they are answered."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import aiohttp

from operations.replay.figures import Figures

Json = dict[str, Any]

NOT_NOW = frozenset({202, 429, 502, 503, 504})
"""Answers that promise nothing yet. The same request with the same key is safe to repeat, and will be."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
ANSWER_TIMEOUT_S = 30.0


class DeskError(Exception):
    """The desk refused, or did not answer for as long as patience lasts."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Person:
    """Somebody who signs in; `token` is taken anew when the desk no longer takes it."""

    email: str
    password: str
    id: str = ""
    token: str = ""


class Desk:
    """One HTTP client for all people of a run. Figures count every request by the name of its operation."""

    def __init__(self, session: aiohttp.ClientSession, address: str, figures: Figures, patience_s: float) -> None:
        self.session = session
        self.address = address.rstrip("/")
        self.figures = figures
        self._patience_s = patience_s

    async def sign_in(self, person: Person) -> None:
        """Take an access token, and learn the person's id."""
        body = {"email": person.email, "password": person.password}
        answer = await self._insist("sign in", "POST", "/auth/login", body, {})
        person.token, person.id = answer["access_token"], answer["person"]["id"]

    async def ask(
        self,
        operation: str,
        method: str,
        path: str,
        person: Person,
        body: Json | None = None,
        *,
        key: str | None = None,
    ) -> Json:
        """One request, repeated under its `Idempotency-Key` while the desk says "not now"; raises DeskError."""
        started = time.perf_counter()
        token = person.token
        try:
            answer = await self._insist(operation, method, path, body, _headers(person, key))
        except DeskError as error:
            if error.status != 401:
                raise
            if person.token == token:
                await self.sign_in(person)
            answer = await self._insist(operation, method, path, body, _headers(person, key))
        self.figures.took(operation, time.perf_counter() - started)
        return answer

    async def _insist(self, operation: str, method: str, path: str, body: Json | None, headers: dict[str, str]) -> Json:
        give_up_at = time.monotonic() + self._patience_s
        pause_s = FIRST_PAUSE_S
        while True:
            status, why, asked_pause_s, answer = await self._once(method, path, body, headers)
            if status is not None and status not in NOT_NOW:
                if status < 400:
                    return answer
                # A refusal may answer a repeated request; then the first one was refused too, for the key is the same.
                raise DeskError(f"{operation}: {method} {path} was answered {status} {why}", status)
            if time.monotonic() > give_up_at:
                raise DeskError(f"{operation}: {method} {path} had no answer in {self._patience_s:.0f} s, last {why}")
            self.figures.retried(str(status) if status is not None else why)
            await asyncio.sleep(max(pause_s, asked_pause_s))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _once(
        self, method: str, path: str, body: Json | None, headers: dict[str, str]
    ) -> tuple[int | None, str, float, Json]:
        """Status (None: no answer), what it said, the pause it asked for, and the body."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        address = f"{self.address}/api{path}"
        try:
            async with self.session.request(method, address, json=body, headers=headers, timeout=timeout) as response:
                if response.status < 400:
                    return response.status, "", _pause(response), await response.json()
                return response.status, (await response.text())[:500], _pause(response), {}
        except (aiohttp.ClientError, TimeoutError) as error:
            return None, type(error).__name__, 0.0, {}


def _headers(person: Person, key: str | None) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {person.token}"}
    return headers | {"Idempotency-Key": key} if key else headers


def _pause(response: aiohttp.ClientResponse) -> float:
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_PAUSE_S) if asked.isdigit() else 0.0
