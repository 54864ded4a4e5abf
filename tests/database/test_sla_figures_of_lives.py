"""What a ticket's life comes to in the figures."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from database.pool import Pool
from database.sla_figures import ClockFilter, Counts, Decided, GroupBy, OpenClocks, SlaFigures
from database.tickets import TicketStore
from domain.people import TIMER
from domain.period import Period, pieces_of
from domain.sla_clock import TARGETS, ClockKey
from domain.ticket import Priority, Slug, Status
from domain.ticket_commands import AssignTicket, ChangeStatus, EditTicket, WarnOfTarget
from tests.database.clock_lives import Life
from tests.factories import AGENT, NOW, OTHER_AGENT, SUPERVISOR

HOUR, DAY, SECOND, MICROSECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=1)
MARCH = Period(datetime(2030, 3, 1, tzinfo=UTC), datetime(2030, 4, 1, tzinfo=UTC))
APRIL = Period(MARCH.until, datetime(2030, 5, 1, tzinfo=UTC))
ANSWER = ClockKey("customer", "first_response", 1)
A_DAY = Period(NOW, NOW + DAY)


def total(decided: Decided) -> Counts:
    counts = Counts()
    for figures in decided.values():
        counts = counts.plus(figures.counts)
    return counts


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
