from collections import Counter
from statistics import median

import pytest

from operations.replay.log import Incident
from operations.replay.made_log import DAY_S, HOUR_S, WEEK_S, make_log

COUNT = 3400


@pytest.fixture(scope="module")
def log() -> list[Incident]:
    return make_log(COUNT, seed=1)


def _share(log: list[Incident], named: list[bool]) -> float:
    return sum(named) / len(log)


def test_the_same_seed_gives_the_same_log_and_another_seed_another() -> None:
    assert make_log(50, seed=7) == make_log(50, seed=7)
    assert make_log(50, seed=7) != make_log(50, seed=8)


@pytest.mark.parametrize("count", [1, 2, 19, 3400])
def test_the_log_has_as_many_incidents_as_asked_in_the_order_of_arrival(count: int) -> None:
    log = make_log(count, seed=3)

    arrivals = [incident.arrival_offset_s for incident in log]
    assert len({incident.ticket for incident in log}) == count
    assert arrivals == sorted(arrivals)


def test_people_call_on_workdays_by_day(log: list[Incident]) -> None:
    weekend = [incident.arrival_offset_s % WEEK_S >= 5 * DAY_S for incident in log]
    office = [8 <= incident.arrival_offset_s % DAY_S // HOUR_S < 18 for incident in log]

    assert 0.02 < _share(log, weekend) < 0.1
    assert 0.75 < _share(log, office) < 0.95


def test_arrivals_come_in_bursts(log: list[Incident]) -> None:
    per_hour = Counter(incident.arrival_offset_s // HOUR_S for incident in log)

    assert max(per_hour.values()) > 2 * COUNT / (10 * 12)


def test_hops_waits_and_reopens_have_the_shares_of_a_real_desk(log: list[Incident]) -> None:
    assert 0.55 < _share(log, [incident.reassignments == 0 for incident in log]) < 0.64
    assert 0.15 < _share(log, [incident.pending_s > 0 for incident in log]) < 0.23
    assert 0.005 < _share(log, [incident.reopens > 0 for incident in log]) < 0.025
    assert max(incident.reassignments for incident in log) >= 7


def test_durations_have_the_right_order_of_size(log: list[Incident]) -> None:
    resolved = [incident.resolution_s for incident in log if incident.resolution_s is not None]

    assert 2 * HOUR_S < median(resolved) < 24 * HOUR_S
    assert all(incident.first_assigned_s <= incident.closed_s for incident in log)
    assert all(incident.resolution_s is None or incident.resolution_s <= incident.closed_s for incident in log)


def test_who_was_never_passed_on_ends_where_they_began(log: list[Incident]) -> None:
    assert all(incident.first_group == incident.final_group for incident in log if incident.reassignments == 0)
