"""Signing in as an app does, and asking a desk that may be away: again, later, and not all at once.

It needs httpx2 alone, so that it can be copied.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

Json = dict[str, Any]

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
NOT_NOW = frozenset({429, 500, 502, 503, 504})
"""Answers that say nothing about us: ask again later."""
NO_ANSWER = (httpx2.NetworkError, httpx2.TimeoutException, httpx2.RemoteProtocolError)
"""Nobody is there, or the connection broke, or it is silent for too long."""


class StreamRefusedError(Exception):
    """The desk will not have us: trying again would not help. An app shows its sign-in page, or says so."""


class Patience:
    """How long to wait before the next try: twice as long each time, and by chance a part of it, so that a thousand
    clients of a desk that was away do not come back at once."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._tries = 0

    def renewed(self) -> None:
        self._tries = 0

    def seconds(self, answer: httpx2.Response | None = None) -> float:
        """What the desk asked for, if it did, is the least."""
        longest = min(FIRST_PAUSE_SECONDS * 2**self._tries, LONGEST_PAUSE_SECONDS)
        self._tries = min(self._tries + 1, 10)
        asked = "" if answer is None else answer.headers.get("Retry-After", "")
        return float(asked if asked.isdigit() else 0) + self._chance.uniform(longest / 2, longest)


class Session:
    """Signed in with tokens. All streams of an app share one: a refresh token is good for one use."""

    def __init__(self, http: httpx2.AsyncClient, email: str, password: str) -> None:
        self.http = http
        self.access_token = ""
        self._refresh_token = ""
        self._login = {"email": email, "password": password}
        self._lock = asyncio.Lock()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}

    async def renew(self, refused_token: str) -> None:
        """Replace an access token that the desk did not take. Raises StreamRefusedError when it takes none of ours."""
        async with self._lock:
            if self.access_token != refused_token:
                return  # another stream was quicker
            if self._refresh_token and await self._ask("/api/auth/refresh", {"refresh_token": self._refresh_token}):
                return
            if not await self._ask("/api/auth/login", self._login):
                raise StreamRefusedError("signed out")

    async def _ask(self, path: str, body: Json) -> bool:
        answer = await insist(lambda: self.http.post(path, json=body))
        if answer.is_success:
            tokens = answer.json()
            self.access_token, self._refresh_token = tokens["access_token"], tokens["refresh_token"]
        return answer.is_success

    async def get(self, path: str, **query: Any) -> Json | None:
        """What lies at the path; None when it is not there, or not ours to see."""
        while True:
            token = self.access_token
            answer = await insist(lambda: self.http.get(path, params=query, headers=self.headers))
            if answer.status_code != 401:
                break
            await self.renew(token)
        if answer.status_code in (403, 404):
            return None
        answer.raise_for_status()
        found: Json = answer.json()
        return found


async def insist(ask: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
    """The answer of a desk that can answer; until then it is asked again and again."""
    patience = Patience(random.Random())  # noqa: S311 - jitter is no secret
    while True:
        try:
            answer = await ask()
        except NO_ANSWER:
            answer = None
        if answer is not None and answer.status_code not in NOT_NOW:
            return answer
        await asyncio.sleep(patience.seconds(answer))
