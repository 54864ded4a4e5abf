"""One measured figure beside its floors and the best peer, and the table of them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from rich import box
from rich.table import Table

from operations.bench.load import Sample
from operations.replay.desk import Json


@dataclass(frozen=True)
class Floor:
    """What the same machine does without us, measured in the same run and the same unit."""

    name: str
    value: float


@dataclass(frozen=True)
class Figure:
    """`best_peer` is what the best of the comparable products reaches, where it is known, in the same unit."""

    name: str
    unit: str
    ours: float
    floors: Sequence[Floor] = ()
    best_peer: float | None = None

    def as_json(self) -> Json:
        return asdict(self)


def rate_and_latencies(
    name: str, ours: Sample, floors: Iterable[tuple[str, Sample]], *, best_peer: float | None = None
) -> list[Figure]:
    """The three figures of a load: per second, p50 and p99."""
    named = list(floors)
    units: dict[str, float] = {"per s": ours.per_second, "ms p50": ours.p50_ms, "ms p99": ours.p99_ms}
    return [
        Figure(
            name,
            unit,
            value,
            [Floor(floor, _in_unit(sample, unit)) for floor, sample in named],
            best_peer if unit == "per s" else None,
        )
        for unit, value in units.items()
    ]


def _in_unit(sample: Sample, unit: str) -> float:
    return {"per s": sample.per_second, "ms p50": sample.p50_ms, "ms p99": sample.p99_ms}[unit]


WIDTH = 132
"""Columns of the widest table; a narrower terminal or a pipe wraps lines, but cuts no figure."""


def table(figures: Iterable[Figure]) -> Table:
    """A row per figure; more floors than one stand below each other."""
    table = Table(title="Speed and memory, beside the floor measured in the same run", box=box.SIMPLE)
    for name in ("measure", "unit", "ours", "floor", "is", "ours/floor", "best peer", "ours/peer"):
        table.add_column(name, justify="left" if name in ("measure", "unit", "floor") else "right", no_wrap=True)
    last = ""
    for figure in figures:
        name = "" if figure.name == last else figure.name
        if name and last:
            table.add_section()
        last = figure.name
        first, more = next(iter(figure.floors), None), figure.floors[1:]
        table.add_row(name, figure.unit, _short(figure.ours), *_beside(figure, first), *_peer(figure))
        for floor in more:
            table.add_row("", "", "", *_beside(figure, floor), "", "")
    return table


def _beside(figure: Figure, floor: Floor | None) -> list[str]:
    if floor is None:
        return ["", "", ""]
    return [floor.name, _short(floor.value), _ratio(figure.ours, floor.value)]


def _peer(figure: Figure) -> list[str]:
    if figure.best_peer is None:
        return ["", ""]
    return [_short(figure.best_peer), _ratio(figure.ours, figure.best_peer)]


def _ratio(one: float, other: float) -> str:
    return f"{one / other:.2f}" if other else "-"


def _short(value: float) -> str:
    """Three digits that mean something, and no more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
