"""What a rehearsed strategy comes to, in figures."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from domain.business_calendar import BusinessCalendar
from domain.ticket import Priority
from domain.working_time import working_time
from operations.rehearse.desk import Done
from operations.rehearse.simulation import Run

_MINUTE = timedelta(minutes=1)
_PRESSING = (Priority.URGENT, Priority.HIGH)


class Figures(NamedTuple):
    """Shares are of one, times in minutes of the desk's hours.

    A ticket is breached when it was begun or was done after its due moment, or was never begun. `gini` tells how
    unevenly the workers were busy (how much they worked for each hour of shift): 0 is the same for all.
    """

    tickets: int
    breached: float
    pressing_breached: float
    """Of those of urgent and high priority; so is `pressing_response`."""
    resolution_missed: float
    mean_response: float
    p95_response: float
    pressing_response: float
    oldest_waiting: float
    """The longest time that a ticket waited for its beginning."""
    gini: float
    utilisation: float
    left: int
    """What nobody ever began."""


def figures(run: Run) -> Figures:
    """The figures of one run."""
    pressing = [done for done in run.done if done.arrival.priority in _PRESSING]
    left_pressing = sum(1 for ticket in run.left if ticket.arrival.priority in _PRESSING)
    left, responses = len(run.left), sorted(_response(done, run.hours) for done in run.done)
    busy = _busy_shares(run)
    return Figures(
        tickets=len(run.done) + left,
        breached=_share(sum(map(_is_breached, run.done)) + left, len(run.done) + left),
        pressing_breached=_share(sum(map(_is_breached, pressing)) + left_pressing, len(pressing) + left_pressing),
        resolution_missed=_share(sum(done.is_done_late for done in run.done) + left, len(run.done) + left),
        mean_response=_mean(responses),
        p95_response=responses[min(len(responses) * 95 // 100, len(responses) - 1)] if responses else 0.0,
        pressing_response=_mean([_response(done, run.hours) for done in pressing]),
        oldest_waiting=max(responses, default=0.0),
        gini=gini([share for share, _ in busy]),
        utilisation=_share(sum(share * hours for share, hours in busy), sum(hours for _, hours in busy)),
        left=left,
    )


def _is_breached(done: Done) -> bool:
    return done.is_late or done.is_done_late


def gini(values: Sequence[float]) -> float:
    """The mean difference of all pairs, as a share of twice the mean (the Gini coefficient)."""
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


def _response(done: Done, hours: BusinessCalendar) -> float:
    return working_time(hours, done.arrival.at, done.begun_at) / _MINUTE


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
