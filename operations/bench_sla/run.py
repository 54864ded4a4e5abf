"""One case from an empty desk to its figures and its proof."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from operations.bench.figure import Figure, Floor
from operations.bench.ground import QUICK, Ground, prepared_ground
from operations.bench.load import closed_loop, wait_until
from operations.bench_sla.cases import STEP_AFTER, Case
from operations.bench_sla.floor import floor_lateness_s
from operations.bench_sla.growth import life_figures, sample_lives, timer_faults
from operations.bench_sla.kills import Killed, kill_figures, kill_in_turn
from operations.bench_sla.moments import STEPS, Account, Kind, read_account
from operations.bench_sla.policies import TAG, offer_policy
from operations.replay.figures import percentile

AT_ONCE = 8
TEAM = "support"
PATIENCE_S = 120.0
"""After the last moment: what was not recorded by then is lost."""
LONGEST_INTAKE_S = 3600.0
MEBIBYTE = 1024 * 1024
TOLD: dict[Kind, str] = {
    "warning": "warning",
    "breach": "breach",
    "first step": "step with breach",
    "second step": "step after it",
}
UNITS = {"ms p50": 0.5, "ms p99": 0.99, "ms max": 1.0}


@dataclass(frozen=True)
class Outcome:
    """What a case measured, and what is wrong with it."""

    figures: Sequence[Figure]
    faults: Sequence[str] = field(default=())


def lateness_figures(name: str, lateness_s: Sequence[float], floor_s: Sequence[float]) -> list[Figure]:
    """Milliseconds, beside the floor where there is one."""
    return [
        Figure(
            name,
            unit,
            percentile(lateness_s, share) * 1000,
            [Floor("bare timer", percentile(floor_s, share) * 1000)] if floor_s else [],
        )
        for unit, share in UNITS.items()
    ]


async def run_case(case: Case) -> Outcome:
    """On a stack of its own. Raises BenchError when it cannot be measured."""
    async with prepared_ground(QUICK) as ground:
        return await _Run(ground, case).whole()


class _Run:
    def __init__(self, ground: Ground, case: Case) -> None:
        self._ground = ground
        self._case = case
        self._numbers: dict[bool, list[int]] = {True: [], False: []}
        """Of the tickets that come due, and of those that do not."""

    async def whole(self) -> Outcome:
        case, ground = self._case, self._ground
        await ground.running_tickets(5)
        before = ground.stack.worker_rss_bytes()
        counts_from = await self._open_all()
        await self._all_run(counts_from + case.goal * case.warning_percent / 100)
        memory = ground.stack.worker_rss_bytes()
        killed = await self._live_through(counts_from + case.goal)
        account = await read_account(ground.pool)
        faults = account.faults(datetime.now(UTC))
        due = await sample_lives(ground, self._numbers[True])
        far = await sample_lives(ground, self._numbers[False]) if case.far else []
        faults += timer_faults([*due, *far])
        floor = [] if case.is_killed else await floor_lateness_s(ground, case)
        figures = [
            *self._lateness(account, floor),
            *await kill_figures(ground, case.name, killed),
            Figure(f"{case.name}: worker memory", "MiB", memory / MEBIBYTE),
            Figure(f"{case.name}: worker memory", "KiB per ticket", (memory - before) / 1024 / case.open),
            *life_figures(f"{case.name}: a ticket that came due", due),
            *(life_figures(f"{case.name}: a ticket that waits", far) if far else []),
        ]
        return Outcome(figures, faults)

    async def _open_all(self) -> datetime:
        """Returns from when on the clocks count: the opening of the first ticket, or the desk's opening."""
        case = self._case
        await self._open(case.far - case.far_after, is_due=False)
        await self._ground.settle(LONGEST_INTAKE_S)
        counts_from = await offer_policy(self._ground.pool, case, datetime.now(UTC))
        if case.is_sudden:
            await self._open(case.due, is_due=True)
        else:
            await self._open_spread()
        await self._open(case.far_after, is_due=False)
        return counts_from

    async def _open(self, count: int, *, is_due: bool) -> None:
        await closed_loop(self._opener(is_due=is_due), at_once=AT_ONCE, count=count, seconds=LONGEST_INTAKE_S)

    async def _open_spread(self) -> None:
        """Each at its place of the time, so that they come due as they were opened."""
        began, open_one = time.monotonic(), self._opener(is_due=True)
        async with asyncio.TaskGroup() as openings:
            for place in range(self._case.due):
                await asyncio.sleep(began + self._case.spread_s * place / self._case.due - time.monotonic())
                openings.create_task(open_one(0, place))

    def _opener(self, *, is_due: bool) -> Callable[[int, int], Coroutine[object, object, None]]:
        async def open_one(_lane: int, _turn: int) -> None:
            ground = self._ground
            number = await ground.api.open(ground.people.admin, TEAM, [TAG] if is_due else [])
            self._numbers[is_due].append(number)

        return open_one

    async def _all_run(self, first: datetime) -> None:
        """Wait until the engine has taken all tickets in; that must be before the first moment comes."""
        await self._ground.settle(max(1.0, (first - datetime.now(UTC)).total_seconds()))

    async def _live_through(self, breaches_from: datetime) -> list[Killed]:
        """Until all moments were recorded, or patience ends; with the kills while breaches come."""
        case = self._case
        spread = timedelta(seconds=case.spread_s)
        killed = []
        if case.is_killed:
            killed = await kill_in_turn(self._ground, breaches_from, spread)
        end = breaches_from + spread + STEP_AFTER
        await asyncio.sleep((end - datetime.now(UTC)).total_seconds())
        await wait_until(self._is_through, every_s=1, timeout_s=PATIENCE_S)
        return killed

    async def _is_through(self) -> bool:
        """Whether every ticket took its last step; what came before it is the proof's to tell."""
        climbed: int = await self._ground.pool.fetchval(
            "select count(distinct ticket_number) from events "
            "where type = 'ticket.ladder_climbed' and (data ->> 'step')::int = $1",
            len(STEPS) - 1,
        )
        return climbed == self._case.due

    def _lateness(self, account: Account, floor_s: Sequence[float]) -> list[Figure]:
        """Of each kind that was recorded at all; when none was, the proof says so."""
        every = {told: account.lateness_s(kind) for kind, told in TOLD.items()}
        return [
            figure
            for told, lateness_s in every.items()
            if lateness_s
            for figure in lateness_figures(f"{self._case.name}: lateness, {told}", lateness_s, floor_s)
        ]
