"""Refused attempts on their way into the audit trail.

Each is written before its answer goes out, at most PER_SOURCE of a person or address in a minute and PER_MINUTE of all:
an attack must not fill the trail, nor make its writers wait. What goes beyond, and what the database did not take, is
counted, and the counts become an entry of their own when the minute is over (`access.refused_more`).
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from domain.audit import Author, PersonalPart
from domain.ids import PersonId

log = logging.getLogger(__name__)

MINUTE_SECONDS = 60.0
PER_SOURCE = 10
PER_MINUTE = 600
MAX_SOURCES = 10_000
"""How many are told apart at a time; further ones are counted together."""
MAX_COUNTS = 50
"""How many different refusals an entry of counts tells apart."""
WRITE_SECONDS = 2.0
"""So long an answer waits at most for its entry."""
LOOK_SECONDS = 5.0


class Kind(NamedTuple):
    """What is alike in many refusals."""

    method: str
    route: str
    code: str


class Refusal(NamedTuple):
    """An attempt that was refused."""

    author: Author
    kind: Kind
    subject_kind: str
    subject_id: str | None
    user_agent: str | None


class Notes(Protocol):
    """Where entries of the audit trail are written."""

    async def note(
        self,
        author: Author,
        action: str,
        subject_kind: str,
        subject_id: str | None = None,
        detail: dict[str, Any] | None = None,
        personal: Sequence[PersonalPart] = (),
    ) -> int: ...


@dataclass
class _Minute:
    """A source's refusals of a minute."""

    author: Author
    ends_at: float
    written: int = 0
    more: Counter[Kind] = field(default_factory=Counter)


class Refusals:
    """This process's refused attempts."""

    def __init__(self, notes: Notes, clock: Callable[[], float] = time.monotonic) -> None:
        self._notes = notes
        self._clock = clock
        self._sources: dict[PersonId | str | None, _Minute] = {}
        self._all = _Minute(Author(), ends_at=0.0)

    async def tell(self, refusal: Refusal) -> None:
        """Write a refusal down, or count it. A database that does not take it is not the caller's concern."""
        minute = self._minute_of(refusal.author)
        if minute.written >= PER_SOURCE or self._all.written >= PER_MINUTE:
            minute.more[refusal.kind] += 1
            return
        minute.written += 1
        self._all.written += 1
        agent = () if refusal.user_agent is None else (
            PersonalPart(refusal.author.id, {"user_agent": refusal.user_agent}),
        )  # fmt: skip
        detail = refusal.kind._asdict()
        if not await self._note(
            refusal.author, "access.refused", refusal.subject_kind, refusal.subject_id, detail, agent
        ):
            minute.more[refusal.kind] += 1

    async def run(self) -> None:
        """Write the counts of minutes that are over, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.write_counts()

    async def write_counts(self, *, all_of_them: bool = False) -> None:
        """Write the counts of minutes that are over, or of all because the process is about to stop."""
        now = self._clock()
        for source, minute in list(self._sources.items()):
            if minute.ends_at > now and not all_of_them:
                continue
            del self._sources[source]
            if minute.more and not await self._write_more(minute):
                kept = self._sources.setdefault(source, minute)
                if kept is not minute:
                    kept.more += minute.more

    async def _write_more(self, minute: _Minute) -> bool:
        named = minute.more.most_common(MAX_COUNTS)
        detail = {
            "count": minute.more.total(),
            "of": [{**kind._asdict(), "count": count} for kind, count in named],
        }
        return await self._note(minute.author, "access.refused_more", "route", None, detail)

    def _minute_of(self, author: Author) -> _Minute:
        now = self._clock()
        if self._all.ends_at <= now:
            self._all = _Minute(Author(), now + MINUTE_SECONDS)
        source = author.id or author.address
        if source not in self._sources and len(self._sources) >= MAX_SOURCES:
            source, author = None, Author()
        found = self._sources.get(source)
        if found is None:
            found = self._sources[source] = _Minute(author, now + MINUTE_SECONDS)
        elif found.ends_at <= now:  # its counts stay until they are written
            found.ends_at, found.written = now + MINUTE_SECONDS, 0
        return found

    async def _note(self, *entry: Any) -> bool:
        """Whether the entry was written."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._notes.note(*entry)
        except Exception as error:  # noqa: BLE001  whatever it is, the refusal must be answered
            log.warning("a refusal was not written into the audit trail, it is counted: %r", error)
            return False
        return True
