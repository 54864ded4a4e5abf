from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from operations.bench.engine import Life
from operations.bench_sla.growth import Sampled, most_timers, timer_faults

STARTED = EventType.EVENT_TYPE_TIMER_STARTED
FIRED = EventType.EVENT_TYPE_TIMER_FIRED
CANCELED = EventType.EVENT_TYPE_TIMER_CANCELED


def timers(*kinds: EventType.ValueType) -> int:
    return most_timers(HistoryEvent(event_type=kind) for kind in kinds)


def test_a_timer_that_is_moved_is_one_timer() -> None:
    assert timers(STARTED, CANCELED, STARTED, FIRED, STARTED) == 1


def test_timers_that_pile_up_are_counted_at_their_highest() -> None:
    assert timers(STARTED, STARTED, STARTED, CANCELED, FIRED, FIRED) == 3


def test_two_timers_at_once_are_a_fault() -> None:
    life = Life(events=10, bytes=1000, actions=3)

    assert timer_faults([Sampled(7, life, most_timers=1), Sampled(8, life, most_timers=2)]) == [
        "2 timers at once: ticket 8"
    ]
