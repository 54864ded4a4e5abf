"""`python -m operations.replay`: plays a log of incidents through the HTTP API and proves what came of it."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from operations.ending import leave
from operations.replay.cast import Cast, make_cast, team_slug
from operations.replay.desk import Desk, DeskError, Person
from operations.replay.evidence import collect
from operations.replay.figures import Figures
from operations.replay.log import LogError, read_log
from operations.replay.made_log import DAY_S, make_log
from operations.replay.plan import Plan, groups_of, outcome, plan, until, with_waits_up_to
from operations.replay.player import Pace, Played, Player, run_tag
from operations.replay.proof import Expected, prove
from operations.replay.report import Result, report
from operations.replay.stream import StreamReader
from settings import Settings
from workflows.client import connect
from workflows.encryption import encryption

MADE_INCIDENTS = 3400
ADMIN = "admin@example.com"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything is proven, 1 when something is not as the log says, 2 when it could not be tried."""
    settings = Settings()
    options = _parser(settings).parse_args(arguments)
    console = Console()
    try:
        plans = _plans(options)
        result = asyncio.run(_replay(options, settings, plans, console))
    except (LogError, DeskError, OSError, RuntimeError) as error:
        console.print(f"The replay could not be run: {error}", style="red", markup=False)
        return 2
    report(result, console)
    return 0 if result.is_proven else 1


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations.replay", description=__doc__)
    parser.add_argument("--log", type=Path, help="a CSV file (or .csv.gz) of incidents; without it one is made")
    parser.add_argument("--limit", type=_positive, help=f"only the first incidents (of a made log: {MADE_INCIDENTS})")
    parser.add_argument("--days", type=float, help="only what happened in the log's first days")
    parser.add_argument("--speed", type=_speed, default=None, help="log seconds per second, or max (the default)")
    parser.add_argument(
        "--longest-wait", type=float, default=DAY_S, metavar="S",
        help="longest pause within a ticket, in log seconds, at a set speed (a day; some logs have months)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="of the made log, and of what the log leaves open")
    parser.add_argument("--run", default=f"{datetime.now(UTC):%m%d%H%M%S}", help="name of the run; again = go on")
    parser.add_argument("--api", default=f"http://127.0.0.1:{settings.api_port}", help="address of the API")
    parser.add_argument("--admin-email", default=ADMIN)
    parser.add_argument("--admin-password", default=settings.demo_password.get_secret_value())
    parser.add_argument("--concurrency", type=_positive, default=16, help="requests at once")
    parser.add_argument("--requesters", type=_positive, default=8)
    parser.add_argument("--agents", type=_two_or_more, default=8)
    parser.add_argument("--patience", type=float, default=120.0, metavar="S", help="how long a request is repeated")
    return parser


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _two_or_more(text: str) -> int:
    if (number := int(text)) < 2:
        raise argparse.ArgumentTypeError("must be at least 2: every group has two agents")
    return number


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    if (speed := float(text)) <= 0:
        raise argparse.ArgumentTypeError("must be above 0, or max")
    return speed


def _plans(options: argparse.Namespace) -> list[Plan]:
    if options.log is None:
        incidents = make_log(options.limit or MADE_INCIDENTS, options.seed)
    else:
        incidents = read_log(options.log)[: options.limit]
    plans = [plan(incident, options.requesters, options.seed) for incident in incidents]
    if options.days is not None:
        plans = until(plans, options.days * DAY_S)
    if options.speed is not None:
        plans = [with_waits_up_to(plan, options.longest_wait) for plan in plans]
    if not plans:
        raise LogError("no incident is left to play")
    return plans


async def _replay(options: argparse.Namespace, settings: Settings, plans: Sequence[Plan], console: Console) -> Result:
    figures = Figures()
    key = settings.temporal_api_key
    engine = await connect(
        settings.temporal_target,
        settings.temporal_namespace,
        api_key=key.get_secret_value() if key else None,
        encryption=encryption(settings.payload_keys_file, settings.payload_keys),
    )
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        # The stage is set outside the figures of the run.
        stage = Desk(session, options.api, Figures(), options.patience)
        admin = Person(options.admin_email, options.admin_password)
        await stage.sign_in(admin)
        console.print(f"Run {options.run}: {len(plans)} incidents, {sum(len(plan.steps) for plan in plans)} steps.")
        cast = await make_cast(
            stage, admin, options.run, groups_of(plans), requesters=options.requesters, agents=options.agents
        )
        cursor = (await stage.ask("read the cursor", "GET", "/tickets?limit=1", admin))["stream_cursor"]
        async with StreamReader(stage, admin, cursor) as reader:
            desk = Desk(session, options.api, figures, options.patience)
            played = await _played(options, plans, desk, cast, console)
            with console.status("Collecting the evidence"):
                evidence = await collect(
                    dsn=settings.database_dsn,
                    engine=engine,
                    reader=reader,
                    cursor=cursor,
                    tag=run_tag(options.run),
                    opened=list(played.numbers.values()),
                    expected=expected_of(plans, played, cast),
                )
    ours = set(evidence.opened)
    return Result(figures, played.failures, prove(evidence), sum(event.ticket in ours for event in evidence.heard))


async def _played(
    options: argparse.Namespace, plans: Sequence[Plan], desk: Desk, cast: Cast, console: Console
) -> Played:
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with progress:
        bar = progress.add_task("steps", total=sum(len(plan.steps) for plan in plans))
        player = Player(
            plans,
            desk,
            cast,
            run=options.run,
            pace=Pace(options.speed),
            stepped=lambda steps: progress.advance(bar, steps),
        )
        return await player.play(at_once=options.concurrency)


def expected_of(plans: Sequence[Plan], played: Played, cast: Cast) -> dict[int, Expected]:
    """What must have become of every ticket whose incident was played to its end."""
    expected = {}
    for one in plans:
        if one.incident in played.failures:
            continue
        end = outcome(one.steps)
        expected[played.numbers[one.incident]] = Expected(
            incident=one.incident,
            status=end.status,
            priority=end.priority,
            category=end.category,
            team=team_slug(end.group),
            assignee=None if end.assignee is None else cast.agent(end.assignee).id,
            events=end.events,
        )
    return expected


if __name__ == "__main__":
    leave(main())
