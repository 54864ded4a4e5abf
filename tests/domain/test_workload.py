"""How full somebody is, and when they can begin something else."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.agent import Capacity, Presence
from domain.assignment import Candidate
from domain.ids import TicketNumber
from domain.workload import Carried, excess, free_at, room, utilisation
from tests.factories import AGENT, NOW

HOUR = timedelta(hours=1)


def candidate(**changes: Any) -> Candidate:
    return Candidate(
        **{"id": AGENT, "presence": Presence.ONLINE, "skills": {}, "capacity": Capacity(tickets=4), **changes}
    )


def carried(number: int, minutes: int, ago: timedelta = timedelta(), weight: float = 1) -> Carried:
    return Carried(TicketNumber(number), weight, minutes, NOW - ago)


def free(agent: Candidate, *tickets: Carried, back_at: datetime | None = None) -> datetime | None:
    return free_at(agent, tickets, back_at, NOW, weight=1, minutes=15)


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({"load": 1}, 0.25),
        ({"load": 6}, 1.5),
        ({"load": 1, "load_minutes": 45, "capacity": Capacity(tickets=4, minutes=60)}, 0.75),
        ({"capacity": Capacity(tickets=0)}, 0),
        ({"load": 2, "tickets_carried": 2, "capacity": Capacity(tickets=0)}, 2),
        ({"tickets_carried": 3, "capacity": Capacity(tickets=4, minutes=0)}, 3),
    ],
    ids=str,
)
def test_the_fuller_of_tickets_and_minutes_is_how_full_somebody_is(changes: dict[str, Any], share: float) -> None:
    assert utilisation(candidate(**changes)) == share


def test_what_is_carried_beyond_the_capacity_is_excess_and_leaves_no_room() -> None:
    assert (excess(candidate(load=6)), room(candidate(load=6))) == (2, 0)
    assert (excess(candidate(load=1)), room(candidate(load=1))) == (0, 3)
    assert room(candidate(load_minutes=60, capacity=Capacity(tickets=4, minutes=60))) == 0


def test_who_is_there_with_room_is_free_now() -> None:
    assert free(candidate(load=3), carried(1, 60)) == NOW


def test_who_is_off_is_free_when_they_come_back_and_never_when_nobody_knows() -> None:
    assert free(candidate(on_shift=False), back_at=NOW + 8 * HOUR) == NOW + 8 * HOUR
    assert free(candidate(presence=Presence.OFFLINE)) is None


def test_who_takes_nothing_new_says_when() -> None:
    assert free(candidate(presence=Presence.BUSY), back_at=NOW + HOUR) is None


def test_who_is_full_is_free_when_the_first_is_expected_to_be_done() -> None:
    full = candidate(load=4)
    tickets = [carried(1, 120, HOUR), carried(2, 90, HOUR / 2), carried(3, 300), carried(4, 300)]

    assert free(full, *tickets) == NOW + HOUR


def test_work_that_takes_longer_than_expected_is_not_done_in_the_past() -> None:
    assert free(candidate(load=4), carried(1, 30, 5 * HOUR)) == NOW


def test_who_carries_too_much_is_free_when_enough_is_done() -> None:
    over = candidate(load=6, tickets_carried=6)

    assert free(over, *(carried(number, 60 * number) for number in range(1, 7))) == NOW + 3 * HOUR


def test_minutes_are_made_room_of_too() -> None:
    full = candidate(load=2, load_minutes=60, capacity=Capacity(tickets=4, minutes=60))

    assert free(full, carried(1, 10), carried(2, 50)) == NOW + timedelta(minutes=50)


def test_who_comes_back_full_has_still_to_finish_something() -> None:
    away = candidate(load=4, on_shift=False)

    assert free(away, carried(1, 120), back_at=NOW + HOUR) == NOW + 2 * HOUR
    assert free(away, carried(1, 30), back_at=NOW + HOUR) == NOW + HOUR


def test_who_can_carry_nothing_is_never_free() -> None:
    assert free(candidate(capacity=Capacity(tickets=0))) is None
