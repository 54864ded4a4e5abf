"""Time is never lost or counted twice: whatever is done to a ticket, its clocks show what an oracle counts.

The oracle (`sla_oracle`) looks at every second of a scene and adds it or does not. Each test lives through random
scenes (`sla_scenes`): policies, calendars and zones about a change of their clocks, commands at random seconds and at
the very moments for which the ticket waits.

A run takes the same scenes every time. `SLA_EXAMPLES=5000` takes as many new ones for each test:

    SLA_EXAMPLES=5000 python -m pytest --timeout=0 --log-cli-level=INFO tests/domain/test_sla_properties.py

and says how much it covered.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain.sla_clock import Clock, ClockKey, Segment
from domain.ticket_commands import BreachTarget, WarnOfTarget
from tests.domain.sla_desk import SlaDesk
from tests.domain.sla_oracle import Count, Oracle, moment, seconds
from tests.domain.sla_scenes import STEPS, Life, Scene, Step, lived, scenes

EXAMPLES = int(os.environ.get("SLA_EXAMPLES", "0"))
MANY = settings(
    max_examples=EXAMPLES or 50,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SECOND = timedelta(seconds=1)
covered: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[None]:
    """Says what a run covered."""
    yield
    logging.getLogger(__name__).info("covered: %s", dict(covered))


def living(scene: Scene, steps: list[Step]) -> Iterator[Life]:
    """Live through a scene, and count what comes of it."""
    covered["scenes"] += 1
    life: Life | None = None
    for life in lived(scene, steps):
        covered["looks"] += 1
        yield life
    assert life is not None
    done = [what.command for what in life.desk.happened]
    covered["commands"] += sum(1 for one in done if not isinstance(one, WarnOfTarget | BreachTarget | None))
    covered["terms applied"] += done.count(None)
    covered["alarms"] += len(life.desk.alarms)
    covered["cycles"] += len(life.desk.clocks)
    covered["segments"] += len(life.desk.segments)
    covered["clock seconds"] += sum(count.at - count.started for count in all_counts(life.oracle).values())


def all_counts(oracle: Oracle) -> dict[ClockKey, Count]:
    """Every cycle, by the oracle."""
    return oracle.ended | {count.key: count for count in oracle.counts.values()}


def shown(clock: Clock) -> dict[str, object]:
    """What a clock says that the oracle must say as well."""
    return {
        "phase": clock.phase,
        "goal": clock.goal.total_seconds(),
        "time": clock.time,
        "calendar": clock.calendar_version if clock.time == "business" else None,
        "warned": clock.warned,
        "started": clock.started_at,
        "breached": clock.breached_at,
        "ended": clock.ended_at,
    }


def expected(count: Count) -> dict[str, object]:
    """The same by the oracle."""
    return {
        "phase": count.phase,
        "goal": count.goal,
        "time": count.time,
        "calendar": count.calendar if count.time == "business" else None,
        "warned": count.warned,
        "started": moment(count.started),
        "breached": None if count.breached_at is None else moment(count.breached_at),
        "ended": None if count.ended_at is None else moment(count.ended_at),
    }


@MANY
@given(scenes(), STEPS)
def test_a_clock_has_used_the_seconds_that_the_oracle_counts(scene: Scene, steps: list[Step]) -> None:
    for desk, oracle, at in living(scene, steps):
        counted = {key: count.counted for key, count in all_counts(oracle).items()}

        assert {key: desk.used(clock, at) for key, clock in desk.clocks.items()} == counted


@MANY
@given(scenes(), STEPS)
def test_clocks_begin_pause_and_end_as_the_rules_say(scene: Scene, steps: list[Step]) -> None:
    for desk, oracle, _ in living(scene, steps):
        counts = all_counts(oracle)

        assert {key: shown(clock) for key, clock in desk.clocks.items()} == {
            key: expected(count) for key, count in counts.items()
        }


@MANY
@given(scenes(), STEPS)
def test_a_clock_is_due_at_the_first_second_by_which_its_goal_is_counted(scene: Scene, steps: list[Step]) -> None:
    for desk, oracle, at in living(scene, steps):
        for clock in desk.sla.clocks:
            count = oracle.counts[clock.audience, clock.target]
            if clock.phase == "running" and clock.breached_at is None:
                due = oracle.due(count, seconds(at))
                assert clock.due_at == (None if due is None else moment(due))
            if clock.phase == "paused" and clock.breached_at is None:
                assert clock.due_at is None


@MANY
@given(scenes(), STEPS)
def test_each_warning_and_each_breach_comes_once_and_at_its_moment(scene: Scene, steps: list[Step]) -> None:
    for desk, oracle, _ in living(scene, steps):
        assert sorted(desk.alarms) == sorted(oracle.alarms)

    breaches = [alarm.clock for alarm in desk.alarms if alarm.percent == 100]
    assert len(set(breaches)) == len(breaches)


@MANY
@given(scenes(), STEPS)
def test_the_segments_of_a_clock_tile_its_life_and_add_up(scene: Scene, steps: list[Step]) -> None:
    for desk, oracle, at in living(scene, steps):
        for key, clock in desk.clocks.items():
            parts = segments_of(desk, key, at)
            ends = [part.until for part in parts]
            if parts:
                assert [clock.started_at, *ends[:-1]] == [part.since for part in parts]
            assert ([clock.started_at, *ends])[-1] == (clock.ended_at or at)
            assert all(part.since < part.until for part in parts)
            assert all(part.used == timedelta() for part in parts if part.phase == "paused")
            since = moment(all_counts(oracle)[key].counts_since)
            assert sum((part.used for part in parts if part.since >= since), timedelta()) == timedelta(
                seconds=desk.used(clock, at)
            )
        assert len({*desk.clocks}) == sum(clock.cycle for clock in desk.sla.clocks)


def segments_of(desk: SlaDesk, key: ClockKey, at: datetime) -> list[Segment]:
    """The segments of a cycle that are over, and the open one as far as it goes."""
    parts = [part for part in desk.segments if (part.audience, part.target, part.cycle) == key]
    clock = desk.clocks[key]
    if clock.is_open and clock.since < at:
        used = timedelta(seconds=desk.used(clock, at)) - clock.used
        fields = {name: getattr(clock, name) for name in Segment.model_fields if hasattr(clock, name)}
        parts.append(Segment(**{**fields, "until": at, "used": used, "zone_data": desk.sla.zone_data}))
    return parts


@MANY
@given(scenes(), STEPS, st.integers(0, 24 * 3600))
def test_keeping_the_clocks_when_nothing_happened_changes_nothing(scene: Scene, steps: list[Step], pause: int) -> None:
    for desk, _, at in living(scene, steps):
        following = desk.next_moment
        later = at + timedelta(seconds=pause)
        before_the_next = later if following is None else min(later, following.at)

        assert desk.kept_again(at) is None
        assert desk.kept_again(max(at, before_the_next)) is None
