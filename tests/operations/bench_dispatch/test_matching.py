"""The measured round: a backlog from a seed, solved both ways."""

import pytest

from operations.bench_dispatch.matching import NOW, Measured, Round, make_round, matching_figures, measure


def test_the_same_seed_gives_the_same_round() -> None:
    assert make_round(20, 5, capacity=5, seed=1) == make_round(20, 5, capacity=5, seed=1)
    assert make_round(20, 5, capacity=5, seed=1) != make_round(20, 5, capacity=5, seed=2)


def test_a_backlog_has_tickets_that_can_be_kept_and_such_that_cannot() -> None:
    tickets, _ = make_round(200, 5, capacity=5, seed=1)

    lost = [ticket for ticket in tickets if ticket.response_due_at is not None and ticket.response_due_at < NOW]
    assert 0 < len(lost) < len(tickets)


def test_a_round_that_is_not_too_big_is_solved_exactly() -> None:
    measured = measure(150, 20)

    assert measured.ours.pairs == measured.exact.pairs > 0
    assert measured.gap == pytest.approx(0, abs=1e-9)


def test_a_gap_is_told_as_a_share_and_in_points() -> None:
    measured = Measured(Round(0.1, 10, 990.0), Round(2.0, 10, 1000.0))

    assert measured.gap == pytest.approx(0.01)
    assert measured.points_missed == pytest.approx(1.0)


def test_the_figures_name_the_round() -> None:
    figures = matching_figures(50, 5, capacity=2)

    assert {figure.name for figure in figures} == {"match 50 x 5, 2 each"}
    assert [figure.ours for figure in figures if figure.unit.startswith("given out")] == [10, 10]
