"""`python -m operations.rehearse`: what dispatch makes of a period of arrivals, beside simple strategies.

Agents work on one ticket at a time, to its end. Targets count in the desk's hours, Monday to Friday 08:00-18:00.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from domain.assignment_score import ScoreWeights
from domain.business_calendar import BusinessCalendar, Span
from domain.ticket import Priority
from operations.rehearse.desk import Target
from operations.rehearse.figures import Figures, figures
from operations.rehearse.log import Arrival, LogError, read_arrivals, scaled, within
from operations.rehearse.made import make_arrivals, make_roster
from operations.rehearse.report import WIDTH, table
from operations.rehearse.roster import Agent, read_roster, wished
from operations.rehearse.simulation import rehearse
from operations.rehearse.strategies import (
    Dispatch,
    LeastLoaded,
    Pull,
    RoundRobin,
    Strategy,
    by_priority,
    first_in_first_out,
)

MADE_WEEKS = 2
TARGETS = {
    Priority.URGENT: Target(timedelta(minutes=15), timedelta(hours=2)),
    Priority.HIGH: Target(timedelta(minutes=30), timedelta(hours=4)),
    Priority.NORMAL: Target(timedelta(hours=2), timedelta(hours=10)),
    Priority.LOW: Target(timedelta(hours=4), timedelta(hours=20)),
}
HOURS = BusinessCalendar(zone="UTC", week=((Span(since=8 * 60, until=18 * 60),),) * 5 + ((), ()))


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything was rehearsed, 2 when the log, the roster or a wish makes no sense."""
    options = _parser().parse_args(arguments)
    console = Console(width=max(Console().width, WIDTH))
    try:
        arrivals, agents = _given(options)
        weights = ScoreWeights.model_validate(dict(options.weight))
    except (LogError, ValueError) as error:
        console.print(f"This cannot be rehearsed: {_told(error)}", style="red", markup=False)
        return 2
    rehearsed: dict[str, Figures] = {}
    for name, strategy in strategies(weights).items():
        rehearsed[name] = figures(rehearse(arrivals, agents, TARGETS, HOURS, strategy()))
    since, until = arrivals[0].at, arrivals[-1].at
    title = f"{len(arrivals):,} tickets, {len(agents)} agents, {since:%a %Y-%m-%d %H:%M} to {until:%a %Y-%m-%d %H:%M}"
    console.print(table(title, rehearsed))
    if options.json is not None:
        options.json.write_text(json.dumps({name: one._asdict() for name, one in rehearsed.items()}, indent=2) + "\n")
    return 0


def strategies(weights: ScoreWeights) -> Mapping[str, Callable[[], Strategy]]:
    """The strategies by the names of the table, each made anew for every rehearsal."""
    return {
        "round robin, first in first out": lambda: RoundRobin(first_in_first_out),
        "least loaded, first in first out": lambda: LeastLoaded(first_in_first_out),
        "least loaded, by priority": lambda: LeastLoaded(by_priority),
        "whoever is free, by priority": lambda: Pull(by_priority),
        "dispatch": lambda: Dispatch(weights),
        "dispatch, nothing late in a shift": lambda: Dispatch(weights, minds_ends=True),
    }


def _given(options: argparse.Namespace) -> tuple[list[Arrival], list[Agent]]:
    """The arrivals and the agents that the options ask for."""
    if options.log is None:
        arrivals = make_arrivals(MADE_WEEKS, options.seed)
        agents = make_roster(arrivals, MADE_WEEKS)
    else:
        arrivals = read_arrivals(options.log)
        agents = make_roster(arrivals, _weeks(arrivals))
    if options.roster is not None:
        agents = read_roster(options.roster)
    arrivals = scaled(within(arrivals, options.since, options.days), options.scale_arrivals, options.seed)
    if unknown := set(options.without) - {agent.name for agent in agents}:
        raise LogError(f"the roster has no {', '.join(sorted(unknown))}")
    agents = [agent for agent in agents if agent.name not in options.without]
    agents += [wished(wish, f"added{place}") for place, wish in enumerate(options.add_agent, start=1)]
    if not agents:
        raise LogError("nobody is left to work")
    return arrivals, agents


def _weeks(arrivals: Sequence[Arrival]) -> int:
    return max(1, round((arrivals[-1].at - arrivals[0].at) / timedelta(weeks=1)))


def _told(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"weight {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations.rehearse", description=__doc__)
    parser.add_argument("--log", type=Path, help="a CSV file (or .csv.gz) of arrivals; without it one is made")
    parser.add_argument("--roster", type=Path, help="a CSV file of agents; without it one is made that fits the log")
    parser.add_argument("--from", dest="since", type=_day, metavar="DAY", help="only what came from this day on")
    parser.add_argument("--days", type=_positive, help="only what came within so many days")
    parser.add_argument("--scale-arrivals", type=_positive, default=1.0, metavar="X", help="1.3: 30 %% more comes")
    parser.add_argument(
        "--add-agent", action="append", default=[], metavar="WISH", help='"vpn+mail@Mon 09:00-17:00": one agent more'
    )
    parser.add_argument("--without", action="append", default=[], metavar="AGENT", help="one agent less")
    parser.add_argument(
        "--weight", action="append", default=[], type=_weight, metavar="NAME=POINTS", help="another weight of the score"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the made log, and of scaled arrivals")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError("is a day such as 2026-01-05") from None


def _positive(text: str) -> float:
    if not 0 < (number := float(text)) < 1_000:
        raise argparse.ArgumentTypeError("must be more than 0 and less than 1,000")
    return number


def _weight(text: str) -> tuple[str, object]:
    name, equals, points = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("reads as name=points, such as pressure=4")
    try:
        return name, json.loads(points)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{points!r} is no number") from None


if __name__ == "__main__":
    raise SystemExit(main())
