"""The proof: what database, event log, engine and stream say must be what the log says. Pure: judges evidence."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from operations.replay.desk import Json


@dataclass(frozen=True)
class Expected:
    """What must have become of one ticket."""

    incident: str
    status: str
    priority: str
    category: str
    team: str
    assignee: str | None
    events: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A row of the ticket table."""

    revision: int
    status: str
    priority: str
    category: str
    team: str | None
    assignee: str | None


@dataclass(frozen=True)
class LoggedEvent:
    """A row of the event table; `place` is (xid, id), by which the stream is ordered."""

    place: tuple[int, int]
    ticket: int
    revision: int
    type: str
    data: Json


@dataclass(frozen=True)
class HeardEvent:
    """A message of the stream."""

    place: tuple[int, int]
    ticket: int
    revision: int
    type: str


@dataclass(frozen=True)
class Run:
    """What the engine knows of a ticket: how many of its workflows run, what the operators' list says, the state."""

    running: int
    listed_status: str | None
    state: Json | None


@dataclass(frozen=True)
class Evidence:
    """Everything that was found. `opened` are the numbers that the run was given, also those of failed incidents."""

    expected: Mapping[int, Expected]
    opened: Sequence[int]
    tagged: Sequence[int]
    rows: Mapping[int, Row]
    events: Sequence[LoggedEvent]
    unstarted: int
    runs: Mapping[int, Run]
    heard: Sequence[HeardEvent]
    already_before: tuple[int, int]
    """The place of the cursor that the reader began from."""
    resets: int

    def events_by_ticket(self) -> dict[int, list[LoggedEvent]]:
        by_ticket: dict[int, list[LoggedEvent]] = defaultdict(list)
        for event in sorted(self.events, key=lambda event: (event.ticket, event.revision)):
            by_ticket[event.ticket].append(event)
        return by_ticket


@dataclass(frozen=True)
class Verdict:
    claim: str
    checked: int
    problems: Sequence[str]


def prove(evidence: Evidence) -> list[Verdict]:
    """Every claim with its problems; proven when none has any."""
    counts = {EVERY_EVENT_STREAMED: len(evidence.heard)}
    return [
        Verdict(claim, counts.get(claim, len(evidence.expected)), list(check(evidence)))
        for claim, check in CLAIMS.items()
    ]


def _each_once(evidence: Evidence) -> Iterator[str]:
    for number, times in Counter(evidence.opened).items():
        if times > 1:
            yield f"ticket {number} was given to {times} incidents"
    for number in sorted(set(evidence.tagged) - set(evidence.opened)):
        yield f"ticket {number} belongs to the run, but no incident was told so: it was opened twice"
    for number in sorted(set(evidence.opened) - set(evidence.tagged)):
        yield f"ticket {number} was promised and is not in the database"


def _rows_as_logged(evidence: Evidence) -> Iterator[str]:
    for number, expected in evidence.expected.items():
        row = evidence.rows.get(number)
        if row is None:
            yield f"ticket {number} has no row"
            continue
        for name in ("status", "priority", "category", "team", "assignee"):
            is_, ought = getattr(row, name), getattr(expected, name)
            if is_ != ought:
                yield f"ticket {number} (incident {expected.incident}): {name} is {is_}, the log says {ought}"


OF_THE_DESK = ("ticket.sla_", "ticket.ladder_")
"""What the desk's own promises bring: no log knows of them."""


def _events_as_logged(evidence: Evidence) -> Iterator[str]:
    events = evidence.events_by_ticket()
    for number, expected in evidence.expected.items():
        types = tuple(event.type for event in events.get(number, []) if not event.type.startswith(OF_THE_DESK))
        if types != expected.events:
            yield f"ticket {number} (incident {expected.incident}): events {_differ(types, expected.events)}"


def _differ(are: Sequence[str], ought: Sequence[str]) -> str:
    """The first place where two stories part."""
    for place, (one, other) in enumerate(zip(are, ought, strict=False), start=1):
        if one != other:
            return f"no. {place} is {one}, the log says {other}"
    return f"are {len(are)}, the log says {len(ought)}"


def _revisions_without_gap(evidence: Evidence) -> Iterator[str]:
    events = evidence.events_by_ticket()
    for number in evidence.expected:
        revisions = [event.revision for event in events.get(number, [])]
        if revisions != list(range(1, len(revisions) + 1)):
            yield f"ticket {number}: event revisions are {revisions}"
        row = evidence.rows.get(number)
        if row is not None and row.revision != len(revisions):
            yield f"ticket {number}: the row is at revision {row.revision}, its events are {len(revisions)}"


