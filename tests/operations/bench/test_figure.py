import re

from rich.console import Console

from operations.bench.figure import Figure, Floor, rate_and_latencies, table
from operations.bench.load import Sample


def shown(figures: list[Figure]) -> list[list[str]]:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(table(figures))
    _title, _space, _head, _line, *rows = capture.get().splitlines()
    return [re.split(r"\s{2,}", row.strip()) for row in rows if row.strip()]


def test_a_load_gives_rate_and_latencies_beside_its_floors() -> None:
    ours, floor = Sample([0.02, 0.02], seconds=1), Sample([0.01, 0.01], seconds=0.5)

    rate, p50, p99 = rate_and_latencies("reply", ours, [("bare engine", floor)], best_peer=1)

    assert (rate.ours, rate.floors, rate.best_peer) == (2, [Floor("bare engine", 4)], 1)
    assert (p50.unit, p50.ours, p50.floors, p50.best_peer) == ("ms p50", 20, [Floor("bare engine", 10)], None)
    assert p99.unit == "ms p99"


def test_each_figure_stands_beside_its_floors_as_a_ratio() -> None:
    floors = [Floor("bare transaction", 1000.0), Floor("bare POST", 4000.0)]

    rows = shown([Figure("opening", "per s", 300.0, floors, best_peer=33.0), Figure("opening", "ms p50", 3.0)])

    assert rows == [
        ["opening", "per s", "300", "bare transaction", "1,000", "0.30", "33.0", "9.09"],
        ["bare POST", "4,000", "0.07"],
        ["ms p50", "3.00"],
    ]


def test_a_floor_of_nothing_has_no_ratio() -> None:
    ((*_, ratio),) = shown([Figure("waiting", "tickets", 3.0, [Floor("bare engine", 0.0)])])

    assert ratio == "-"
