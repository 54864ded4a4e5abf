"""Latencies and how to tell them: percentiles by operation, and the table of a run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `share` of all do not exceed."""
    if not values:
        raise ValueError("no values, no percentile")
    if not 0 < share <= 1:
        raise ValueError("a share lies above 0 and up to 1")
    return sorted(values)[math.ceil(share * len(values)) - 1]


@dataclass
class Figures:
    """What a run measured. `latencies_s` by operation, retries included in the operation's time."""

    latencies_s: dict[str, list[float]] = field(default_factory=dict)
    retries: dict[str, int] = field(default_factory=dict)
    """How often an answer said "not now" (202, 429, 502, 503, 504, no answer), by that answer."""
    seconds: float = 0.0

    def took(self, operation: str, seconds: float) -> None:
        self.latencies_s.setdefault(operation, []).append(seconds)

    def retried(self, why: str) -> None:
        self.retries[why] = self.retries.get(why, 0) + 1

    @property
    def count(self) -> int:
        return sum(len(values) for values in self.latencies_s.values())

    def table(self) -> Table:
        """One row per operation and one for all of them; milliseconds."""
        table = Table(title=f"{self.count} requests in {self.seconds:.1f} s")
        table.add_column("operation")
        for name in ("count", "per second", "p50 ms", "p90 ms", "p99 ms", "longest ms"):
            table.add_column(name, justify="right")
        for operation, values in self.latencies_s.items():
            table.add_row(operation, *self._cells(values))
        everything = [value for values in self.latencies_s.values() for value in values]
        if everything:
            table.add_section()
            table.add_row("all", *self._cells(everything))
        return table

    def _cells(self, values: Sequence[float]) -> list[str]:
        per_second = len(values) / self.seconds if self.seconds else 0.0
        marks = (percentile(values, share) * 1000 for share in (0.5, 0.9, 0.99, 1))
        return [str(len(values)), f"{per_second:.1f}", *(f"{mark:.1f}" for mark in marks)]
