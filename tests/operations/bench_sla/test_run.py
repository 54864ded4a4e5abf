from operations.bench.figure import Floor
from operations.bench_sla.run import lateness_figures


def test_lateness_is_told_in_milliseconds_beside_the_floor() -> None:
    late, floor = [share / 1000 for share in range(1, 101)], [0.010, 0.020]

    p50, p99, longest = lateness_figures("breach", late, floor)

    assert (p50.unit, p50.ours, p50.floors) == ("ms p50", 50, [Floor("bare timer", 10)])
    assert (p99.unit, p99.ours, p99.floors) == ("ms p99", 99, [Floor("bare timer", 20)])
    assert (longest.unit, longest.ours, longest.floors) == ("ms max", 100, [Floor("bare timer", 20)])


def test_without_a_floor_there_is_none_beside_it() -> None:
    assert [list(figure.floors) for figure in lateness_figures("breach", [1.0], [])] == [[], [], []]
