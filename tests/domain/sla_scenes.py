"""Random scenes for the SLA rules: policies, calendars, a ticket, and what people do to it second by second."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, get_args

from hypothesis import strategies as st

from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, Day, Span, SpecialDay
from domain.people import Actor, Role
from domain.sla_ladder import Ladder, LadderStep, NotifyTeam, RaisePriority, StepAction
from domain.sla_policy import CarryRule, Conditions, Goal, Goals, Pauses, SlaPolicy, Terms
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import (
    AcknowledgeTicket,
    AddReply,
    BreachTarget,
    ChangeStatus,
    EditTicket,
    SnoozeTicket,
    TicketCommand,
    WarnOfTarget,
)
from tests import factories
from tests.domain.sla_desk import ZONE_DATA, SlaDesk
from tests.domain.sla_oracle import Oracle, seconds

LENGTH = timedelta(days=2)
"""How long a scene lasts."""
DAY = timedelta(days=1)
ZONES = {
    "Europe/Berlin": ["2026-03-29T01:00", "2026-10-25T01:00"],
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "Pacific/Apia": ["2011-12-30T10:00", "2011-09-24T11:00"],
    "Asia/Kathmandu": ["2028-02-28T18:15", "1985-12-31T18:30"],
    "UTC": ["2028-02-29T00:00", "2026-12-31T12:00"],
}
"""Where clocks are put forward or back, by an hour, half an hour, a quarter and a whole day; leap days, new years."""
PRIORITIES = (Priority.LOW, Priority.NORMAL, Priority.HIGH)
TIER = "gold"

NINE_TO_FIVE = (Span(since=9 * 60, until=17 * 60),)
NIGHT = (Span(since=22 * 60, until=6 * 60),)
HALVES = (Span(since=0, until=12 * 60), Span(since=12 * 60, until=0))
LATE = (Span(since=60, until=150), Span(since=170, until=23 * 60))
WEEKS: tuple[tuple[Day, ...], ...] = (
    (NINE_TO_FIVE,) * 5 + ((), ()),
    (NIGHT,) * 7,
    (HALVES,) * 7,
    (LATE,) * 7,
    ((), (), (), (), (), NINE_TO_FIVE, NIGHT),
)


class Scene(NamedTuple):
    """A ticket just opened, the policies from the top, a later version of each, and the calendars by version."""

    opened: Ticket
    offers: list[Terms]
    later: dict[int, Terms]
    calendars: dict[int, BusinessCalendar]


class Step(NamedTuple):
    """What somebody does, so many seconds after the step before, or so many from the ticket's next moment.

    No command: another version of the ticket's policy is applied to it.
    """

    pause: int
    is_at_next_moment: bool
    command: TicketCommand | None
    by: Actor


@st.composite
def days(draw: st.DrawFn) -> Day:
    marks = sorted(draw(st.sets(st.integers(0, 1439), max_size=4)))
    marks = marks[: len(marks) // 2 * 2]
    return tuple(Span(since=marks[place], until=marks[place + 1]) for place in range(0, len(marks), 2))


DAYS = days()
ALL_WEEKS = st.sampled_from(WEEKS) | st.tuples(*[DAYS] * 6, st.just(NINE_TO_FIVE))
NEAR = st.frozensets(st.integers(-2, 4), max_size=2)


@st.composite
def calendars(draw: st.DrawFn, around: date, zones: st.SearchStrategy[str]) -> BusinessCalendar:
    if draw(st.integers(0, 9)) == 0:
        return ALWAYS_OPEN
    special = {around + count * DAY: draw(DAYS) for count in draw(NEAR)}
    return BusinessCalendar(
        zone=draw(zones),
        week=draw(ALL_WEEKS),
        holidays=frozenset(around + count * DAY for count in draw(NEAR)),
        special_days=tuple(SpecialDay(on=on, spans=spans) for on, spans in special.items()),
    )


GOAL = st.none() | st.builds(
    Goal,
    minutes=st.integers(1, 30) | st.integers(1, 600) | st.sampled_from([30, 60, 240, 480]),
    time=st.sampled_from(["business", "wall"]),
)


@st.composite
def goals(draw: st.DrawFn) -> Goals:
    resolution = draw(GOAL)
    answers: dict[str, Goal | None] = {}
    for name in ("first_response", "next_response"):
        answer = draw(GOAL)
        if answer and resolution and answer.time == resolution.time and answer.minutes > resolution.minutes:
            answer = Goal(minutes=resolution.minutes, time=answer.time)
        answers[name] = answer
    return Goals(resolution=resolution, **answers)


TABLES = st.fixed_dictionaries({priority: goals() for priority in PRIORITIES})
PAUSING = st.sampled_from(
    [(), (Status.PENDING,), (Status.PENDING, Status.ON_HOLD), (Status.NEW,), (Status.OPEN, Status.ON_HOLD)]
)
CONDITIONS = st.sampled_from(
    [
        Conditions(),
        Conditions(priorities=(Priority.HIGH,)),
        Conditions(priorities=(Priority.NORMAL, Priority.HIGH), categories=("billing", "general")),
        Conditions(categories=("billing",)),
        Conditions(teams=("support",)),
        Conditions(tags=("vip", "press")),
        Conditions(tiers=(TIER,), teams=("support", "billing")),
        Conditions(tiers=("silver",)),
    ]
)
SHARES = st.sampled_from([(50, 75, 90), (), (99,), (1, 2), (33, 66)]) | st.sets(st.integers(1, 99), max_size=4).map(
    lambda percents: tuple(sorted(percents))
)


ACTIONS: list[StepAction] = [NotifyTeam(), RaisePriority(priority="high")]
LADDER_STEP = st.builds(
    LadderStep,
    after_minutes=st.integers(0, 120),
    since=st.sampled_from(["start", "breach"]),
    time=st.sampled_from(["business", "wall"]),
    actions=st.sampled_from(ACTIONS).map(lambda action: (action,)),
)
LADDERS = st.builds(
    Ladder,
    target=st.sampled_from(["first_response", "resolution"]),
    steps=st.lists(LADDER_STEP, min_size=1, max_size=2).map(tuple),
)
NO_TEAM_GOALS: st.SearchStrategy[dict[Priority, Goals]] = st.just({})
TEAM_GOALS = NO_TEAM_GOALS | TABLES
NO_LADDERS: st.SearchStrategy[dict[Priority, Ladder]] = st.just({})
ALL_LADDERS = NO_LADDERS | st.fixed_dictionaries({Priority.NORMAL: LADDERS})
PAUSES = st.builds(Pauses, first_response=PAUSING, next_response=PAUSING, resolution=PAUSING)
CARRYING = st.sampled_from(get_args(CarryRule))


@st.composite
def policies(draw: st.DrawFn, conditions: Conditions) -> SlaPolicy:
    table = draw(TABLES)
    wanted = conditions.priorities or PRIORITIES
    if all(table[priority].is_empty for priority in wanted):
        table[wanted[-1]] = Goals(resolution=Goal(minutes=90))
    return SlaPolicy(
        conditions=conditions,
        goals=table,
        team_goals=draw(TEAM_GOALS),
        warnings=draw(SHARES),
        pauses=draw(PAUSES),
        carry=draw(CARRYING),
        ladders=draw(ALL_LADDERS),
    )


STARTS = st.integers(-40 * 3600, 3600) | st.integers(-40, 1).map(lambda hours: 3600 * hours)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    zone = draw(st.sampled_from(sorted(ZONES)))
    about = datetime.fromisoformat(draw(st.sampled_from(ZONES[zone]))).replace(tzinfo=UTC)
    start = about + timedelta(seconds=draw(STARTS))
    zones = st.just(zone) | st.just(zone) | st.sampled_from(sorted(ZONES))
    by_version = {version: draw(calendars(about.date(), zones)) for version in (1, 2)}
    all_conditions = [*draw(st.lists(CONDITIONS, max_size=2)), draw(st.just(Conditions()) | CONDITIONS)]
    offers, later = [], {}
    for policy_id, conditions in enumerate(all_conditions, start=1):
        first, calendar = draw(policies(conditions)), draw(st.sampled_from([1, 2]))
        second = draw(st.just(first) | policies(conditions))
        changed = draw(st.sampled_from([1, 2]))
        offers.append(Terms(policy_id, policy_id, first, calendar, by_version[calendar], ZONE_DATA))
        later[policy_id] = Terms(policy_id, 10 + policy_id, second, changed, by_version[changed], ZONE_DATA)
    opened = factories.ticket(
        created_at=start,
        updated_at=start,
        priority=draw(st.sampled_from(PRIORITIES)),
        team=draw(st.sampled_from([None, "support"])),
        auto_close_days=1,
    )
    return Scene(opened, offers, later, by_version)


ANSWER = AddReply(text_id=factories.text_id("words"))
AS_REQUESTER = factories.BY_REQUESTER
BOSS_WHO_ASKED = Actor.person(factories.REQUESTER, Role.ADMIN)
"""Of the desk, but the ticket is theirs: what they write is no answer."""


def _edit(**values: Any) -> EditTicket:
    return EditTicket(**values)


STATUSES = st.builds(ChangeStatus, status=st.sampled_from(Status) | st.sampled_from([Status.PENDING, Status.OPEN]))
EDITS = st.one_of(
    st.builds(_edit, priority=st.sampled_from(PRIORITIES)),
    st.builds(_edit, priority=st.sampled_from(PRIORITIES)),
    st.builds(_edit, category=st.sampled_from(["billing", "general", "network"])),
    st.builds(_edit, tags=st.sampled_from([(), ("vip",), ("press", "urgent")])),
    st.builds(_edit, team=st.sampled_from(["support", "billing"])),
    st.builds(
        _edit,
        priority=st.sampled_from(PRIORITIES),
        team=st.sampled_from(["support", "network"]),
        category=st.none() | st.just("billing"),
    ),
    st.just(EditTicket(clear=("team",))),
)
SAID: st.SearchStrategy[tuple[TicketCommand, Actor]] = st.sampled_from(
    [
        (ANSWER, factories.BY_AGENT),
        (ANSWER, AS_REQUESTER),
        (ANSWER, AS_REQUESTER),
        (ANSWER, BOSS_WHO_ASKED),
        (AddReply(text_id=factories.text_id("a note"), internal=True), factories.BY_AGENT),
    ]
)
DONE: st.SearchStrategy[tuple[TicketCommand | None, Actor]] = st.one_of(
    SAID,
    SAID,
    st.tuples(STATUSES, st.just(factories.BY_AGENT)),
    st.tuples(STATUSES, st.just(factories.BY_AGENT)),
    st.tuples(EDITS, st.just(factories.BY_AGENT)),
    st.tuples(EDITS, st.just(factories.BY_AGENT)),
    st.sampled_from([(SnoozeTicket(), factories.BY_AGENT), (AcknowledgeTicket(), factories.BY_AGENT)]),
    st.just((None, factories.BY_SUPERVISOR)),
)
SOON, LATER, NEXT_DAY = st.integers(0, 120), st.integers(0, 3 * 3600), st.integers(0, 15 * 3600)
ON_THE_HOUR = st.integers(0, 12).map(lambda halves: 1800 * halves)
"""So that opening and closing times are met to the second."""
WAITS: st.SearchStrategy[tuple[int, bool]] = st.one_of(
    st.tuples(SOON | ON_THE_HOUR | ON_THE_HOUR | LATER | LATER | NEXT_DAY, st.just(False)),
    st.tuples(st.sampled_from([-1, 0, 0, 1]), st.just(True)),
)
STEPS = st.lists(st.builds(lambda wait, done: Step(*wait, *done), WAITS, DONE), min_size=3, max_size=16)


class Life(NamedTuple):
    """The ticket, and what is said of it, at a moment of a scene."""

    desk: SlaDesk
    oracle: Oracle
    at: datetime


def lived(scene: Scene, steps: list[Step]) -> Iterator[Life]:
    """Play a scene to its end: how things stand at its beginning, after each step, and at the end."""
    start, end = scene.opened.created_at, scene.opened.created_at + LENGTH
    desk = SlaDesk(scene.opened, scene.offers, scene.calendars.__getitem__, TIER)
    oracle = Oracle(scene.opened, scene.offers, scene.calendars.__getitem__, TIER)
    at, heard = start, 0
    yield Life(desk, oracle, at)
    for step in steps:
        at = min(_moment_of(step, desk, at), end)
        if step.command is not None:
            desk.does(step.command, step.by, at)
        elif desk.terms is not None:
            desk.takes(_other_version(scene, desk.terms), at, "the policy changed")
        heard = _tell(oracle, desk, heard)
        oracle.passes(seconds(at))
        yield Life(desk, oracle, at)
    desk.passes(end)
    _tell(oracle, desk, heard)
    oracle.passes(seconds(end))
    yield Life(desk, oracle, end)


def _moment_of(step: Step, desk: SlaDesk, at: datetime) -> datetime:
    moment = desk.next_moment
    if not step.is_at_next_moment or moment is None or moment.at > at + DAY / 2:
        return at + timedelta(seconds=max(step.pause, 0))
    return max(at, moment.at.replace(microsecond=0) + timedelta(seconds=step.pause))


def _other_version(scene: Scene, present: Terms) -> Terms:
    """The later version of the same policy; when the ticket has that already, the one before (an undo)."""
    later = scene.later[present.policy_id]
    return scene.offers[present.policy_id - 1] if present is later else later


def _tell(oracle: Oracle, desk: SlaDesk, heard: int) -> int:
    """Tell the oracle what happened to the ticket since; not what its clocks said, which it must know itself."""
    for what in desk.happened[heard:]:
        if not isinstance(what.command, WarnOfTarget | BreachTarget):
            oracle.hears(what)
    return len(desk.happened)
