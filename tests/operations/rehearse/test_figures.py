"""What a rehearsed strategy comes to."""

import pytest

from domain.ticket import Priority
from operations.rehearse.figures import figures, gini
from operations.rehearse.report import table
from operations.rehearse.strategies import Pull, first_in_first_out
from tests.operations.rehearse.rehearsing import arrivals, roster, row, run

TWO_SKILLS = roster(row("ada", "vpn"), row("bob", "sap"))


@pytest.mark.parametrize(
    ("values", "unevenness"),
    [([], 0), ([0, 0], 0), ([3, 3, 3], 0), ([0, 1], 0.5), ([1, 3], 0.25), ([0, 0, 0, 4], 0.75)],
)
def test_gini_tells_how_uneven_values_are(values: list[float], unevenness: float) -> None:
    assert gini(values) == pytest.approx(unevenness)


def test_a_ticket_is_breached_when_it_is_begun_or_done_late_or_never_begun() -> None:
    urgent = Priority.URGENT
    coming = arrivals(
        ("09:00", 20, "vpn", urgent),
        ("09:01", 10, "vpn", urgent),  # begun after 19 minutes, not within 15
        ("10:00", 130, "sap", urgent),  # done after 130 minutes, not within 120
        ("10:00", 10, "nobody-can"),
        ("11:00", 30, "vpn"),
    )
    came_to = figures(run(Pull(first_in_first_out), coming, TWO_SKILLS))

    assert (came_to.tickets, came_to.left) == (5, 1)
    assert came_to.breached == pytest.approx(3 / 5)
    assert came_to.pressing_breached == pytest.approx(2 / 3)
    assert came_to.resolution_missed == pytest.approx(2 / 5)


def test_waiting_is_counted_in_the_hours_of_the_desk() -> None:
    coming = arrivals(("09:00", 10), ("17:30", 10), ("17:30", 50, "sap", Priority.HIGH))
    came_to = figures(run(Pull(first_in_first_out), coming, TWO_SKILLS))

    assert came_to.oldest_waiting == came_to.p95_response == 30
    assert came_to.mean_response == 20
    assert came_to.pressing_response == 30


def test_work_is_compared_with_the_shifts_of_the_period() -> None:
    coming = arrivals(("08:00", 60), ("10:00", 120, "sap"), ("12:00", 60))
    came_to = figures(run(Pull(first_in_first_out), coming, TWO_SKILLS))

    assert came_to.utilisation == pytest.approx(240 / (2 * 240))
    assert came_to.gini == 0


def test_without_anything_done_there_is_nothing_to_count() -> None:
    came_to = figures(run(Pull(first_in_first_out), arrivals(("20:00", 5, "other")), TWO_SKILLS))

    assert (came_to.breached, came_to.mean_response, came_to.utilisation, came_to.gini) == (1, 0, 0, 0)


def test_the_table_has_a_line_for_each_strategy() -> None:
    came_to = figures(run(Pull(first_in_first_out), arrivals(("09:00", 10)), TWO_SKILLS))

    assert table("rehearsed", {"one": came_to, "another": came_to}).row_count == 2
