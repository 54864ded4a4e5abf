"""What will be asked of the desk for one incident, and what must have come of it. Pure: no clock, no I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Literal

from operations.replay.log import Incident

Status = Literal["new", "open", "pending", "resolved", "closed"]

PRIORITIES = {1: "urgent", 2: "high", 3: "normal", 4: "low"}
CATEGORIES = ("technical", "billing", "general")
"""The log's categories are numbers; they are spread over three that every desk has, and kept as a tag."""
SECOND_LINE = ("second-line-1", "second-line-2", "second-line-3", "second-line-4")
"""The log counts the groups an incident went through but names only the first and the last; these stand between."""
AWAKENED_BY: tuple[Status, ...] = ("pending", "resolved")
"""The statuses that a requester's reply turns into open."""


@dataclass(frozen=True)
class Seat:
    """One of the two agents whom every group has."""

    group: str
    place: int


@dataclass(frozen=True)
class Open:
    """By the requester."""

    at_s: float
    title: str
    description: str
    priority: str
    category: str
    group: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Assign:
    at_s: float
    by: Seat
    to: Seat


@dataclass(frozen=True)
class Move:
    """To another group, which takes it from its assignee."""

    at_s: float
    by: Seat
    group: str


@dataclass(frozen=True)
class Reply:
    """A public reply, by the requester when `by` is None."""

    at_s: float
    by: Seat | None
    body: str


@dataclass(frozen=True)
class SetStatus:
    at_s: float
    by: Seat
    status: Status


Step = Open | Assign | Move | Reply | SetStatus


@dataclass(frozen=True)
class Plan:
    """The steps of one incident in their order; `at_s` of each counts from the incident's arrival."""

    incident: str
    arrival_s: float
    requester: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Outcome:
    """What the log says of an incident after its steps; `events` are the types of all its events, in their order."""

    status: Status
    priority: str
    category: str
    group: str
    assignee: Seat | None
    reopens: int
    events: tuple[str, ...]


def plan(incident: Incident, requesters: int, seed: int) -> Plan:
    """The story of one incident: opened, taken, passed on, waited for, resolved, reopened, closed."""
    random = Random(f"plan:{seed}:{incident.ticket}")
    closed_s = max(incident.closed_s, incident.first_assigned_s)
    resolved_s = closed_s if incident.resolution_s is None else min(incident.resolution_s, closed_s)
    assigned_s = min(incident.first_assigned_s, resolved_s)
    resolver = Seat(incident.final_group, sum(incident.resolver.encode()) % 2)

    steps: list[Step] = [_open(incident)]
    steps += _taken(incident, assigned_s, resolver, random)
    steps += _passed_on(incident, assigned_s, resolved_s, resolver, random)
    steps += _waited(incident, steps[-1].at_s, resolved_s, resolver)
    steps.append(SetStatus(resolved_s, resolver, "resolved"))
    steps += _reopened(incident.reopens, resolved_s, closed_s, resolver)
    steps.append(SetStatus(closed_s, resolver, "closed"))
    return Plan(incident.ticket, incident.arrival_offset_s, random.randrange(requesters), tuple(steps))


def _open(incident: Incident) -> Open:
    number = int(incident.category) if incident.category.isdigit() else 0
    return Open(
        at_s=0.0,
        title=f"Incident of kind {incident.category or 'unknown'}/{incident.subcategory or 'unknown'}",
        description=f"Reported by {incident.contact_type.lower() or 'unknown means'}; something has stopped working.",
        priority=PRIORITIES[incident.priority],
        category=CATEGORIES[number % len(CATEGORIES)],
        group=incident.first_group,
        tags=(f"kind-{number}",),
    )


def _taken(incident: Incident, at_s: float, resolver: Seat, random: Random) -> list[Step]:
    """First assigned, and answered unless nobody ever touched it."""
    taker = Seat(incident.first_group, random.randrange(2))
    if incident.reassignments == 0:
        taker = resolver
    elif _stays_in_its_group(incident):
        taker = Seat(resolver.group, 1 - resolver.place)
    steps: list[Step] = [Assign(at_s, by=taker, to=taker)]
    if incident.log_steps > 0:
        steps.append(Reply(at_s, by=taker, body="Thank you, we are looking into it."))
    return steps


def _stays_in_its_group(incident: Incident) -> bool:
    """Whether its one reassignment can only have been from one agent of a group to the other."""
    return incident.reassignments == 1 and incident.first_group == incident.final_group


