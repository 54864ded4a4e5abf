"""No figure without a twin that is counted by hand from raw events."""

from collections.abc import Iterable
from typing import get_args

from database.report_catalogue import FIGURES
from database.sla_figures import Figures
from domain.sla_clock import TARGETS, Audience
from tests import counted_figures, counted_kept, counted_queue, counted_staff
from tests.factories import NOW

_NO_DESK = counted_staff.Desk([], [], [], [], {})
COUNTED: tuple[Iterable[str], ...] = (
    counted_figures.TICKETS,
    counted_queue.counted_overview([], NOW, (NOW, NOW), {}),
    counted_staff.counted_figures(_NO_DESK, counted_staff.Counted({}, []), counted_staff.Asked(), NOW, NOW, NOW),
    *(counted_kept.promise_values(dict.fromkeys(TARGETS, Figures()), audience) for audience in get_args(Audience)),
    counted_kept.escalation_values([]),
    counted_kept.opened_values([]),
    counted_kept.rating_values([]),
    counted_kept.resolution_values([]),
)
"""The names that are counted by hand, by each that counts: it tells them also when it has nothing to count. A new one
joins with a line."""


def test_every_figure_is_counted_by_hand() -> None:
    assert {name for names in COUNTED for name in names} == set(FIGURES)
