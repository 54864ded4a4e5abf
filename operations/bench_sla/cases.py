"""What is measured: so many open tickets, of which so many come due within a minute or at one second.

The tickets that come due have a goal of a few minutes, one warning, and a ladder of two steps: one at the moment of the
breach, as in the policies that ship, and one a minute later.
"""

from dataclasses import dataclass
from datetime import timedelta

STEP_AFTER = timedelta(minutes=1)
GOALS_MINUTES = (1, 2, 4, 5, 10, 20, 25, 50)
"""A goal is whole minutes, a warning a whole percentage of it; of these the warning comes a minute before the breach
(half a minute in the shortest)."""
INTAKE_PER_S = 50
"""So many tickets the engine takes in at least."""
SPARE = timedelta(seconds=30)
CACHED = 1_000
"""So many tickets a worker keeps at hand."""


@dataclass(frozen=True)
class Case:
    """`due` of `open` tickets come due, spread over `spread_s` seconds as they were opened; 0: all at one second.

    The others are due hours later. Most of them are opened before, but as many after as a worker keeps at hand: what
    comes due was opened long ago, and nobody has it at hand any more.
    """

    name: str
    open: int
    due: int
    spread_s: float = 60.0
    is_killed: bool = False
    """Worker, API and engine are killed in turn while the breaches come due."""

    @property
    def far(self) -> int:
        """How many are due hours later."""
        return self.open - self.due

    @property
    def far_after(self) -> int:
        """How many of those are opened last."""
        return min(self.far, CACHED)

    @property
    def is_sudden(self) -> bool:
        return self.spread_s == 0

    @property
    def goal(self) -> timedelta:
        """The shortest whose warning leaves time for the openings; a desk that is closed meanwhile needs none."""
        if self.is_sudden:
            return _minutes(2)
        return next(goal for goal in map(_minutes, GOALS_MINUTES) if self._warns_after(goal) >= self.opening_time)

    @property
    def warning_percent(self) -> int:
        return _percent(self.goal)

    @property
    def opening_time(self) -> timedelta:
        """From the first ticket that comes due until all run. They are opened as they will be due, or in one go."""
        seconds = (self.spread_s or self.due / INTAKE_PER_S) + self.far_after / INTAKE_PER_S
        return timedelta(seconds=seconds) + SPARE

    @staticmethod
    def _warns_after(goal: timedelta) -> timedelta:
        return goal * _percent(goal) / 100


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def _percent(goal: timedelta) -> int:
    minutes = goal // _minutes(1)
    return 50 if minutes == 1 else 100 - 100 // minutes


ALL = {
    case.name: case
    for case in (
        Case("steady-1k", open=1_000, due=1_000),
        Case("kills-1k", open=1_000, due=1_000, is_killed=True),
        Case("steady-10k", open=10_000, due=1_000),
        Case("kills-10k", open=10_000, due=1_000, is_killed=True),
        Case("sudden-1k", open=1_000, due=1_000, spread_s=0),
        Case("sudden-10k", open=10_000, due=1_000, spread_s=0),
        Case("steady-50k", open=50_000, due=1_000),
        Case("quick", open=200, due=50, spread_s=10),
        Case("quick-kills", open=200, due=50, spread_s=10, is_killed=True),
    )
}
USUAL = ("steady-1k", "kills-1k", "steady-10k", "kills-10k")
QUICK = ("quick", "quick-kills")
SUDDEN = ("sudden-1k", "sudden-10k")
FULL = ("steady-50k",)
