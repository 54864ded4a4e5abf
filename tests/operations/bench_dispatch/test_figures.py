from datetime import timedelta

from activities.matching import solve
from domain.agent import Capacity, Presence
from domain.assignment import Candidate, WaitingTicket
from domain.assignment_round import Matching, match
from domain.assignment_score import ScoreWeights
from domain.ids import TicketNumber
from domain.ticket import Priority
from operations.bench.figure import Floor
from operations.bench_dispatch.crowd import gap
from operations.bench_dispatch.singles import latency_figures
from tests.factories import AGENT, NOW


def matching(tickets: int, room: int) -> Matching:
    wanted = [
        WaitingTicket(TicketNumber(number), Priority.NORMAL, "general", NOW - timedelta(hours=1), 15)
        for number in range(tickets)
    ]
    someone = Candidate(AGENT, Presence.ONLINE, {}, Capacity(tickets=room))
    return match(wanted, [someone], NOW, ScoreWeights(), solve)


def test_latency_is_told_in_milliseconds_beside_the_floor() -> None:
    p50, p99, longest = latency_figures("one", [share / 1000 for share in range(1, 101)], [0.010, 0.020])

    assert (p50.unit, p50.ours, p50.floors) == ("ms p50", 50, [Floor("update + transaction", 10)])
    assert (p99.unit, p99.ours, p99.floors) == ("ms p99", 99, [Floor("update + transaction", 20)])
    assert (longest.unit, longest.ours, longest.floors) == ("ms max", 100, [Floor("update + transaction", 20)])


def test_the_gap_is_the_share_of_the_optimum_that_is_missed() -> None:
    nothing, best = matching(0, 4), matching(4, 4)

    assert gap(best, best) == 0
    assert gap(nothing, best) == 1
    assert gap(nothing, nothing) == 0
    assert 0 < gap(matching(2, 4), best) < 1