def _passed_on(incident: Incident, after_s: float, before_s: float, resolver: Seat, random: Random) -> list[Step]:
    """As many hand-overs as the log counts, evenly between its first assignment and its resolution."""
    hops = incident.reassignments
    if _stays_in_its_group(incident):
        return [Assign((after_s + before_s) / 2, by=resolver, to=resolver)]
    steps: list[Step] = []
    path = _path(incident.first_group, incident.final_group, hops, random)
    for hop, (here, there) in enumerate(pairwise(path), start=1):
        at_s = after_s + (before_s - after_s) * hop / (hops + 1)
        taker = resolver if hop == hops else Seat(there, random.randrange(2))
        steps.append(Move(at_s, by=Seat(here, random.randrange(2)), group=there))
        steps.append(Assign(at_s, by=taker, to=taker))
    return steps


def _path(first: str, final: str, hops: int, random: Random) -> list[str]:
    """`hops` moves from the first group to the final one, never to the group where it already is."""
    path = [first]
    for _ in range(hops - 1):
        path.append(random.choice([group for group in SECOND_LINE if group != path[-1]]))
    return [*path, final] if hops else path


def _waited(incident: Incident, not_before_s: float, resolved_s: float, resolver: Seat) -> list[Step]:
    if incident.pending_s <= 0:
        return []
    asked_s = max(not_before_s, resolved_s - incident.pending_s)
    return [
        SetStatus(asked_s, resolver, "pending"),
        Reply(resolved_s, by=None, body="Here is what you asked for."),
    ]


def _reopened(times: int, resolved_s: float, closed_s: float, resolver: Seat) -> list[Step]:
    """Reopened and resolved again, evenly until the closing: by the requester's reply and by hand in turn."""
    steps: list[Step] = []
    beat_s = (closed_s - resolved_s) / (2 * times + 1)
    for time in range(times):
        again_s = resolved_s + beat_s * (2 * time + 1)
        if time % 2 == 0:
            steps.append(Reply(again_s, by=None, body="It has happened again."))
        else:
            steps.append(SetStatus(again_s, resolver, "open"))
        steps.append(SetStatus(again_s + beat_s, resolver, "resolved"))
    return steps


def with_waits_up_to(plan: Plan, longest_s: float) -> Plan:
    """The same steps with no pause longer than `longest_s`, so that a paced run ends (the log has pauses of months)."""
    steps: list[Step] = []
    before_s = now_s = 0.0
    for step in plan.steps:
        now_s += min(step.at_s - before_s, longest_s)
        before_s = step.at_s
        steps.append(replace(step, at_s=now_s))
    return replace(plan, steps=tuple(steps))


def until(plans: Iterable[Plan], horizon_s: float) -> list[Plan]:
    """What had happened by a moment of the log: incidents that had arrived, with the steps taken by then."""
    cut = (
        replace(plan, steps=tuple(step for step in plan.steps if plan.arrival_s + step.at_s <= horizon_s))
        for plan in plans
    )
    return [plan for plan in cut if plan.steps]


def outcome(steps: Sequence[Step]) -> Outcome:
    """Where the steps lead, by the desk's rules for statuses that set themselves."""
    opened, *later = steps
    if not isinstance(opened, Open):
        raise TypeError("a ticket's first step is its opening")
    now = Outcome(
        status="new",
        priority=opened.priority,
        category=opened.category,
        group=opened.group,
        assignee=None,
        reopens=0,
        events=("ticket.opened",),
    )
    for step in later:
        now = _after(now, step)
    return now


def _after(now: Outcome, step: Step) -> Outcome:
    match step:
        case Assign():
            return replace(now, assignee=step.to, events=(*now.events, "ticket.assigned"))
        case Move():
            taken = () if now.assignee is None else ("ticket.unassigned",)
            return replace(now, group=step.group, assignee=None, events=(*now.events, "ticket.moved", *taken))
        case Reply(by=by):
            replied = replace(now, events=(*now.events, "ticket.replied"))
            opens = now.status in AWAKENED_BY if by is None else now.status == "new"
            return _to_status(replied, "open") if opens else replied
        case SetStatus():
            return _to_status(now, step.status)
        case Open():
            raise ValueError("a ticket is opened once")


def _to_status(now: Outcome, status: Status) -> Outcome:
    reopened = now.status in ("resolved", "closed") and status == "open"
    events = (*now.events, "ticket.status_changed")
    return replace(now, status=status, reopens=now.reopens + reopened, events=events)


def groups_of(plans: Iterable[Plan]) -> list[str]:
    """Every group that the steps name, in a stable order."""
    groups = {step.group for plan in plans for step in plan.steps if isinstance(step, Open | Move)}
    return sorted(groups)
