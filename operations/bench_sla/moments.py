"""The moments that tickets wait for, as their events tell: when each was planned and when it was recorded.

Every event with clocks shows what its ticket waits for from then on. A moment happened when an event of its own was
recorded. It was overtaken when something else that took place before it took it away: an answer that met the target.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal, NamedTuple

from operations.bench.ground import Pool

Kind = Literal["warning", "breach", "first step", "second step"]
STEPS: tuple[Kind, ...] = ("first step", "second step")
"""Of the ladder of these tickets."""
_EVENTS = """
select ticket_number, type, at, recorded_at, data from events
where topic = 'tickets' and jsonb_typeof(data -> 'sla') = 'object' order by ticket_number, revision
"""


class Moment(NamedTuple):
    """A moment of one ticket. `name` tells it from its others of the same kind."""

    ticket: int
    kind: Kind
    name: str


class Told(NamedTuple):
    """An event that shows its ticket's clocks."""

    ticket: int
    type: str
    at: datetime
    recorded_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    """What was planned, without what was overtaken, and what was recorded."""

    planned: Mapping[Moment, datetime]
    recorded: Mapping[Moment, Sequence[datetime]]

    def lateness_s(self, kind: Kind) -> list[float]:
        """From the planned moment until it was recorded in the database, of each moment of this kind."""
        return [
            (times[0] - self.planned[moment]).total_seconds()
            for moment, times in self.recorded.items()
            if moment.kind == kind and moment in self.planned
        ]

    def faults(self, until: datetime) -> list[str]:
        """What was lost of all that was planned until then, what came twice, too early, or without being planned."""
        return [
            *(
                f"lost: {_told(moment)}, planned for {at:%H:%M:%S.%f}"
                for moment, at in self.planned.items()
                if at <= until and moment not in self.recorded
            ),
            *(f"{len(times)} times: {_told(moment)}" for moment, times in self.recorded.items() if len(times) > 1),
            *(f"not planned: {_told(moment)}" for moment in self.recorded if moment not in self.planned),
            *(
                f"too early: {_told(moment)}"
                for moment, times in self.recorded.items()
                if moment in self.planned and times[0] < self.planned[moment]
            ),
        ]


def account_of(events: Iterable[Told]) -> Account:
    """The account of events that come in their tickets' order."""
    planned: dict[Moment, datetime] = {}
    recorded: defaultdict[Moment, list[datetime]] = defaultdict(list)
    for _, history in groupby(events, key=lambda event: event.ticket):
        waits: dict[Moment, datetime] = {}
        for event in history:
            happened = _happened(event)
            if happened is not None:
                recorded[happened].append(event.recorded_at)
            now_waits = dict(_waits_of(event))
            for moment, at in waits.items():
                if moment != happened and moment not in now_waits and event.at < at:
                    del planned[moment]
            planned |= now_waits
            waits = now_waits
    return Account(planned, dict(recorded))


async def read_account(pool: Pool) -> Account:
    """The account of the whole database."""
    rows = await pool.fetch(_EVENTS, timeout=120)
    return account_of(
        Told(row["ticket_number"], row["type"], row["at"], row["recorded_at"], json.loads(row["data"])) for row in rows
    )


def _happened(event: Told) -> Moment | None:
    data = event.data
    match event.type:
        case "ticket.sla_warning":
            return Moment(event.ticket, "warning", f"{_clock(data)} at {data['percent']} %")
        case "ticket.sla_breached":
            return Moment(event.ticket, "breach", _clock(data))
        case "ticket.ladder_climbed":
            return _step(event.ticket, data["sla"]["ladder"]["cycle"], data)
    return None


def _waits_of(event: Told) -> Iterator[tuple[Moment, datetime]]:
    sla = event.data["sla"]
    for clock in sla["clocks"]:
        if clock["phase"] == "running" and clock["breached_at"] is None and clock["due_at"] is not None:
            yield Moment(event.ticket, "breach", _clock(clock)), datetime.fromisoformat(clock["due_at"])
            for one in clock["warnings"]:
                name = f"{_clock(clock)} at {one['percent']} %"
                yield Moment(event.ticket, "warning", name), datetime.fromisoformat(one["at"])
    run = sla["ladder"]
    if run is not None and run["next_at"] is not None:
        yield _step(event.ticket, run["cycle"], run), datetime.fromisoformat(run["next_at"])


def _clock(fields: Mapping[str, Any]) -> str:
    return f"{fields['audience']} {fields['target']} {fields['cycle']}"


def _step(ticket: int, cycle: int, fields: Mapping[str, Any]) -> Moment:
    return Moment(ticket, STEPS[fields["step"]], f"cycle {cycle}, round {fields['round']}")


def _told(moment: Moment) -> str:
    return f"{moment.kind} of ticket {moment.ticket} ({moment.name})"
