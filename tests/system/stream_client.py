"""A client of the event stream as an app would have it: read the lists, then follow the stream, and miss nothing.

With `client_session.py` beside it, it needs httpx2 alone, so that it can be copied. What it keeps is the lists' rows
and one cursor, which belong together: an app that stores both may come back a day later and goes on where it was.
`StreamClient.follow` is the whole protocol; docs/realtime.md says why.
"""

import asyncio
import random
from collections.abc import Callable, Mapping

import httpx2

from tests.system.client_session import NO_ANSWER, NOT_NOW, Json, Patience, Session, StreamRefusedError

SILENCE_SECONDS = 40.0
"""Longer than two heartbeats: the connection is dead, though nobody said so."""
FIELDS_OF_EVENTS = (
    "title", "status", "priority", "category", "team", "requester", "assignee", "assigned_at", "offer",
    "required_skills", "estimated_minutes", "due_at", "tags", "escalation_level", "snoozed", "snoozed_until",
    "sla_state", "sla", "first_responded_at", "resolved_at", "closed_at",
)  # fmt: skip
"""The fields of a list's row that events bring; all else needs a look at the ticket."""
NEW_TICKET: Json = {
    "assignee": None, "assigned_at": None, "offer": None, "escalation_level": 0, "snoozed": False,
    "snoozed_until": None, "sla_state": "none", "sla": [], "first_responded_at": None, "resolved_at": None,
    "closed_at": None,
}  # fmt: skip
"""What the event that opens a ticket leaves unsaid."""


class StreamClient:
    """The rows of the lists that one person sees, kept up to date by the stream.

    `query` narrows the stream (`topics=`, `ticket=`). `heard` gets every event as it came, known already or not.
    """

    def __init__(
        self,
        session: Session,
        query: Mapping[str, str] | None = None,
        heard: Callable[[Json], None] = lambda _: None,
        chance: random.Random | None = None,
    ) -> None:
        self.tickets: dict[int, Json] = {}
        self.presence: dict[str, str] = {}
        self.cursor = ""
        self.connections = self.resets = 0
        self._session = session
        self.query = dict(query or {})
        self._heard = heard
        self._patience = Patience(chance or random.Random())  # noqa: S311 - jitter is no secret
        self._retry_seconds = 3.0

    async def follow(self) -> None:
        """Until cancelled. Raises StreamRefusedError when there is no point in going on."""
        if not self.cursor:
            self.cursor = await self.read_lists()
        while True:
            try:
                pause = await self.one_connection()
            except NO_ANSWER:
                pause = self._patience.seconds()
            await asyncio.sleep(pause)

    async def read_lists(self) -> str:
        """Replace all rows by the lists of now; the cursor from which the stream brings what they do not show yet."""
        if one := self.query.get("ticket"):
            cursor = await self._session.get("/api/tickets", limit=1)
            ticket = await self._session.get(f"/api/tickets/{one}")
            self.tickets = {} if ticket is None else {ticket["number"]: ticket}
            return str((cursor or {})["stream_cursor"])
        # The first page's cursor is the oldest: what the later pages show already is dropped by its revision.
        wanted = self.query.get("topics", "tickets,presence").split(",")
        agents, agents_cursor = await self._pages("/api/agents") if "presence" in wanted else ([], "")
        tickets, tickets_cursor = await self._pages("/api/tickets") if "tickets" in wanted else ([], "")
        self.presence = {agent["id"]: agent["presence"] for agent in agents}
        self.tickets = {ticket["number"]: ticket for ticket in tickets}
        return agents_cursor or tickets_cursor

    async def _pages(self, path: str) -> tuple[list[Json], str]:
        items: list[Json] = []
        page = await self._session.get(path, limit=200)
        first_cursor = "" if page is None else str(page["stream_cursor"])
        while page is not None:
            items += page["items"]
            more = page["next_cursor"]
            page = await self._session.get(path, limit=200, cursor=more) if more else None
        return items, first_cursor

    async def one_connection(self) -> float:
        """Read one connection to its end; the seconds to wait before the next."""
        token = self._session.access_token
        headers = {**self._session.headers, "Last-Event-ID": self.cursor, "Accept": "text/event-stream"}
        timeout = httpx2.Timeout(10, read=SILENCE_SECONDS)
        async with self._session.http.stream(
            "GET", "/api/events", params=self.query, headers=headers, timeout=timeout
        ) as answer:
            if answer.status_code == 401:
                await self._session.renew(token)
                return 0.0
            if answer.status_code in NOT_NOW:
                return self._patience.seconds(answer)
            if answer.status_code != 200:
                raise StreamRefusedError(f"answered {answer.status_code}")
            self.connections += 1
            async for message in httpx2.EventSource(answer):
                await self._take(message)
        return self._retry_seconds

    async def _take(self, message: httpx2.ServerSentEvent) -> None:
        """One block. The cursor moves when all of it is done: a crash before that repeats, and loses nothing."""
        if message.retry is not None:
            self._retry_seconds = message.retry / 1000
        match message.event:
            case "hello":
                self._patience.renewed()
                return  # its place is ours, or that of a reset which is still to come
            case "reset":
                self.resets += 1
                await self.read_lists()
            case "bye":
                return
            case _ if message.data:
                await self._apply(message.json())  # type: ignore[arg-type]
        self.cursor = message.id or self.cursor

    async def _apply(self, event: Json) -> None:
        self._heard(event)
        number, change = event["ticket"], event["change"]
        if event["type"] == "agent.presence_changed":
            self.presence[change["agent"]["id"]] = change["presence"]
        if number is None:
            return
        if event["type"] == "ticket.opened":
            self.tickets.setdefault(number, {**NEW_TICKET, "number": number, "revision": 0, "created_at": event["at"]})
        if number not in self.tickets:  # it came into view: another team's until now, or it gained us as a watcher
            if (found := await self._session.get(f"/api/tickets/{number}")) is not None:
                self.tickets[number] = found
            return
        row = self.tickets[number]
        if event["revision"] > row["revision"]:
            row |= {name: change[name] for name in FIELDS_OF_EVENTS if name in change}
            row |= {"revision": event["revision"], "updated_at": event["at"]}
