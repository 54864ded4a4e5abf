"""Coverage: who is on when, gaps, and the score."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from domain.coverage import Gap, NeedSpan, WeekNeed, by_hour, coverage_of, need_spans
from domain.ids import PersonId
from tests.domain.planning import a_break, at, of, shift
from tests.factories import AGENT, BILLING_AGENT, NOW, OTHER_AGENT, person_id

NOBODY = frozenset[PersonId]()
PEOPLE = [AGENT, OTHER_AGENT, BILLING_AGENT, person_id("somebody")]


def need(agents: int, since: float = 0, until: float = 8) -> list[NeedSpan]:
    return [NeedSpan(at(since), at(until), agents)]


def test_who_is_on_when_is_told_with_breaks_taken_out() -> None:
    plan = [of(AGENT, 0, 8, a_break(4, 4.5)), of(OTHER_AGENT, 2, 10)]

    found = coverage_of(plan, need(1, 0, 12), at(0), at(12))

    assert [(one.starts_at, one.ends_at, one.agents, one.on_break) for one in found.stretches] == [
        (at(0), at(2), {AGENT}, NOBODY),
        (at(2), at(4), {AGENT, OTHER_AGENT}, NOBODY),
        (at(4), at(4.5), {OTHER_AGENT}, {AGENT}),
        (at(4.5), at(8), {AGENT, OTHER_AGENT}, NOBODY),
        (at(8), at(10), {OTHER_AGENT}, NOBODY),
        (at(10), at(12), NOBODY, NOBODY),
    ]
    assert found.gaps == (Gap(at(10), at(12), 1, 120),)


def test_one_more_than_needed_covers_nothing() -> None:
    plan = [of(AGENT, 0, 4), of(OTHER_AGENT, 0, 4)]

    found = coverage_of(plan, need(1), at(0), at(8))

    assert (found.score, found.gaps) == (50.0, (Gap(at(4), at(8), 1, 240),))


def test_a_gap_is_one_while_somebody_is_missing_however_many() -> None:
    plan = [of(AGENT, 2, 4), of(OTHER_AGENT, 4, 8), of(BILLING_AGENT, 4, 8)]

    found = coverage_of(plan, need(2), at(0), at(8))

    assert found.gaps == (Gap(at(0), at(4), 2, 2 * 120 + 120),)
    assert found.score == pytest.approx(100 * (2 + 8) / 16)


def test_the_three_worst_gaps_are_those_with_most_time_missing() -> None:
    plan = [of(AGENT, since, since + 1) for since in (1, 4, 6, 10)]

    found = coverage_of(plan, need(1, 0, 12), at(0), at(12))

    assert [(gap.starts_at, gap.ends_at) for gap in found.gaps] == [
        (at(0), at(1)),
        (at(2), at(4)),
        (at(5), at(6)),
        (at(7), at(10)),
        (at(11), at(12)),
    ]
    assert [gap.starts_at for gap in found.worst_gaps] == [at(7), at(2), at(0)]


def test_where_nobody_is_needed_there_is_no_score() -> None:
    found = coverage_of([of(AGENT)], [], at(0), at(8))

    assert (found.score, found.gaps, found.worst_gaps) == (None, (), ())


def test_a_shift_that_ended_early_covers_until_then() -> None:
    found = coverage_of([shift(0, 8, started_at=at(0), ended_at=at(6))], need(1), at(0), at(8))

    assert (found.score, found.gaps) == (75.0, (Gap(at(6), at(8), 1, 120),))


def test_needs_that_follow_each_other_are_one_stretch() -> None:
    found = coverage_of([of(AGENT)], need(1, 0, 4) + need(1, 4, 8), at(0), at(8))

    assert [(one.starts_at, one.ends_at) for one in found.stretches] == [(at(0), at(8))]


def test_a_coverage_is_told_hour_by_hour() -> None:
    plan = [of(AGENT, 0, 1.5), of(OTHER_AGENT, 0.25, 2)]

    found = by_hour(coverage_of(plan, need(2, 0, 2), at(0), at(2.5)), "Asia/Kolkata")

    assert [(one.starts_at, one.hour, one.agents, one.required, one.missing_minutes) for one in found] == [
        (at(0), 14, 1.5, 2, 15),
        (at(0.5), 15, 2, 2, 0),
        (at(1.5), 16, 0.5, 1, 30),
    ]
    assert {one.on for one in found} == {NOW.date()}


def test_the_need_changes_on_the_zones_hours() -> None:
    week = [[0] * 24 for _ in range(7)]
    week[0][9:17] = [2] * 8
    berlin = WeekNeed.model_validate({"zone": "Europe/Berlin", "week": week})
    monday = datetime(2030, 1, 7, tzinfo=UTC)

    assert need_spans(berlin, monday, monday + timedelta(days=1)) == [
        NeedSpan(monday, monday + timedelta(hours=8), 0),
        NeedSpan(monday + timedelta(hours=8), monday + timedelta(hours=16), 2),
        NeedSpan(monday + timedelta(hours=16), monday + timedelta(days=1), 0),
    ]


def test_the_need_of_half_an_hour_zones_begins_on_their_hours() -> None:
    week = [[hour % 2 for hour in range(24)] for _ in range(7)]
    kolkata = WeekNeed.model_validate({"zone": "Asia/Kolkata", "week": week})

    spans = need_spans(kolkata, NOW, NOW + timedelta(hours=2))

    assert [(one.starts_at - NOW, one.agents) for one in spans] == [
        (timedelta(), 0),
        (timedelta(minutes=30), 1),
        (timedelta(minutes=90), 0),
    ]


def test_an_hour_that_comes_twice_is_needed_twice() -> None:
    week = [[0] * 24 for _ in range(7)]
    week[6][2] = 1
    berlin = WeekNeed.model_validate({"zone": "Europe/Berlin", "week": week})

    def needed(day: datetime) -> float:
        spans = need_spans(berlin, day, day + timedelta(days=1))
        return sum((one.ends_at - one.starts_at) / timedelta(hours=1) for one in spans if one.agents)

    assert [needed(datetime(2030, month, day, tzinfo=UTC)) for month, day in ((3, 24), (3, 31), (10, 27))] == [1, 0, 2]


@pytest.mark.parametrize("week", [[[0] * 24] * 6, [[0] * 23] * 7, [[-1] * 24] * 7, []])
def test_a_need_has_seven_days_of_24_hours(week: list[list[int]]) -> None:
    with pytest.raises(ValidationError):
        WeekNeed.model_validate({"zone": "UTC", "week": week})


@given(
    some.lists(some.tuples(some.integers(0, 3), some.integers(-10, 50), some.integers(1, 16)), max_size=12),
    some.lists(some.integers(0, 3), min_size=1, max_size=5),
)
def test_stretches_fill_the_time_and_say_what_each_moment_says(
    plan: list[tuple[int, int, int]], needs: list[int]
) -> None:
    """The same as asking at every quarter of an hour."""
    shifts = [of(PEOPLE[who], since / 2, (since + length) / 2) for who, since, length in plan]
    spans = [NeedSpan(at(4 * place), at(4 * place + 4), agents) for place, agents in enumerate(needs)]

    found = coverage_of(shifts, spans, at(0), at(20))

    assert (found.stretches[0].starts_at, found.stretches[-1].ends_at) == (at(0), at(20))
    assert all(one.ends_at == two.starts_at for one, two in zip(found.stretches, found.stretches[1:], strict=False))
    covered = needed = 0
    for quarter in range(80):
        now = at(quarter / 4)
        on = frozenset(one.agent_id for one in shifts if one.starts_at <= now < one.ends_at)
        required = next((one.agents for one in spans if one.starts_at <= now < one.ends_at), 0)
        (stretch,) = [one for one in found.stretches if one.starts_at <= now < one.ends_at]
        assert (stretch.agents, stretch.required) == (on, required)
        covered += min(len(on), required)
        needed += required
    assert found.score == (pytest.approx(100 * covered / needed, abs=0.051) if needed else None)
