"""Keeps parts running: starts each, waits until it is ready, starts it again when it dies, stops all in order."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from stack.child import SystemUser, how_it_ended, spawn
from stack.errors import StackError

LOG_BYTES = 10_000_000
"""A log that is longer when its part starts is set aside as `<part>.log.1`."""
CALM_SECONDS = 60.0
"""A part that ran this long has forgotten its earlier failures."""
POINTERS = ("(Background on this error",)
"""Last lines of a log that say nothing themselves."""
READY_POLL_SECONDS = 0.1
KILL_SECONDS = 5.0


async def nothing() -> None:
    """For a part that needs nothing before its start."""


@dataclass(frozen=True)
class Part:
    """One process that the stack keeps running."""

    name: str
    """Of its log file."""
    title: str
    """What the operator reads."""
    command: Sequence[str]
    is_ready: Callable[[int], Awaitable[bool]]
    """Given the process id: does it serve? Asked until it does; must not raise while the part is still starting."""
    prepare: Callable[[], Awaitable[None]] = nothing
    """Done before every start; a `StackError` says why the part cannot start."""
    user: SystemUser | None = None
    nice: int = 0
    cwd: Path | None = None
    env: Mapping[str, str] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    hurry_signal: signal.Signals = signal.SIGKILL
    """Ends it at once without harm: for the impatient, for the late, and when the stack itself is killed."""
    start_seconds: float = 60.0


@dataclass(frozen=True)
class BackOff:
    """Seconds to wait before a part is started again: doubled each time, up to the longest."""

    first: float = 0.5
    longest: float = 30.0

    def seconds(self, failures: int) -> float:
        return min(self.first * 2.0 ** min(failures, 30), self.longest)


@dataclass
class _Kept:
    part: Part
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    ready_at: float = 0.0
    failures: int = 0
    log_start: int = field(default=0)


class Supervisor:
    """Starts parts in the order of the calls and stops them in the reverse order.

    `say` gets what an operator should know, a line at a time.
    """

    def __init__(self, log_dir: Path, *, say: Callable[[str], None] = print, back_off: BackOff | None = None) -> None:
        self._log_dir = log_dir
        self._say = say
        self._back_off = back_off or BackOff()
        self._kept: list[_Kept] = []
        self._hurry = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, part: Part) -> None:
        """Returns when the part is ready, and keeps it running from then on.

        Raises `StackError` when it ends or takes too long: a part that has never been up will not get better.
        """
        kept = _Kept(part)
        self._kept.append(kept)  # before the first await: parts that start side by side still stop in order
        await self._bring_up(kept)
        kept.keeper = asyncio.create_task(self._keep(kept))

    async def run(
        self,
        name: str,
        title: str,
        command: Sequence[str],
        *,
        seconds: float,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """One command to its end. Raises `StackError` with the last line of its log when it fails."""
        with self._open_log(name, title) as log:
            start = log.tell()
            process = await spawn(command, output=log, cwd=cwd, env=env)
        try:
            async with asyncio.timeout(seconds):
                returncode = await process.wait()
        except TimeoutError:
            raise StackError(f"{title} took more than {seconds:g} s; see {self._log(name)}.") from None
        finally:
            if process.returncode is None:
                _send(process, signal.SIGKILL)
                await process.wait()
        if returncode:
            raise StackError(f"{title} {how_it_ended(returncode)}: {self._last_line(name, start)}")

    def pid(self, name: str) -> int:
        """Of the part's present process. Raises KeyError when it has none."""
        for kept in self._kept:
            if kept.part.name == name and kept.process is not None and kept.process.returncode is None:
                return kept.process.pid
        raise KeyError(name)

    def hurry(self) -> None:
        """From now on nobody gets time to stop."""
        self._hurry.set()

    async def stop(self) -> None:
        """Ends every part, the last started first. Never raises for a part that is already gone."""
        keepers = [kept.keeper for kept in self._kept if kept.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        while self._kept:
            await self._end(self._kept[-1])
            self._kept.pop()

    async def _keep(self, kept: _Kept) -> None:
        trouble: str | None = None
        while True:
            if kept.process is not None:
                returncode = await kept.process.wait()
                trouble = trouble or f"{kept.part.title} {how_it_ended(returncode)}."
            if _now() - kept.ready_at >= CALM_SECONDS:
                kept.failures = 0
            seconds = self._back_off.seconds(kept.failures)
            kept.failures += 1
            self._say(f"{trouble} Starting it again in {seconds:g} s.")
            await asyncio.sleep(seconds)
            try:
                await self._bring_up(kept)
            except StackError as error:
                trouble = str(error)
            except Exception as error:  # noqa: BLE001 - a keeper that gives up keeps nothing
                trouble = f"{kept.part.title} could not be started ({type(error).__name__}: {error})."
                await self._end(kept)
            else:
                trouble = None
                self._say(f"{kept.part.title} is ready again.")

    async def _bring_up(self, kept: _Kept) -> None:
        part = kept.part
        await part.prepare()
        with self._open_log(part.name, part.title) as log:
            kept.log_start = log.tell()
            kept.process = await spawn(
                part.command,
                output=log,
                user=part.user,
                nice=part.nice,
                death_signal=part.hurry_signal,
                cwd=part.cwd,
                env=part.env,
            )
        try:
            async with asyncio.timeout(part.start_seconds):
                await self._until_ready(kept, kept.process)
        except TimeoutError:
            await self._end(kept)
            raise StackError(
                f"{part.title} was not ready within {part.start_seconds:g} s; see {self._log(part.name)}."
            ) from None
        kept.ready_at = _now()

    async def _until_ready(self, kept: _Kept, process: asyncio.subprocess.Process) -> None:
        while process.returncode is None:
            if await kept.part.is_ready(process.pid):
                return
            await asyncio.sleep(READY_POLL_SECONDS)
        line = self._last_line(kept.part.name, kept.log_start)
        raise StackError(f"{kept.part.title} {how_it_ended(process.returncode)} while starting: {line}")

    async def _end(self, kept: _Kept) -> None:
        process, part = kept.process, kept.part
        if process is None or process.returncode is not None:
            return
        if not self._hurry.is_set():
            _send(process, part.stop_signal)
            if await self._ends_within(process, part.stop_seconds, may_hurry=True):
                return
            if not self._hurry.is_set():
                self._say(f"{part.title} did not stop within {part.stop_seconds:g} s; ending it.")
        _send(process, part.hurry_signal)
        if not await self._ends_within(process, KILL_SECONDS, may_hurry=False):
            _send(process, signal.SIGKILL)
            await process.wait()

    async def _ends_within(self, process: asyncio.subprocess.Process, seconds: float, *, may_hurry: bool) -> bool:
        waits: list[asyncio.Task[object]] = [asyncio.create_task(process.wait())]
        if may_hurry:
            waits.append(asyncio.create_task(self._hurry.wait()))
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        return process.returncode is not None

    def _log(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"

    def _open_log(self, name: str, title: str) -> IO[bytes]:
        path = self._log(name)
        try:
            self._log_dir.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > LOG_BYTES:
                path.replace(path.with_name(f"{name}.log.1"))
            log = path.open("ab", buffering=0)
            log.write(f"--- {title}, {datetime.now(UTC):%Y-%m-%d %H:%M:%SZ} ---\n".encode())
        except OSError as error:
            raise StackError(
                f"The log {path} cannot be written ({error.strerror}): allow it to this user, "
                "or set DATA_DIR to another folder."
            ) from error
        return log

    def _last_line(self, name: str, start: int) -> str:
        path = self._log(name)
        with path.open("rb") as log:
            log.seek(max(start, path.stat().st_size - 8192))
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines()]
        said = [line for line in lines if line and not line.startswith(POINTERS)]
        return f"{said[-1] if said else 'it said nothing'} (all of it in {path})"


def _now() -> float:
    return asyncio.get_running_loop().time()


def _send(process: asyncio.subprocess.Process, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        if what is signal.SIGKILL:
            os.killpg(process.pid, what)  # it leads a session of its own; its children go with it
        else:
            process.send_signal(what)
