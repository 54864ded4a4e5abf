"""No figure without a twin that is counted by hand from raw events."""

from collections.abc import Iterable

import pytest

from database.report_catalogue import REPORTS
from tests import counted_figures

TWINS: dict[str, Iterable[str]] = {
    "tickets": counted_figures.TICKETS,
}
"""By report: the names of the figures that a test counts by hand. A new report joins with a line."""


@pytest.mark.parametrize("report", REPORTS)
def test_every_figure_is_counted_by_hand(report: str) -> None:
    assert set(TWINS[report]) == {figure.name for figure in REPORTS[report]}


def test_what_is_counted_by_hand_is_in_a_report() -> None:
    assert TWINS.keys() == REPORTS.keys()
