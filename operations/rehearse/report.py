"""The table of a rehearsal: a line per strategy."""

from collections.abc import Mapping

from rich import box
from rich.table import Table

from operations.rehearse.figures import Figures

WIDTH = 168
"""Columns of the table; a narrower terminal or a pipe wraps lines, but cuts no figure."""
_COLUMNS = (
    "strategy", "breached", "P1+P2 breached", "resolution missed", "response, mean min", "p95 min", "P1+P2 mean min",
    "oldest, h", "Gini", "utilisation", "never begun",
)  # fmt: skip


def table(title: str, rehearsed: Mapping[str, Figures]) -> Table:
    """A line per strategy, in the order in which they were rehearsed. P1 is urgent, P2 high."""
    table = Table(title=title, box=box.SIMPLE)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column == "strategy" else "right", no_wrap=column == "strategy")
    for name, figures in rehearsed.items():
        table.add_row(
            name,
            f"{figures.breached:.1%}",
            f"{figures.pressing_breached:.1%}",
            f"{figures.resolution_missed:.1%}",
            f"{figures.mean_response:,.0f}",
            f"{figures.p95_response:,.0f}",
            f"{figures.pressing_response:,.0f}",
            f"{figures.oldest_waiting / 60:,.0f}",
            f"{figures.gini:.3f}",
            f"{figures.utilisation:.0%}",
            str(figures.left),
        )
    return table
