"""Solves a round of the dispatcher: the best pairs of tickets and places, exactly."""

from array import array
from collections.abc import Sequence


def solve(worth: Sequence["array[float]"]) -> list[tuple[int, int]]:
    """The pairs of rows and columns that are the most in number, and among these the greatest in sum of worth.

    Minus infinity marks a pair that must not be. Every pair gets a bonus beyond what all differences of worth come to,
    so a further pair is always better than better pairs.
    """
    import numpy as np  # noqa: PLC0415  loaded by the first round: an API process rarely solves any
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    matrix = np.array([np.frombuffer(row) for row in worth if row])
    possible = np.isfinite(matrix)
    if not possible.any():
        return []
    least, greatest = matrix[possible].min(), matrix[possible].max()
    bonus = (greatest - least) * min(matrix.shape) + 1.0
    rows, columns = linear_sum_assignment(np.where(possible, matrix - least + bonus, 0.0), maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if possible[row, column]]
