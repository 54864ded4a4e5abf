"""Figures in SQL are those of a count by hand, for every figure, group and interval."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from activities.tickets import TicketActivities
from database.pool import Pool
from database.sla_figures import ClockFilter, Counts, Decided, GroupBy, OpenClocks, SlaFigures
from database.tickets import TicketStore
from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar
from domain.errors import UnknownReferenceError
from domain.ids import PersonId
from domain.lifecycle import decide, opened
from domain.people import TIMER, Actor
from domain.period import IntervalKind, Period, pieces_of
from domain.sla_clock import TARGETS, ClockKey, TicketSla
from domain.sla_keeping import begin
from domain.sla_policy import Conditions, Goal, Goals, SlaPolicy, Terms
from domain.ticket import Priority, Slug, Status, Ticket
from domain.ticket_commands import (
    AddReply,
    AssignTicket,
    BreachTarget,
    ChangeStatus,
    EditTicket,
    TicketCommand,
    WarnOfTarget,
)
from domain.ticket_events import TicketOpened
from tests.database.counted_clocks import (
    AS_OF,
    MICROSECOND,
    SECOND,
    ClockRow,
    counted,
    counted_open,
    group_of,
    interval_of,
    some_clocks,
    some_filter,
    some_tickets,
    store_clocks,
)
from tests.database.storing import state_of, stored_text
from tests.factories import AGENT, BY_AGENT, NOW, OTHER_AGENT, SUPERVISOR, envelope, opening_change, person_id, wording

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GROUPS: list[GroupBy] = list(get_args(GroupBy))
MARCH = Period(datetime(2030, 3, 1, tzinfo=UTC), datetime(2030, 4, 1, tzinfo=UTC))
APRIL = Period(MARCH.until, datetime(2030, 5, 1, tzinfo=UTC))
PERIODS = [
    MARCH,
    Period(datetime(2030, 3, 30, 22, 59, 59, tzinfo=UTC), datetime(2030, 4, 2, 1, 0, 0, 1, tzinfo=UTC)),
    Period(AS_OF - 30 * DAY, AS_OF),
    Period(AS_OF - 70 * DAY, AS_OF + 30 * DAY),
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham"]
CLOCKS = 1_000


@pytest.fixture
def figures(pool: Pool) -> SlaFigures:
    return SlaFigures(pool)


def chance_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  nothing secret


def close(figures: Any) -> Any:
    """The same, but for the last bits of what is no whole number."""
    if isinstance(figures, dict):
        return {key: close(value) for key, value in figures.items()}
    if isinstance(figures, tuple):
        return tuple(close(part) for part in figures)
    return pytest.approx(figures, rel=1e-9, abs=1e-6) if isinstance(figures, float) else figures


def midnights(zone: str) -> list[datetime]:
    """Those around the days on which the clocks change in America, Europe and on Chatham in the spring of 2030."""
    changes = [datetime(2030, 3, 10, tzinfo=UTC), datetime(2030, 3, 31, tzinfo=UTC), datetime(2030, 4, 7, tzinfo=UTC)]
    return [
        piece.since for day in changes for piece in pieces_of(Period(day - 12 * HOUR, day + 36 * HOUR), "day", zone)[1:]
    ]


async def clocks_in(pool: Pool, store: TicketStore, chance: random.Random, zone: str = "UTC") -> list[ClockRow]:
    tickets = await some_tickets(store, chance)
    edges = [*midnights(zone), AS_OF, *(edge for period in PERIODS for edge in period)]
    clocks = some_clocks(tickets, edges, chance, CLOCKS)
    await store_clocks(pool, clocks)
    return clocks


def total(decided: Decided) -> Counts:
    counts = Counts()
    for figures in decided.values():
        counts = counts.plus(figures.counts)
    return counts


@pytest.mark.parametrize("seed", range(3))
async def test_a_periods_figures_are_those_of_a_count_by_hand(
    pool: Pool, store: TicketStore, figures: SlaFigures, seed: int
) -> None:
    chance = chance_of(seed)
    clocks = await clocks_in(pool, store, chance)

    for period in PERIODS:
        for wanted in (ClockFilter(), ClockFilter(audience="team"), *(some_filter(chance) for _ in range(6))):
            metrics = await figures.metrics(period, wanted, None, AS_OF)

            assert metrics.decided == close(counted(clocks, wanted, period)), (period, wanted)
            assert metrics.open == close(counted_open(clocks, wanted)), wanted
            assert metrics.groups == []


@pytest.mark.parametrize("group_by", GROUPS)
async def test_each_groups_figures_are_those_of_a_count_by_hand_and_add_up(
    pool: Pool, store: TicketStore, figures: SlaFigures, group_by: GroupBy
) -> None:
    chance = chance_of(7)
    clocks = await clocks_in(pool, store, chance)

    for wanted in (ClockFilter(), *(some_filter(chance) for _ in range(4))):
        metrics = await figures.metrics(MARCH, wanted, group_by, AS_OF)

        assert metrics.decided == close(counted(clocks, wanted, MARCH))
        assert metrics.open == close(counted_open(clocks, wanted))
        assert len({group.key for group in metrics.groups}) == len(metrics.groups)
        for group in metrics.groups:
            decided = [one for one in clocks if group_of(one, group_by, now=False) == group.key]
            still_open = [one for one in clocks if group_of(one, group_by, now=True) == group.key]
            assert group.decided == close(counted(decided, wanted, MARCH)), group.key
            assert group.open == close(counted_open(still_open, wanted)), group.key
        for target in wanted.targets:
            parts = [group.decided[target].counts for group in metrics.groups]
            assert metrics.decided[target].counts == Counts(*map(sum, zip(Counts(), *parts, strict=True)))


@pytest.mark.parametrize("interval", get_args(IntervalKind))
@pytest.mark.parametrize("zone", ZONES)
async def test_each_intervals_figures_are_those_of_a_count_by_hand_and_add_up(
    pool: Pool, store: TicketStore, figures: SlaFigures, zone: str, interval: IntervalKind
) -> None:
    chance = chance_of(11)
    clocks = await clocks_in(pool, store, chance, zone)

    for period in PERIODS:
        wanted = chance.choice([ClockFilter(), some_filter(chance)])
        pieces = pieces_of(period, interval, zone)
        trends = await figures.trends(pieces, wanted, AS_OF)

        for piece, decided in zip(pieces, trends, strict=True):
            inside = [one for one in clocks if interval_of(one, interval, zone) == piece.on]
            assert decided == close(counted(inside, wanted, period)), piece
        metrics = await figures.metrics(period, wanted, None, AS_OF)
        for target in wanted.targets:
            parts = [decided[target].counts for decided in trends]
            assert metrics.decided[target].counts == Counts(*map(sum, zip(*parts, strict=True)))


async def test_the_clocks_that_chance_gives_are_of_every_kind(pool: Pool, store: TicketStore) -> None:
    clocks = await clocks_in(pool, store, chance_of(0), "Europe/Berlin")
    spring = datetime(2030, 3, 30, 23, tzinfo=UTC)

    kinds = {(one.phase, one.breached_at is not None, one.breach is not None) for one in clocks}
    assert kinds == {
        ("met", False, False), ("met", True, True), ("running", True, True), ("paused", True, True),
        ("cancelled", False, False), ("cancelled", True, True), ("running", False, True), ("running", False, False),
        ("paused", False, False),
    }  # fmt: skip
    for edge in (MARCH.until, AS_OF, spring, spring + 23 * HOUR):
        shifts = {one.decision - edge for one in clocks if one.decision} & {-MICROSECOND, timedelta(), MICROSECOND}
        assert shifts >= {-MICROSECOND, timedelta()}, edge


# What a clock's life comes to.


GOALS = Goals(first_response=Goal(minutes=60), resolution=Goal(minutes=240))
GOAL_OF_ALL = dict.fromkeys(Priority, GOALS)
NETWORK = SlaPolicy(conditions=Conditions(teams=("network",)), goals=GOAL_OF_ALL)
TERMS = {
    1: Terms(1, 1, NETWORK, 1, ALWAYS_OPEN, "test"),
    2: Terms(2, 2, SlaPolicy(goals=GOAL_OF_ALL, team_goals=GOAL_OF_ALL), 1, ALWAYS_OPEN, "test"),
}


class FixedTerms:
    """A desk on which every ticket has an hour for its answer and four for its end, for the customer and, but for
    team `network`, for the team."""

    zone_data = "test"

    async def offer_to(self, requester: PersonId) -> tuple[Slug, tuple[Terms, ...]]:
        return "standard", tuple(TERMS.values())

    async def terms_of(self, sla: TicketSla | None) -> Terms | None:
        return None if sla is None or sla.policy_version is None else TERMS[sla.policy_version]

    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]:
        return {1: ALWAYS_OPEN}.__getitem__


class Life:
    """A ticket whose clocks are kept and stored as the worker does."""

    def __init__(self, store: TicketStore, ticket: Ticket) -> None:
        self._store = store
        self._activities = TicketActivities(store, FixedTerms())
        self.ticket = ticket

    @classmethod
    async def begun(cls, store: TicketStore, *, at: datetime = NOW, **fields: Any) -> "Life":
        change = opening_change(await store.next_number(), at=at, **fields)
        event = change.events[0]
        assert isinstance(event, TicketOpened)
        sla = begin(opened(change.number, event, at), TERMS[2], "test")
        change = change.model_copy(update={"events": (event.model_copy(update={"sla": sla}),)})
        await store.open(change, wording(change))
        return cls(store, await state_of(store, change.number))

    async def does(self, command: TicketCommand, at: datetime, by: Actor = BY_AGENT) -> None:
        await self._activities.record(decide(self.ticket, envelope(command, actor=by), at))
        self.ticket = await state_of(self._store, self.ticket.number)

    async def answered(self, at: datetime) -> None:
        await self.does(AddReply(text_id=await stored_text(self._store, self.ticket.number)), at)

    async def breached(self, key: ClockKey) -> None:
        """The timer rings at the moment at which the clock is due."""
        assert self.ticket.sla is not None
        clock = self.ticket.sla.at(key)
        assert clock is not None
        assert clock.due_at is not None
        await self.does(BreachTarget(**key._asdict()), clock.due_at, TIMER)


ANSWER, WORK = ClockKey("customer", "first_response", 1), ClockKey("customer", "resolution", 1)
A_DAY = Period(NOW, NOW + DAY)


async def of_group(figures: SlaFigures, group_by: GroupBy, key: str | None, now: datetime, **wanted: Any) -> Decided:
    metrics = await figures.metrics(A_DAY, ClockFilter(**wanted), group_by, now)
    return next((group.decided for group in metrics.groups if group.key == key), {})


async def test_what_was_breached_in_march_and_met_in_april_is_breached_once_in_march(
    store: TicketStore, figures: SlaFigures
) -> None:
    life = await Life.begun(store, at=MARCH.until - 2 * HOUR)
    await life.breached(ANSWER)
    before = await figures.metrics(MARCH, ClockFilter(), None, MARCH.until)
    await life.answered(MARCH.until + 3 * DAY)

    march, april = [
        (await figures.metrics(period, ClockFilter(), None, APRIL.until)).decided["first_response"]
        for period in (MARCH, APRIL)
    ]
    assert before.decided["first_response"].counts == Counts(breached=1, still_open=1)
    assert march.counts == Counts(breached=1, met_late=1)
    assert march.past_due is not None
    assert march.past_due.average == (3 * DAY + HOUR) / SECOND
    assert april.counts == Counts()


async def test_what_is_due_is_breached_on_the_second_before_anybody_has_written_it_down(
    store: TicketStore, figures: SlaFigures
) -> None:
    life = await Life.begun(store)
    due = NOW + HOUR

    async def at(now: datetime) -> tuple[Counts, int]:
        metrics = await figures.metrics(A_DAY, ClockFilter(target=["first_response"]), None, now)
        return metrics.decided["first_response"].counts, metrics.open["first_response"].overdue

    unwritten = [await at(due - MICROSECOND), await at(due), await at(due + HOUR)]
    await life.breached(ANSWER)

    assert unwritten == [(Counts(), 0), (Counts(breached=1, still_open=1), 1), (Counts(breached=1, still_open=1), 1)]
    assert [await at(due), await at(due + HOUR)] == unwritten[1:]


async def test_a_period_begins_with_its_first_instant_and_ends_before_its_last(
    store: TicketStore, figures: SlaFigures
) -> None:
    life = await Life.begun(store)
    ended = NOW + HOUR / 2
    await life.answered(ended)

    async def met(since: datetime, until: datetime) -> int:
        metrics = await figures.metrics(Period(since, until), ClockFilter(), None, NOW + DAY)
        return metrics.decided["first_response"].counts.met_in_time

    assert await met(ended, ended + MICROSECOND) == 1
    assert await met(ended - HOUR, ended) == 0
    assert await met(ended + MICROSECOND, ended + HOUR) == 0


async def test_a_clock_counts_where_its_ticket_was_when_it_was_decided(store: TicketStore, figures: SlaFigures) -> None:
    life = await Life.begun(store, team="support", priority=Priority.HIGH, category="technical")
    await life.does(AssignTicket(assignee_id=AGENT), NOW)
    await life.breached(ANSWER)
    await life.does(EditTicket(team="billing", priority=Priority.LOW, category="billing"), NOW + 2 * HOUR)
    await life.does(AssignTicket(assignee_id=SUPERVISOR), NOW + 2 * HOUR)
    await life.answered(NOW + 3 * HOUR)

    now = NOW + 3 * HOUR
    late = Counts(breached=1, met_late=1)
    places: dict[GroupBy, tuple[str, str]] = {
        "team": ("support", "billing"),
        "priority": ("high", "low"),
        "category": ("technical", "billing"),
        "agent": (str(AGENT), str(SUPERVISOR)),
    }
    for group_by, (then, since) in places.items():
        assert (await of_group(figures, group_by, then, now))["first_response"].counts == late, group_by
        assert total(await of_group(figures, group_by, since, now)) == Counts(), group_by


async def test_what_is_open_is_shown_where_its_ticket_is_now(store: TicketStore, figures: SlaFigures) -> None:
    life = await Life.begun(store, team="support")
    await life.does(EditTicket(team="billing"), NOW + HOUR / 2)
    await life.does(WarnOfTarget(**ANSWER._asdict(), percent=50), NOW + HOUR / 2, TIMER)

    metrics = await figures.metrics(A_DAY, ClockFilter(), "team", NOW + HOUR / 2)

    (group,) = metrics.groups
    assert (group.key, group.name) == ("billing", "billing")
    assert (group.open["first_response"].running, group.open["first_response"].at_risk) == (1, 1)
    assert (group.open["resolution"].running, group.open["resolution"].at_risk) == (1, 0)
    assert total(metrics.decided) == Counts(), "what still runs has not failed"


@pytest.mark.parametrize(("next_team", "decided"), [("billing", Counts(met_in_time=1)), ("network", Counts())])
async def test_a_teams_own_clocks_end_with_the_team_and_stay_its(
    store: TicketStore, figures: SlaFigures, next_team: Slug, decided: Counts
) -> None:
    life = await Life.begun(store, team="support")
    await life.does(EditTicket(team=next_team), NOW + HOUR / 2)
    await life.answered(NOW + HOUR)

    metrics = await figures.metrics(A_DAY, ClockFilter(audience="team"), "team", NOW + DAY)

    groups = {group.key: group for group in metrics.groups}
    assert groups["support"].decided["first_response"].counts == Counts(cancelled=1)
    assert groups["support"].open["resolution"] == OpenClocks()
    assert metrics.decided["first_response"].counts == decided.plus(Counts(cancelled=1))
    assert (next_team in groups) == (next_team != "network")


async def test_used_time_leaves_pauses_out_and_wall_clock_time_does_not(
    store: TicketStore, figures: SlaFigures
) -> None:
    life = await Life.begun(store)
    await life.does(ChangeStatus(status=Status.PENDING), NOW + HOUR)
    paused = await figures.metrics(A_DAY, ClockFilter(), None, NOW + 2 * HOUR)
    await life.does(ChangeStatus(status=Status.OPEN), NOW + 5 * HOUR)
    await life.does(ChangeStatus(status=Status.RESOLVED), NOW + 6 * HOUR)

    metrics = await figures.metrics(A_DAY, ClockFilter(), None, NOW + 6 * HOUR)

    resolution = metrics.decided["resolution"]
    assert resolution.counts == Counts(met_in_time=1)
    assert resolution.used is not None
    assert resolution.wall is not None
    assert (resolution.used.average, resolution.wall.average) == (2 * HOUR / SECOND, 6 * HOUR / SECOND)
    assert (paused.open["resolution"].paused, paused.open["resolution"].running) == (1, 0)


async def test_a_breach_that_nobody_met_is_no_longer_open_when_it_is_cancelled(
    store: TicketStore, figures: SlaFigures
) -> None:
    life = await Life.begun(store)
    await life.breached(ANSWER)
    await life.does(ChangeStatus(status=Status.RESOLVED), NOW + 2 * HOUR)

    metrics = await figures.metrics(A_DAY, ClockFilter(), None, NOW + 2 * HOUR)

    answer = metrics.decided["first_response"]
    assert (answer.counts, answer.used) == (Counts(breached=1), None)
    assert metrics.open["first_response"].overdue == 0


async def test_versions_of_a_policy_are_one_group(pool: Pool, store: TicketStore, figures: SlaFigures) -> None:
    older = await pool.fetchval(
        "insert into sla_policy_versions (policy_id, version, calendar_id, policy) "
        "select policy_id, 0, calendar_id, policy from sla_policy_versions where id = 2 returning id"
    )
    lives = [await Life.begun(store) for _ in range(2)]
    for life in lives:
        await life.answered(NOW + HOUR / 2)
    await pool.execute(
        "update sla_clocks set policy_version = $1 where ticket_number = $2", older, lives[0].ticket.number
    )

    metrics = await figures.metrics(A_DAY, ClockFilter(), "policy", NOW + HOUR)

    await pool.execute("delete from sla_clocks")
    await pool.execute("delete from sla_policy_versions where id = $1", older)
    (group,) = metrics.groups
    assert (group.key, group.name) == ("2", "Standard")
    assert group.decided["first_response"].counts == Counts(met_in_time=2)


async def test_the_example_of_the_documentation(store: TicketStore, figures: SlaFigures) -> None:
    def berlin(text: str) -> datetime:
        return datetime.fromisoformat(f"2030-{text}+02:00").astimezone(UTC)

    for opened_at, answered_at in (
        ("03-31T08:00:00", "03-31T08:40:00"),
        ("03-31T22:30:00", "03-31T23:50:00"),
        ("03-31T22:59:59", "04-01T00:10:00"),
        ("03-31T23:00:00", "04-01T00:10:00"),
        ("03-31T23:30:00", None),
    ):
        life = await Life.begun(store, at=berlin(opened_at))
        if answered_at is None or berlin(answered_at) - berlin(opened_at) >= HOUR:
            await life.breached(ANSWER)
        if answered_at is not None:
            await life.answered(berlin(answered_at))

    pieces = pieces_of(Period(berlin("03-31T01:00:00"), berlin("04-02T00:00:00")), "day", "Europe/Berlin")
    sunday, monday = await figures.trends(pieces, ClockFilter(target=["first_response"]), berlin("04-01T12:00:00"))

    first, second = sunday["first_response"], monday["first_response"]
    assert first.counts == Counts(met_in_time=1, breached=2, met_late=2)
    assert first.counts.compliance == pytest.approx(1 / 3)
    assert first.used is not None
    assert (first.used.median, first.used.longest) == (4_201, 4_800)
    assert first.past_due is not None
    assert (first.past_due.average, first.past_due.longest) == ((601 + 1_200) / 2, 1_200)
    assert second.counts == Counts(breached=2, met_late=1, still_open=1)
    assert second.counts.compliance == 0


async def test_nothing_decided_has_no_compliance(figures: SlaFigures) -> None:
    metrics = await figures.metrics(A_DAY, ClockFilter(), "team", NOW)

    assert set(metrics.decided) == set(TARGETS)
    assert {one.counts.compliance for one in metrics.decided.values()} == {None}
    assert metrics.groups == []
    assert Counts(met_in_time=3, breached=1, cancelled=9).compliance == 0.75


async def test_groups_come_in_an_order_for_people(store: TicketStore, figures: SlaFigures) -> None:
    for priority in Priority:
        await Life.begun(store, priority=priority)
    assigned = [await Life.begun(store, team="support") for _ in range(2)]
    for life, agent in zip(assigned, (OTHER_AGENT, AGENT), strict=True):
        await life.does(AssignTicket(assignee_id=agent), NOW)

    by_priority = await figures.metrics(A_DAY, ClockFilter(), "priority", NOW)
    by_agent = await figures.metrics(A_DAY, ClockFilter(), "agent", NOW)

    assert [group.key for group in by_priority.groups] == ["urgent", "high", "normal", "low"]
    assert [group.name for group in by_agent.groups] == ["agent", "other agent", None]


@pytest.mark.parametrize("wanted", [{"team": ["nowhere"]}, {"category": ["nothing"]}, {"agent": [person_id("nobody")]}])
async def test_what_does_not_exist_is_named(figures: SlaFigures, wanted: dict[str, Any]) -> None:
    await figures.check_known(ClockFilter(team=["support"], category=["general"], agent=[AGENT]))

    with pytest.raises(UnknownReferenceError, match=str(next(iter(wanted.values()))[0])):
        await figures.check_known(ClockFilter(**wanted))
