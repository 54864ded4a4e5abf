"""No figure without a twin that is counted by hand from raw events."""

from collections.abc import Iterable

from database.report_catalogue import FIGURES
from tests import counted_figures

COUNTED: tuple[Iterable[str], ...] = (counted_figures.TICKETS,)
"""The names that are counted by hand, of each that counts: a counter tells them when it has nothing to count, too. A
new one joins with a line."""


def test_every_figure_is_counted_by_hand() -> None:
    assert {name for names in COUNTED for name in names} == set(FIGURES)