_SETS = {
    "ticket.opened": ("status", "priority", "category", "team"),
    "ticket.edited": ("priority", "category"),
    "ticket.moved": ("team",),
    "ticket.status_changed": ("status",),
    "ticket.assigned": ("assignee_id",),
    "ticket.unassigned": ("assignee_id",),
}
"""The fields of the row that each type of event sets; written down anew, so that the proof is not the product's."""


def _events_add_up(evidence: Evidence) -> Iterator[str]:
    events = evidence.events_by_ticket()
    for number in evidence.expected:
        row = evidence.rows.get(number)
        if row is None:
            continue
        sum_: dict[str, str | None] = {"assignee_id": None}
        for event in events.get(number, []):
            for name in _SETS.get(event.type, ()):
                if event.type != "ticket.edited" or event.data.get(name) is not None:
                    sum_[name] = event.data.get(name)
        is_ = {
            "status": row.status,
            "priority": row.priority,
            "category": row.category,
            "team": row.team,
            "assignee_id": row.assignee,
        }
        for name, value in is_.items():
            if sum_.get(name) != value:
                yield f"ticket {number}: {name} is {value} in the row, {sum_.get(name)} by its events"


def _one_workflow_each(evidence: Evidence) -> Iterator[str]:
    if evidence.unstarted:
        yield f"{evidence.unstarted} tickets still wait for their workflow to start"
    for number, expected in evidence.expected.items():
        run = evidence.runs.get(number, Run(0, None, None))
        if run.running != 1:
            yield f"ticket {number}: {run.running} workflows run"
        if run.listed_status != expected.status:
            yield f"ticket {number}: the engine lists it as {run.listed_status}, the log says {expected.status}"
        row = evidence.rows.get(number)
        if run.state is None:
            yield f"ticket {number}: its workflow does not tell its state"
        elif row is not None:
            yield from _state_is_row(number, run.state, row)


def _state_is_row(number: int, state: Json, row: Row) -> Iterator[str]:
    pairs = {"revision": "revision", "status": "status", "team": "team", "assignee_id": "assignee"}
    for in_state, in_row in pairs.items():
        if state.get(in_state) != getattr(row, in_row):
            told = f"{state.get(in_state)} in its workflow, {getattr(row, in_row)} in the row"
            yield f"ticket {number}: {in_row} is {told}"


def _streamed_once_in_order(evidence: Evidence) -> Iterator[str]:
    if evidence.resets:
        yield f"the stream was reset {evidence.resets} times: the reader fell too far behind"
    for earlier, later in pairwise(event.place for event in evidence.heard):
        if earlier >= later:
            yield f"the stream went from {earlier} to {later}"
    yield from _streamed_once(evidence)
    yield from _streamed_in_order_of_ticket(evidence)


def _streamed_once(evidence: Evidence) -> Iterator[str]:
    ours = set(evidence.opened)
    logged = {
        event.place: HeardEvent(event.place, event.ticket, event.revision, event.type)
        for event in evidence.events
        if event.place > evidence.already_before
    }
    heard = [event for event in evidence.heard if event.ticket in ours]
    for place, times in Counter(event.place for event in heard).items():
        if times > 1:
            yield f"event {place} was streamed {times} times"
    for event in heard:
        if event.place not in logged:
            yield f"event {event.place} was streamed and is not in the log"
        elif logged[event.place] != event:
            told = f"{event.type} of ticket {event.ticket}, revision {event.revision}"
            yield f"event {event.place} was streamed as {told}"
    for place in sorted(logged.keys() - {event.place for event in heard}):
        yield f"event {place} (ticket {logged[place].ticket}, {logged[place].type}) was never streamed"


def _streamed_in_order_of_ticket(evidence: Evidence) -> Iterator[str]:
    last: dict[int, int] = {}
    for event in evidence.heard:
        before = last.get(event.ticket, event.revision - 1)
        if event.revision != before + 1:
            yield f"ticket {event.ticket}: revision {event.revision} was streamed after {before}"
        last[event.ticket] = event.revision


EVERY_EVENT_STREAMED = "every event came through the stream once and in order"
CLAIMS: dict[str, Callable[[Evidence], Iterator[str]]] = {
    "every incident is one ticket": _each_once,
    "every row is what the log says": _rows_as_logged,
    "every ticket's events tell the log's story": _events_as_logged,
    "revisions run from 1 without a gap and count the events": _revisions_without_gap,
    "the events of a ticket add up to its row": _events_add_up,
    "one workflow runs for each ticket and knows what the row knows": _one_workflow_each,
    EVERY_EVENT_STREAMED: _streamed_once_in_order,
}
