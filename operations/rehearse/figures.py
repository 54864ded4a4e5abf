"""What a rehearsed strategy comes to, in figures."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from domain.ticket import Priority
from operations.rehearse.desk import Done
from operations.rehearse.simulation import Run

_MINUTE = timedelta(minutes=1)
_PRESSING = (Priority.URGENT, Priority.HIGH)


class Figures(NamedTuple):
    """Shares are of one, times in minutes by the wall clock (nights and weekends too).

    A ticket is breached when it was begun or was done after its due moment, or was never begun. `gini` tells how
    unevenly the workers were busy (the share of their shifts that they worked): 0 is the same for all.
    """

    tickets: int
    breached: float
    pressing_breached: float
    mean_response: float
    p95_response: float
    pressing_response: float
    oldest_waiting: float
    gini: float
    utilisation: float
    left: int


def figures(run: Run) -> Figures:
    """The figures of one run; `pressing` are tickets of urgent and high priority."""
    pressing = [done for done in run.done if done.arrival.priority in _PRESSING]
    lost = sum(1 for ticket in run.left if ticket.arrival.priority in _PRESSING)
    responses = sorted(_response(done) for done in run.done)
    busy = _busy_shares(run)
    return Figures(
        tickets=len(run.done) + len(run.left),
        breached=_share(sum(map(is_breached, run.done)) + len(run.left), len(run.done) + len(run.left)),
        pressing_breached=_share(sum(map(is_breached, pressing)) + lost, len(pressing) + lost),
        mean_response=_mean(responses),
        p95_response=responses[min(len(responses) * 95 // 100, len(responses) - 1)] if responses else 0.0,
        pressing_response=_mean([_response(done) for done in pressing]),
        oldest_waiting=responses[-1] if responses else 0.0,
        gini=gini([share for share, _ in busy]),
        utilisation=_share(sum(share * hours for share, hours in busy), sum(hours for _, hours in busy)),
        left=len(run.left),
    )


def is_breached(done: Done) -> bool:
    return done.begun_at > done.due.response_at or done.ended_at > done.due.resolution_at


def gini(values: Sequence[float]) -> float:
    """The mean difference of all pairs, as a share of twice the mean."""
    total = sum(values)
    if not total:
        return 0.0
    ranked = sorted(values)
    return sum((2 * rank - len(ranked) - 1) * value for rank, value in enumerate(ranked, start=1)) / (
        len(ranked) * total
    )


def _busy_shares(run: Run) -> list[tuple[float, float]]:
    """Of each worker with a shift: the share of it that they worked, and how many hours it was."""
    worked: dict[str, timedelta] = {}
    for done in run.done:
        worked[done.worker.name] = worked.get(done.worker.name, timedelta()) + done.arrival.work
    shares = []
    for worker in run.workers:
        on_shift = worker.shifts.within(run.since, run.until)
        if on_shift:
            shares.append((worked.get(worker.name, timedelta()) / on_shift, on_shift / timedelta(hours=1)))
    return shares


def _response(done: Done) -> float:
    return (done.begun_at - done.arrival.at) / _MINUTE


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
